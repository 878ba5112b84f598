"""What a speaker sounds like: the mean and the deviation of the features of enrolled sounds.

A model that knows them judges a voice by how it differs from itself, not from everybody else's.
The caller keeps the profile and sends it back; nothing about anyone stays on the server.
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
"""Of sounds: more than any speaker enrols, and a number that float32 still holds."""
MAX_MAGNITUDE = 1e12
"""Of a feature; beyond it arithmetic in float32 is near its end."""
WIRE = np.dtype("<f4")
"""Of the numbers in a profile: float32, little endian."""

Numbers = Annotated[bytes, Meta(description="A float32 per feature, little endian, in base64.")]


class SpeakerProfile(Schema, frozen=True, kw_only=True):
    """The voice of one speaker: mean and deviation of the features that a front-end computes.

    :meth:`ser.Model.enrol` returns it. As JSON it can be stored, and read again by :meth:`parse`.

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
        Meta(min_length=64, max_length=64, description="SHA-256 of the front-end that heard it."),
    ]
    count: Annotated[int, Meta(ge=1, le=MAX_COUNT, description="How many sounds were enrolled.")]
    mean: Numbers
    deviation: Numbers

    @classmethod
    def of(cls, front_end: str, features: NDArray[np.float32]) -> SpeakerProfile:
        """Return the profile of one sound, of whose chunks ``features`` (chunks, features) are."""
        wide = features.astype(np.float64)
        return cls(
            front_end=front_end,
            count=1,
            mean=wide.mean(axis=0).astype(WIRE).tobytes(),
            deviation=wide.std(axis=0).astype(WIRE).tobytes(),
        )

    @classmethod
    def parse(cls, value: object) -> SpeakerProfile:
        """Return the profile that ``value`` describes: an object, or JSON in a string.

        Raises
        ------
        InvalidInput
            One fault for each field that does not fit.
        """
        return parse(cls, value)

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del given
        for name, lowest in (("mean", -MAX_MAGNITUDE), ("deviation", 0.0)):
            if name in values and (bad := unfit(values[name], lowest)):
                yield Fault(
                    (name,), f"{bad}; allowed: float32 from {lowest:g} to {MAX_MAGNITUDE:g}"
                )

    @classmethod
    def pooled(cls, profiles: Sequence[SpeakerProfile]) -> SpeakerProfile:
        """Return the profile of all sounds of ``profiles``, as if they had been enrolled together.

        Each sound weighs the same, however many chunks it has; so neither the order nor the
        grouping of the sounds matters. The variance is that within plus that between the profiles
        (Chan, Golub, LeVeque, Algorithms for computing the sample variance, American
        Statistician 37, 1983).
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
            # What is given is also taken: a profile that has grown stays within its bounds.
            count=min(int(counts.sum()), MAX_COUNT),
            mean=mean.astype(WIRE).tobytes(),
            deviation=np.sqrt(variance).clip(max=MAX_MAGNITUDE).astype(WIRE).tobytes(),
        )

    def inputs(self) -> dict[str, NDArray[np.float32]]:
        """Return what a model's graph is told of it."""
        return {
            "speaker_mean": numbers(self.mean),
            "speaker_deviation": numbers(self.deviation),
            "speaker_count": np.asarray(self.count, dtype=np.float32),
        }

    def require(self, front_end: str, features: int) -> None:
        """Raise :class:`InvalidInput` unless it is of that front-end with so many features."""
        if self.front_end != front_end:
            raise InvalidInput(
                Fault(
                    ("front_end",),
                    f"{shown(self.front_end)} is not that of this model; allowed: {front_end}. "
                    "Enrol the speaker anew with this model",
                )
            )
        if faults := [
            Fault((name,), f"{len(data)} bytes; allowed: {features} float32 in base64")
            for name, data in (("mean", self.mean), ("deviation", self.deviation))
            if len(data) != features * WIRE.itemsize
        ]:
            raise InvalidInput(*faults)


def takes_profile(session: onnxruntime.InferenceSession) -> bool:
    """Whether the graph of ``session`` can be told what the speaker sounds like."""
    # Inputs that have a default, and so may be left out, are what may be overridden.
    return "speaker_count" in {value.name for value in session.get_overridable_initializers()}


def numbers(data: bytes) -> NDArray[np.float32]:
    """Return the float32 that ``data`` holds, shape (features,)."""
    return np.frombuffer(data, WIRE)


def unfit(data: bytes, lowest: float) -> str | None:
    """Say what of ``data`` is no float32 from ``lowest`` to :data:`MAX_MAGNITUDE`, if anything."""
    if len(data) % WIRE.itemsize:
        return f"{len(data)} bytes are no whole number of float32"
    values = numbers(data)
    # Written so that NaN is among them.
    bad = values[~((values >= lowest) & (values <= MAX_MAGNITUDE))]
    return f"{len(bad)} numbers such as {bad[0]}" if len(bad) else None
