"""Speaker profiles: mean and standard deviation of the features of enrolled sounds.

With a profile, a model compares a voice with its own average instead of with the average of all
speakers. Callers store profiles and pass them with later sounds; a server stores no profiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser._schemas import Schema, parse, shown
from ser.errors import Fault, InvalidInput

if TYPE_CHECKING:
    import onnxruntime

MAX_COUNT = 1_000_000
"""Largest allowed number of enrolled sounds; float32 represents it exactly."""
MAX_MAGNITUDE = 1e12
"""Largest allowed magnitude of a feature; the square of a larger one may overflow float32."""
STORED_TYPE = np.dtype("<f4")
"""Type of the numbers in a stored profile: float32, little endian."""

Numbers = Annotated[
    bytes, Meta(description="One float32 for each feature, little endian, in base64.")
]


class SpeakerProfile(Schema, frozen=True, kw_only=True):
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

    front_end: Annotated[
        str,
        Meta(min_length=64, max_length=64, description="SHA-256 of the front-end of the features."),
    ]
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT, description="Number of enrolled sounds.")]
    mean: Numbers
    deviation: Numbers

    @classmethod
    def of(cls, front_end: str, features: NDArray[np.float32]) -> SpeakerProfile:
        """Return the profile of one sound from its features, shape (chunks, features)."""
        wide = features.astype(np.float64)
        return cls(
            front_end=front_end,
            count=1,
            mean=wide.mean(axis=0).astype(STORED_TYPE).tobytes(),
            deviation=wide.std(axis=0).astype(STORED_TYPE).tobytes(),
        )

    @classmethod
    def parse(cls, value: object) -> SpeakerProfile:
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
        for name, lowest in (("mean", -MAX_MAGNITUDE), ("deviation", 0.0)):
            if name in values and (bad := number_fault(values[name], lowest)):
                yield Fault(
                    (name,), f"{bad}; allowed: float32 from {lowest:g} to {MAX_MAGNITUDE:g}"
                )

    @classmethod
    def pooled(cls, profiles: Sequence[SpeakerProfile]) -> SpeakerProfile:
        """Return one profile of the sounds of all ``profiles``.

        Every sound has the same weight, regardless of its number of chunks, so neither the order
        nor the grouping of the sounds matters. The variance is the sum of the variances within and
        between the profiles (Chan, Golub, LeVeque, Algorithms for computing the sample variance,
        American Statistician 37, 1983).
        """
        counts = np.array([profile.count for profile in profiles])
        weights = counts / counts.sum()
        means, deviations = (
            np.stack([numbers(getattr(profile, name)) for profile in profiles]).astype(np.float64)
            for name in ("mean", "deviation")
        )
        mean = weights @ means
        variance = weights @ (deviations**2 + (means - mean) ** 2)
        return cls(
            front_end=profiles[0].front_end,
            # The result must be a valid profile too, so its values are kept within the bounds.
            count=min(int(counts.sum()), MAX_COUNT),
            mean=mean.astype(STORED_TYPE).tobytes(),
            deviation=np.sqrt(variance).clip(max=MAX_MAGNITUDE).astype(STORED_TYPE).tobytes(),
        )

    def inputs(self) -> dict[str, NDArray[np.float32]]:
        """Return the profile as inputs of a model's graph, by name."""
        return {
            "speaker_mean": numbers(self.mean),
            "speaker_deviation": numbers(self.deviation),
            "speaker_count": np.asarray(self.count, dtype=np.float32),
        }

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
                    f"allowed: {front_end}. Enrol the speaker again with this model",
                )
            )
        if faults := [
            Fault((name,), f"{len(data)} bytes; allowed: {features} float32 in base64")
            for name, data in (("mean", self.mean), ("deviation", self.deviation))
            if len(data) != features * STORED_TYPE.itemsize
        ]:
            raise InvalidInput(*faults)


def takes_profile(session: onnxruntime.InferenceSession) -> bool:
    """Return whether the graph of ``session`` has inputs for a profile."""
    # Inputs with a default are listed as initializers that a caller may override.
    return "speaker_count" in {value.name for value in session.get_overridable_initializers()}


def numbers(data: bytes) -> NDArray[np.float32]:
    """Return the numbers in ``data``, float32 of shape (features,)."""
    return np.frombuffer(data, STORED_TYPE)


def number_fault(data: bytes, lowest: float) -> str | None:
    """Return the fault of ``data``, float32 from ``lowest`` to :data:`MAX_MAGNITUDE`, if any."""
    if len(data) % STORED_TYPE.itemsize:
        return f"{len(data)} bytes are not a whole number of float32 values"
    values = numbers(data)
    # Negated, since every comparison with NaN is false.
    bad = values[~((values >= lowest) & (values <= MAX_MAGNITUDE))]
    return f"{len(bad)} numbers such as {bad[0]}" if len(bad) else None
