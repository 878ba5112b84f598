"""Domain profiles: mean of the features of sounds of one channel, room or corpus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser._schemas import Schema, parse, shown
from ser._speaker_profile import (
    MAX_COUNT,
    MAX_MAGNITUDE,
    STORED_TYPE,
    Numbers,
    number_fault,
    numbers,
)
from ser.errors import Fault, InvalidInput

if TYPE_CHECKING:
    import onnxruntime


class DomainProfile(Schema, frozen=True, kw_only=True):
    """A channel, a room or a corpus: mean of the features of sounds of several speakers.

    :meth:`ser.Model.enrol_domain` returns a profile. It can be stored as JSON; :meth:`parse` reads
    it.

    Examples
    --------
    >>> ser.DomainProfile.parse('{"front_end": "' + 64 * "0" + '", "count": 1, "mean": ""}').count
    1
    """

    front_end: Annotated[
        str,
        Meta(min_length=64, max_length=64, description="SHA-256 of the front-end of the features."),
    ]
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT, description="Number of enrolled sounds.")]
    mean: Numbers

    @classmethod
    def of(cls, front_end: str, features: NDArray[np.float32]) -> DomainProfile:
        """Return the profile of one sound from its features, shape (chunks, features)."""
        mean = features.astype(np.float64).mean(axis=0)
        return cls(front_end=front_end, count=1, mean=mean.astype(STORED_TYPE).tobytes())

    @classmethod
    def parse(cls, value: object) -> DomainProfile:
        """Return the profile in ``value``, an object or the JSON of one.

        Raises
        ------
        InvalidInput
            One fault for each invalid field.
        """
        return parse(cls, value)

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del given
        if "mean" in values and (bad := number_fault(values["mean"], -MAX_MAGNITUDE)):
            bounds = f"float32 from {-MAX_MAGNITUDE:g} to {MAX_MAGNITUDE:g}"
            yield Fault(("mean",), f"{bad}; allowed: {bounds}")

    @classmethod
    def pooled(cls, profiles: Sequence[DomainProfile]) -> DomainProfile:
        """Return one profile of the sounds of all ``profiles``; every sound has the same weight."""
        counts = np.array([profile.count for profile in profiles])
        means = np.stack([numbers(profile.mean) for profile in profiles]).astype(np.float64)
        return cls(
            front_end=profiles[0].front_end,
            count=min(int(counts.sum()), MAX_COUNT),
            mean=(counts / counts.sum() @ means).astype(STORED_TYPE).tobytes(),
        )

    def inputs(self) -> dict[str, NDArray[np.float32]]:
        """Return the profile as inputs of a model's graph, by name."""
        return {
            "domain_mean": numbers(self.mean),
            "domain_count": np.asarray(self.count, dtype=np.float32),
        }

    def require(self, front_end: str, features: int) -> None:
        """Raise :class:`InvalidInput` unless the profile fits a model with this front-end and
        number of features."""
        if self.front_end != front_end:
            raise InvalidInput(
                Fault(
                    ("front_end",),
                    f"{shown(self.front_end)} is not the front-end of this model; "
                    f"allowed: {front_end}. Enrol the domain again with this model",
                )
            )
        if len(self.mean) != features * STORED_TYPE.itemsize:
            allowed = f"allowed: {features} float32 in base64"
            raise InvalidInput(Fault(("mean",), f"{len(self.mean)} bytes; {allowed}"))


def takes_domain_profile(session: onnxruntime.InferenceSession) -> bool:
    """Return whether the graph of ``session`` has inputs for a domain profile."""
    return "domain_count" in {value.name for value in session.get_overridable_initializers()}
