"""Signals, the input of models: mono, 16 kHz, float32; mixed and resampled block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser.errors import InvalidInput, TooLarge
from ser.limits import Limit
from ser.sounds._mixing import Average
from ser.sounds._refusing import refusing

SAMPLING_RATE = 16_000
"""Sampling rate of the input of every model in Hz."""
MIN_SECONDS = 0.1
"""Minimum duration of a sound; a shorter one does not contain a whole syllable."""
MAX_PEAK = 10.0
"""Maximum peak relative to full scale; a higher one shows that the range is not -1 to 1."""
BLOCK_SAMPLES = 131_072
"""Number of samples of all channels that are decoded, mixed and resampled at once."""

Signal = NDArray[np.float32]
"""Samples at :data:`SAMPLING_RATE`, mono, from -1 to 1; shape (samples,)."""


class Source(NamedTuple):
    """A sound before it is mixed and resampled."""

    sampling_rate: int
    """Sampling rate in Hz."""
    blocks: Callable[[], Iterable[NDArray[Any]]]
    """Return consecutive parts of the sound, floating-point, each of shape (frames, channels).
    Each call begins at the first sample again."""


def block_frames(channels: int) -> int:
    """Return the number of frames of a block with ``channels``."""
    return max(1, BLOCK_SAMPLES // channels)


def assemble(source: Source, limit: Limit) -> Signal:
    """Return the signal of ``source``.

    Channels are averaged, or the strongest is taken if they cancel each other
    (:meth:`~ser.sounds._mixing.Average.cancels`); other sampling rates are resampled by soxr at
    its high quality. Memory use depends on the result only, not on the sampling rate or the number
    of channels.

    Parameters
    ----------
    limit
        Maximum duration in seconds.

    Raises
    ------
    InvalidInput
        The sound is shorter than :data:`MIN_SECONDS`, has samples that are not finite, or a peak
        above :data:`MAX_PEAK`.
    TooLarge
        The sound is longer than ``limit``.
    """
    average = Average()
    samples = mix(source, limit, average)
    if average.cancels():
        # Only now is it known that the average was wrong; the sound is decoded a second time
        # rather than held twice in memory.
        samples.clear()
        samples = mix(source, limit, average.strongest())
    return require_peak(np.frombuffer(samples, np.float32))


def mix(
    source: Source, limit: Limit, to_mono: Callable[[NDArray[Any]], NDArray[np.float64]]
) -> bytearray:
    """Return the samples of ``source``, each block mixed by ``to_mono`` and then resampled.

    Raises the errors of :func:`assemble`, except for the peak.
    """
    # A buffer that grows in place: joining the blocks at the end would need twice the memory.
    samples = bytearray()
    frames = non_finite = 0
    rate = source.sampling_rate
    resample = resampler(rate)
    for block in source.blocks():
        frames += len(block)
        require_limit(frames, rate, limit)
        non_finite += count_non_finite(block)
        # Sums of finite samples may still overflow, which the check of the peak detects.
        with np.errstate(over="ignore", invalid="ignore"):
            mono = to_mono(block).astype(np.float32)
        samples += resample(mono, False).data.cast("B")
    require_finite(non_finite)
    require_duration(frames, rate)
    samples += resample(np.zeros(0, np.float32), True).tobytes()
    return samples


def resampler(sampling_rate: int) -> Callable[[Signal, bool], Signal]:
    """Return a function that resamples a block; its second argument marks the last block."""
    if sampling_rate == SAMPLING_RATE:
        return lambda block, _last: block
    import soxr

    stream: Any = soxr.ResampleStream(sampling_rate, SAMPLING_RATE, 1, dtype="float32")

    def resample(block: Signal, last: bool) -> Signal:
        with refusing(f"a sound of {sampling_rate} Hz cannot be resampled"):
            resampled: Signal = stream.resample_chunk(block, last=last)
        return resampled

    return resample


def as_floats(samples: NDArray[Any]) -> NDArray[Any]:
    """Return ``samples`` of any float or integer type as floats from -1 to 1."""
    kind, bits = samples.dtype.kind, 8 * samples.dtype.itemsize
    if kind == "f":
        return samples
    full_scale = 2.0 ** (bits - 1)
    middle = full_scale if kind == "u" else 0.0
    return (samples.astype(np.float64) - middle) / full_scale


def count_non_finite(samples: NDArray[Any]) -> int:
    """Return the number of samples that are NaN or infinite."""
    return int(np.count_nonzero(~np.isfinite(samples)))


def require_finite(non_finite: int) -> None:
    """Raise :class:`InvalidInput` if the number of samples that are not finite is not 0."""
    if non_finite:
        raise InvalidInput(f"{non_finite} samples are NaN or infinite; allowed: finite samples")


def require_limit(frames: int, sampling_rate: int, limit: Limit) -> None:
    """Raise :class:`TooLarge` if ``frames`` last longer than ``limit`` seconds."""
    if frames > limit.value * sampling_rate:
        raise TooLarge(f"The sound is longer than {limit.value:g} s{limit.origin}.")


def require_duration(frames: int, sampling_rate: int) -> None:
    """Raise :class:`InvalidInput` if ``frames`` last less than :data:`MIN_SECONDS`."""
    if frames < MIN_SECONDS * sampling_rate:
        raise InvalidInput(
            f"the sound lasts {1000 * frames / sampling_rate:g} ms; "
            f"allowed: at least {1000 * MIN_SECONDS:g} ms"
        )


def require_peak(signal: Signal) -> Signal:
    """Return ``signal``; raise :class:`InvalidInput` if its peak is above :data:`MAX_PEAK`."""
    peak = float(np.maximum(signal.max(), -signal.min()))
    # An overflow in the resampler leaves NaN, for which every comparison is false.
    if not peak <= MAX_PEAK:
        raise InvalidInput(
            f"the sound has a peak of {peak:.3g} times full scale; allowed: at most {MAX_PEAK:g} "
            "(samples as floats range from -1 to 1)"
        )
    return signal
