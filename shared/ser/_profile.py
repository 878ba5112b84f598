"""The base of profiles: statistics of the features of enrolled sounds.

Callers store profiles and pass them with later sounds; a server stores no profiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser._schemas import Schema, parse, shown
from ser.errors import Fault, InvalidInput

MAX_COUNT = 1_000_000
"""Largest allowed number of enrolled sounds; float32 represents it exactly."""
MAX_MAGNITUDE = 1e12
"""Largest allowed magnitude of a feature; the square of a larger one may overflow float32."""
STORED_TYPE = np.dtype("<f4")
"""Type of the numbers in a stored profile: float32, little endian."""

Numbers = Annotated[
    bytes, Meta(description="One float32 for each feature, little endian, in base64.")
]


class Profile(Schema, frozen=True, kw_only=True):
    """Statistics of the features of enrolled sounds, one number for each feature."""

    lowest: ClassVar[Mapping[str, float]] = {"mean": -MAX_MAGNITUDE}
    """Lowest allowed number of each field of numbers."""
    enrolled: ClassVar[str]
    """The noun in the instruction to enrol again."""

    front_end: Annotated[
        str,
        Meta(min_length=64, max_length=64, description="SHA-256 of the front-end of the features."),
    ]
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT, description="Number of enrolled sounds.")]
    mean: Numbers

    @classmethod
    def parse(cls, value: object) -> Self:
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
        for name, lowest in cls.lowest.items():
            if name in values and (bad := number_fault(values[name], lowest)):
                yield Fault(
                    (name,), f"{bad}; allowed: float32 from {lowest:g} to {MAX_MAGNITUDE:g}"
                )

    def require(self, front_end: str, features: int) -> None:
        """Raise :class:`InvalidInput` unless the profile fits a model.

        Parameters
        ----------
        front_end
            SHA-256 of the model's front-end.
        features
            Number of the model's features.
        """
        if self.front_end != front_end:
            raise InvalidInput(
                Fault(
                    ("front_end",),
                    f"{shown(self.front_end)} is not the front-end of this model; "
                    f"allowed: {front_end}. Enrol the {self.enrolled} again with this model",
                )
            )
        if faults := [
            Fault((name,), f"{len(data)} bytes; allowed: {features} float32 in base64")
            for name in self.lowest
            if len(data := getattr(self, name)) != features * STORED_TYPE.itemsize
        ]:
            raise InvalidInput(*faults)


def total_count(profiles: Sequence[Profile]) -> int:
    """Return the number of sounds of all ``profiles``, at most :data:`MAX_COUNT`.

    A pooled profile must be a valid profile too.
    """
    return min(sum(profile.count for profile in profiles), MAX_COUNT)


def weights_of(profiles: Sequence[Profile]) -> NDArray[np.float64]:
    """Return the share of each profile in the sounds of all, shape (profiles,)."""
    counts = np.array([profile.count for profile in profiles])
    return np.asarray(counts / counts.sum())


def stacked(profiles: Sequence[Profile], name: str) -> NDArray[np.float64]:
    """Return the numbers ``name`` of all profiles, shape (profiles, features)."""
    return np.stack([numbers(getattr(profile, name)) for profile in profiles]).astype(np.float64)


def numbers(data: bytes) -> NDArray[np.float32]:
    """Return the numbers in ``data``, float32 of shape (features,)."""
    return np.frombuffer(data, STORED_TYPE)


def stored(values: NDArray[np.floating]) -> bytes:
    """Return ``values``, shape (features,), as the bytes of a field of numbers."""
    return values.astype(STORED_TYPE).tobytes()


def number_fault(data: bytes, lowest: float) -> str | None:
    """Return the fault of ``data``, float32 from ``lowest`` to :data:`MAX_MAGNITUDE`, if any."""
    if len(data) % STORED_TYPE.itemsize:
        return f"{len(data)} bytes are not a whole number of float32 values"
    values = numbers(data)
    # Negated, since every comparison with NaN is false.
    bad = values[~((values >= lowest) & (values <= MAX_MAGNITUDE))]
    return f"{len(bad)} numbers such as {bad[0]}" if len(bad) else None
