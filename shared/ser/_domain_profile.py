"""Domain profiles: mean of the features of unlabelled sounds of one channel, room or corpus.

With a profile, a model compares a sound with the average of its own domain instead of with the
average of the training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from ser._profile import Profile, numbers, stacked, stored, total_count, weights_of

if TYPE_CHECKING:
    import onnxruntime


class DomainProfile(Profile, frozen=True, kw_only=True):
    """A channel, room or corpus: mean of the features of sounds of several speakers.

    :meth:`ser.Model.enrol_domain` returns a profile. It can be stored as JSON; :meth:`parse` reads
    it.

    Examples
    --------
    >>> model = ser.load_model("latest", registry="model")
    >>> profile = model.enrol_domain(["speech.wav"])
    >>> import msgspec
    >>> stored = msgspec.json.encode(profile).decode()
    >>> ser.DomainProfile.parse(stored) == profile
    True
    """

    enrolled: ClassVar[str] = "domain"

    @classmethod
    def of(cls, front_end: str, features: NDArray[np.float32]) -> DomainProfile:
        """Return the profile of one sound from its features, shape (chunks, features)."""
        mean = features.astype(np.float64).mean(axis=0)
        return cls(front_end=front_end, count=1, mean=stored(mean))

    @classmethod
    def pooled(cls, profiles: Sequence[DomainProfile]) -> DomainProfile:
        """Return one profile of the sounds of all ``profiles``; each sound has the same weight."""
        return cls(
            front_end=profiles[0].front_end,
            count=total_count(profiles),
            mean=stored(weights_of(profiles) @ stacked(profiles, "mean")),
        )

    def inputs(self) -> dict[str, NDArray[np.float32]]:
        """Return the profile as inputs of a model's graph, by name."""
        return {
            "domain_mean": numbers(self.mean),
            "domain_count": np.asarray(self.count, dtype=np.float32),
        }


def takes_domain_profile(session: onnxruntime.InferenceSession) -> bool:
    """Return whether the graph of ``session`` has inputs for a domain profile."""
    return "domain_count" in {value.name for value in session.get_overridable_initializers()}
