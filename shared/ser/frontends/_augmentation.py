"""Augmentation: altered copies of training utterances, which make a model more robust.

A training request selects methods by METHOD_NAME, each with a CONFIG. To add a method, derive it
from :class:`Augmentation` and list it in :data:`METHODS`. All random numbers come from the
generator passed by the caller, so the copies of an utterance are reproducible.
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
"""Maximum number of copies of an utterance by all methods in total. The analysis of a copy takes as
long as that of the utterance."""
TELEPHONE_RATE = 8_000
"""Sampling rate of a telephone line in Hz."""

Copies = Annotated[int, Meta(ge=1, le=MAX_COPIES)]
Factor = Annotated[float, Meta(ge=0.5, le=2)]
Decibels = Annotated[float, Meta(ge=-20, le=100)]


class Augmentation(Schema, frozen=True, kw_only=True):
    """A method of augmentation; its fields are the CONFIG of a training request.

    A subclass imports audio libraries inside its methods, because requests are validated in
    processes that must not load these libraries.
    """

    @property
    @abstractmethod
    def copies(self) -> int:
        """Number of copies of an utterance."""

    @abstractmethod
    def vary(self, signal: Signal, random: np.random.Generator) -> Iterator[Signal]:
        """Yield the copies of ``signal``, each float32 of shape (samples,), at 16 kHz."""


class Resampling(Augmentation, frozen=True, kw_only=True):
    """One copy for each of ``factors``, with pitch, tempo and formants changed together.

    Source: Ko, Peddinti, Povey, Khudanpur, Audio augmentation for speech recognition,
    Interspeech 2015.
    """

    factors: Annotated[list[Factor], Meta(max_length=MAX_COPIES)] = msgspec.field(
        default_factory=lambda: [0.88, 1.13]
    )
    """Ratios of the tempo and pitch of a copy to those of the utterance."""

    @property
    def copies(self) -> int:
        return len(self.factors)

    def vary(self, signal: Signal, random: np.random.Generator) -> Iterator[Signal]:
        del random
        for factor in self.factors:
            yield resample(signal, factor)


class DegradingAugmentation(Augmentation, frozen=True, kw_only=True):
    """Base of methods that resample each copy, as if by another speaker, and then degrade it."""

    copies: Copies = 2
    resampled: Annotated[float, Meta(ge=0, le=0.5)] = 0.15
    """Maximum distance of the resampling factor from 1."""

    def vary(self, signal: Signal, random: np.random.Generator) -> Iterator[Signal]:
        for copy in range(self.copies):
            # Each copy draws from another part of the range, which balances slow and fast copies.
            position = (copy + random.random()) / self.copies
            factor = 1 + self.resampled * (2 * position - 1)
            degraded = self.degrade(resample(signal, factor), random)
            yield np.asarray(degraded, dtype=np.float32)

    @abstractmethod
    def degrade(self, signal: Signal, random: np.random.Generator) -> Signal:
        """Return a degraded copy of ``signal``, shape (samples,)."""


class Noise(DegradingAugmentation, frozen=True, kw_only=True):
    """Copies with stationary noise of a random colour from white to pink."""

    lowest_snr: Decibels = 10.0
    """Minimum signal-to-noise ratio in dB over the whole utterance."""
    highest_snr: Decibels = 30.0
    """Maximum signal-to-noise ratio in dB."""

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


class Telephone(DegradingAugmentation, frozen=True, kw_only=True):
    """Copies in a telephone band with random edges and slopes, since lines differ."""

    def degrade(self, signal: Signal, random: np.random.Generator) -> Signal:
        import soxr
        from scipy.signal import butter, sosfilt

        band = random.uniform(150, 400), random.uniform(3000, 3700)
        order = random.integers(3, 7)
        filters = butter(order, band, "bandpass", fs=TELEPHONE_RATE, output="sos")
        narrow = sosfilt(filters, soxr.resample(signal, SAMPLING_RATE, TELEPHONE_RATE))
        return np.asarray(soxr.resample(narrow, TELEPHONE_RATE, SAMPLING_RATE))


class Clipping(DegradingAugmentation, frozen=True, kw_only=True):
    """Copies overdriven by a random gain and clipped at full scale."""

    highest_gain: Annotated[float, Meta(ge=0, le=40)] = 15.0
    """Maximum gain in dB, relative to that at which the loudest sample reaches full scale."""

    def degrade(self, signal: Signal, random: np.random.Generator) -> Signal:
        gain = random.uniform(0, self.highest_gain)
        limit = np.abs(signal).max() * 10 ** (-gain / 20)
        return signal.clip(-limit, limit)


METHODS: dict[str, type[Augmentation]] = {
    kind.__name__: kind for kind in (Resampling, Noise, Telephone, Clipping)
}


class Augmentations(Methods[Augmentation]):
    """Augmentation methods by METHOD_NAME; an empty mapping makes no copies."""

    kinds = METHODS

    @classmethod
    def parse(cls, value: object) -> Augmentations:
        """Return the methods described by an object METHOD_NAME -> CONFIG.

        Raises
        ------
        InvalidInput
            One fault for each method that is unknown or has an invalid CONFIG; or the methods make
            more than :data:`MAX_COPIES` copies in total.
        """
        methods = super().parse(value)
        if methods.copies > MAX_COPIES:
            raise InvalidInput(
                f"{methods.copies} copies of each utterance; allowed: at most {MAX_COPIES}"
            )
        return methods

    @property
    def copies(self) -> int:
        """Number of copies of an utterance by all methods in total."""
        return sum(method.copies for method in self.values())

    @property
    def fingerprint(self) -> bytes:
        """Bytes that change whenever the copies may change: the methods and their code."""
        return msgspec.json.encode(self.configs) + Path(__file__).read_bytes()

    def vary(self, signal: Signal, random: np.random.Generator) -> list[Signal]:
        """Return all copies of ``signal``, each float32 of shape (samples,), at 16 kHz."""
        return [copy for method in self.values() for copy in method.vary(signal, random)]


def resample(signal: Signal, factor: float) -> Signal:
    """Return ``signal`` played ``factor`` times as fast."""
    import soxr

    return np.asarray(soxr.resample(signal, factor * SAMPLING_RATE, SAMPLING_RATE))


def coloured_noise(samples: int, slope: float, random: np.random.Generator) -> Signal:
    """Return noise with an RMS of 1 and a power proportional to ``frequency ** -slope``.

    The result is float64 of shape (samples,). The slope is 0 for white and 1 for pink noise.
    """
    frequencies = np.fft.rfftfreq(samples, 1 / SAMPLING_RATE)
    # Flat below 50 Hz, which contains no speech, but would contain most power of pink noise.
    weights = np.maximum(frequencies, 50) ** (-slope / 2)
    noise = np.fft.irfft(weights * np.fft.rfft(random.normal(size=samples)), samples)
    return np.asarray(noise / noise.std())
