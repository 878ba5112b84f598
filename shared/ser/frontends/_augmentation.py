"""Augmentation: altered copies of an utterance that is trained on, which make a model robust.

A request names the methods by METHOD_NAME with a CONFIG each. A new one is a class with the shape
of :class:`Augmentation`, added to :data:`METHODS`. Whatever is random is drawn from the generator
that the caller hands in, so that the copies of an utterance depend on nothing else.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from ser._schemas import Methods, Schema
from ser.errors import Fault, InvalidInput
from ser.sounds import SAMPLING_RATE, Signal

MAX_COPIES = 32
"""Of an utterance, by all methods together: each costs as much time as the utterance itself."""
TELEPHONE_RATE = 8_000
"""Sampling rate of a telephone line in Hz."""

Copies = Annotated[int, Meta(ge=1, le=MAX_COPIES)]
Factor = Annotated[float, Meta(ge=0.5, le=2)]
Decibels = Annotated[float, Meta(ge=-20, le=100)]


class Augmentation(Schema, frozen=True, kw_only=True):
    """A METHOD_NAME; its fields are the CONFIG.

    A subclass imports what works on sounds inside its methods: the request of a training is
    checked where none of it is loaded.
    """

    @property
    @abstractmethod
    def copies(self) -> int:
        """How many copies of an utterance are made."""

    @abstractmethod
    def vary(self, signal: Signal, random: np.random.Generator) -> Iterator[Signal]:
        """Yield the copies of ``signal``, each float32 of shape (its samples,), at 16 kHz."""


class Resampling(Augmentation, frozen=True, kw_only=True):
    """One copy for each of ``factors``: pitch, tempo and formants are changed together.

    Source: Ko, Peddinti, Povey, Khudanpur, Audio augmentation for speech recognition,
    Interspeech 2015.
    """

    factors: Annotated[list[Factor], Meta(max_length=MAX_COPIES)] = msgspec.field(
        default_factory=lambda: [0.88, 1.13]
    )
    """How many times as fast, and as high, a copy is."""

    @property
    def copies(self) -> int:
        return len(self.factors)

    def vary(self, signal: Signal, random: np.random.Generator) -> Iterator[Signal]:
        del random
        for factor in self.factors:
            yield resample(signal, factor)


class Degrading(Augmentation, frozen=True, kw_only=True):
    """Copies that are each resampled, as if another speaker spoke, and then degraded."""

    copies: Copies = 2
    resampled: Annotated[float, Meta(ge=0, le=0.5)] = 0.15
    """How far the factor of the resampling is from 1 at the most."""

    def vary(self, signal: Signal, random: np.random.Generator) -> Iterator[Signal]:
        for copy in range(self.copies):
            # Each from a part of the range of its own, so that slow and fast copies are balanced.
            place = (copy + random.random()) / self.copies
            factor = 1 + self.resampled * (2 * place - 1)
            degraded = self.degrade(resample(signal, factor), random)
            yield np.asarray(degraded, dtype=np.float32)

    @abstractmethod
    def degrade(self, signal: Signal, random: np.random.Generator) -> Signal:
        """Return one copy of ``signal``."""


class Noise(Degrading, frozen=True, kw_only=True):
    """Copies in stationary noise, of a colour at random from white to pink."""

    lowest_snr: Decibels = 10.0
    """Lowest ratio of speech to noise in dB, each over the whole utterance."""
    highest_snr: Decibels = 30.0
    """Highest ratio of speech to noise in dB."""

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del given
        defaults = cls()
        lowest = values.get("lowest_snr", defaults.lowest_snr)
        highest = values.get("highest_snr", defaults.highest_snr)
        if lowest > highest:
            yield Fault(
                ("lowest_snr",), f"{lowest:g} dB; allowed: at most highest_snr, {highest:g} dB"
            )

    def degrade(self, signal: Signal, random: np.random.Generator) -> Signal:
        snr = random.uniform(self.lowest_snr, self.highest_snr)
        noise = coloured_noise(len(signal), random.uniform(0, 1), random)
        return np.asarray(signal + 10 ** (-snr / 20) * signal.std() * noise)


class Telephone(Degrading, frozen=True, kw_only=True):
    """Copies in a telephone's band, whose edges and their steepness are random: lines differ."""

    def degrade(self, signal: Signal, random: np.random.Generator) -> Signal:
        import soxr
        from scipy.signal import butter, sosfilt

        band = random.uniform(150, 400), random.uniform(3000, 3700)
        order = random.integers(3, 7)
        filters = butter(order, band, "bandpass", fs=TELEPHONE_RATE, output="sos")
        narrow = sosfilt(filters, soxr.resample(signal, SAMPLING_RATE, TELEPHONE_RATE))
        return np.asarray(soxr.resample(narrow, TELEPHONE_RATE, SAMPLING_RATE))


class Clipping(Degrading, frozen=True, kw_only=True):
    """Copies overdriven by a random gain: what is louder than full scale is cut off."""

    highest_gain: Annotated[float, Meta(ge=0, le=40)] = 15.0
    """In dB, above the gain at which the loudest sample just reaches full scale."""

    def degrade(self, signal: Signal, random: np.random.Generator) -> Signal:
        gain = random.uniform(0, self.highest_gain)
        limit = np.abs(signal).max() * 10 ** (-gain / 20)
        return signal.clip(-limit, limit)


METHODS: dict[str, type[Augmentation]] = {
    kind.__name__: kind for kind in (Resampling, Noise, Telephone, Clipping)
}


class Augmentations(Methods[Augmentation]):
    """The augmentation of a corpus: methods by METHOD_NAME; none of them: no copies."""

    kinds = METHODS

    @classmethod
    def parse(cls, value: object) -> Augmentations:
        """Return the methods that an object METHOD_NAME -> CONFIG describes.

        Raises
        ------
        InvalidInput
            An unknown method, a CONFIG that does not fit (all faults at once), or more than
            :data:`MAX_COPIES` in all.
        """
        methods = super().parse(value)
        if methods.copies > MAX_COPIES:
            raise InvalidInput(
                f"{methods.copies} copies of each utterance; allowed: at most {MAX_COPIES}"
            )
        return methods

    @property
    def copies(self) -> int:
        """How many copies of an utterance are made by all methods together."""
        return sum(method.copies for method in self.values())

    @property
    def fingerprint(self) -> bytes:
        """What changes whenever the copies may: the methods, and the code that makes them."""
        return msgspec.json.encode(self.configs) + Path(__file__).read_bytes()

    def vary(self, signal: Signal, random: np.random.Generator) -> list[Signal]:
        """Return the copies of ``signal``, float32 of shape (samples,), 16 kHz, by all methods."""
        return [copy for method in self.values() for copy in method.vary(signal, random)]


def resample(signal: Signal, factor: float) -> Signal:
    """Return ``signal`` played ``factor`` times as fast."""
    import soxr

    return np.asarray(soxr.resample(signal, factor * SAMPLING_RATE, SAMPLING_RATE))


def coloured_noise(samples: int, slope: float, random: np.random.Generator) -> Signal:
    """Return noise with an RMS of 1 whose power falls with frequency to the power of ``slope``.

    Float64 of shape (samples,). White has a slope of 0, pink of 1.
    """
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLING_RATE)
    # Level below 50 Hz: no speech is there, and most of the power of pink noise would be.
    weights = np.maximum(frequencies, 50) ** (-slope / 2)
    noise = np.fft.irfft(weights * np.fft.rfft(random.normal(size=samples)), samples)
    return np.asarray(noise / noise.std())
