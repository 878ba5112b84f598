"""Signals, the input of models: mono, 16 kHz, float32; mixed and resampled block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser.errors import InvalidInput, TooLarge
from ser.limits import Limit

SAMPLING_RATE = 16_000
"""Sampling rate of the input of every model in Hz."""
MIN_SECONDS = 0.1
"""Minimum duration of a sound; a shorter one does not contain a whole syllable."""
MAX_PEAK = 10.0
"""Maximum peak relative to full scale; a higher one shows that the range is not -1 to 1."""
BLOCK_FRAMES = 65_536
"""Number of frames that are mixed and resampled at once."""
SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au"})
"""Suffixes of the files in a corpus that count as sounds."""

Signal = NDArray[np.float32]
"""Samples at :data:`SAMPLING_RATE`, mono, from -1 to 1; shape (samples,)."""


def assemble(blocks: Iterable[NDArray[Any]], sampling_rate: int, limit: Limit) -> Signal:
    """Return the signal of the sound that consists of ``blocks``.

    Channels are averaged, other sampling rates resampled by soxr at its high quality. Memory
    use depends on the result only, not on the sampling rate or the number of channels.

    Parameters
    ----------
    blocks
        Consecutive parts of the sound, floating-point, each of shape (frames, channels).
    sampling_rate
        Sampling rate of the blocks in Hz.
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
    # A buffer that grows in place: joining the blocks at the end would need twice the memory.
    samples = bytearray()
    frames = non_finite = 0
    resample = resampler(sampling_rate)
    for block in blocks:
        frames += len(block)
        require_limit(frames, sampling_rate, limit)
        non_finite += count_non_finite(block)
        # Sums of finite samples may still overflow, which the check of the peak detects.
        with np.errstate(over="ignore", invalid="ignore"):
            mono = block.mean(axis=1, dtype=np.float64).astype(np.float32)
        samples += resample(mono, False).data.cast("B")
    require_finite(non_finite)
    require_duration(frames, sampling_rate)
    samples += resample(np.zeros(0, np.float32), True).tobytes()
    return require_peak(np.frombuffer(samples, np.float32))


def resampler(sampling_rate: int) -> Callable[[Signal, bool], Signal]:
    """Return a function that resamples a block; its second argument marks the last block."""
    if sampling_rate == SAMPLING_RATE:
        return lambda block, _last: block
    import soxr

    stream: Any = soxr.ResampleStream(sampling_rate, SAMPLING_RATE, 1, dtype="float32")
    return lambda block, last: stream.resample_chunk(block, last=last)


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
