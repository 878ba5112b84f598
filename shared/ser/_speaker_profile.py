"""Speaker profiles: mean and standard deviation of the features of enrolled sounds.

With a profile, a model compares a voice with its own average instead of with the average of all
speakers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from ser._profile import (
    MAX_MAGNITUDE,
    Numbers,
    Profile,
    numbers,
    stacked,
    stored,
    total_count,
    weights_of,
)

if TYPE_CHECKING:
    import onnxruntime


class SpeakerProfile(Profile, frozen=True, kw_only=True):
    """The voice of one speaker: mean and standard deviation of the features of enrolled sounds.

    :meth:`ser.Model.enrol` returns a profile. It can be stored as JSON; :meth:`parse` reads it.

    Examples
    --------
    >>> model = ser.load_model("latest", registry="model")
    >>> profile = model.enrol(["speech.wav"])
    >>> import msgspec
    >>> stored = msgspec.json.encode(profile).decode()
    >>> ser.SpeakerProfile.parse(stored) == profile
    True
    """

    lowest: ClassVar[Mapping[str, float]] = {"mean": -MAX_MAGNITUDE, "deviation": 0.0}
    enrolled: ClassVar[str] = "speaker"

    deviation: Numbers

    @classmethod
    def of(cls, front_end: str, features: NDArray[np.float32]) -> SpeakerProfile:
        """Return the profile of one sound from its features, shape (chunks, features)."""
        wide = features.astype(np.float64)
        return cls(
            front_end=front_end,
            count=1,
            mean=stored(wide.mean(axis=0)),
            deviation=stored(wide.std(axis=0)),
        )

    @classmethod
    def pooled(cls, profiles: Sequence[SpeakerProfile]) -> SpeakerProfile:
        """Return one profile of the sounds of all ``profiles``.

        Every sound has the same weight, regardless of its number of chunks, so neither the order
        nor the grouping of the sounds matters. The variance is the sum of the variances within and
        between the profiles (Chan, Golub, LeVeque, Algorithms for computing the sample variance,
        American Statistician 37, 1983).
        """
        weights = weights_of(profiles)
        means, deviations = (stacked(profiles, name) for name in ("mean", "deviation"))
        mean = weights @ means
        variance = weights @ (deviations**2 + (means - mean) ** 2)
        return cls(
            front_end=profiles[0].front_end,
            count=total_count(profiles),
            mean=stored(mean),
            # The result must be a valid profile too, so its values are kept within the bounds.
            deviation=stored(np.sqrt(variance).clip(max=MAX_MAGNITUDE)),
        )

    def inputs(self) -> dict[str, NDArray[np.float32]]:
        """Return the profile as inputs of a model's graph, by name."""
        return {
            "speaker_mean": numbers(self.mean),
            "speaker_deviation": numbers(self.deviation),
            "speaker_count": np.asarray(self.count, dtype=np.float32),
        }


def takes_profile(session: onnxruntime.InferenceSession) -> bool:
    """Return whether the graph of ``session`` has inputs for a profile."""
    # Inputs with a default are listed as initializers that a caller may override.
    return "speaker_count" in {value.name for value in session.get_overridable_initializers()}
