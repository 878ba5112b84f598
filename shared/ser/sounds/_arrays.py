"""Arrays of samples as signals."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser.errors import InvalidInput
from ser.limits import Limit
from ser.sounds._signals import (
    BLOCK_FRAMES,
    SAMPLING_RATE,
    Signal,
    assemble,
    count_damaged,
    require_duration,
    require_finite,
    require_limit,
    require_peak,
)

MAX_RATE = 2**31 - 1
"""Highest sampling rate in Hz; libsndfile has the same one."""


def read_array(array: NDArray[Any], sampling_rate: float | None, limit: Limit) -> Signal:
    """Return ``array`` as a signal; a signal already is returned as it is, without a copy.

    Parameters
    ----------
    array
        Samples of any float or integer type, shape (samples,) or (samples, channels). Floats
        range from -1 to 1; integers are divided by the full scale of their type, unsigned ones
        after their middle is subtracted.
    sampling_rate
        Sampling rate of the array in Hz, a whole number.
    limit
        Longest duration in seconds.

    Raises
    ------
    InvalidInput
        The array has another type or shape, is empty, has no sampling rate or an impossible one,
        or :func:`~ser.sounds._signals.assemble` refuses the sound.
    TooLarge
        The sound is longer than ``limit``.
    """
    require_samples(array)
    rate = whole_rate(sampling_rate)
    if array.ndim == 1 and array.dtype == np.float32 and rate == SAMPLING_RATE:
        return checked(np.ascontiguousarray(array), limit)
    require_limit(len(array), rate, limit)
    frames = array[:, np.newaxis] if array.ndim == 1 else array
    return assemble(blocks_of(frames), rate, limit)


def checked(signal: Signal, limit: Limit) -> Signal:
    """Return ``signal``, which needs no conversion, if it is a sound that models take."""
    require_limit(len(signal), SAMPLING_RATE, limit)
    require_duration(len(signal), SAMPLING_RATE)
    try:
        return require_peak(signal)
    except InvalidInput:
        # NaN and infinity fail the check of the peak too, but have a reason of their own.
        require_finite(count_damaged(signal))
        raise


def require_samples(array: NDArray[Any]) -> None:
    """Raise :class:`InvalidInput` if the type or shape of ``array`` is not that of a sound."""
    if array.dtype.kind not in "fiu":
        raise InvalidInput(
            f"an array of {array.dtype} is no sound; allowed: float16, float32, float64, and "
            "integers such as int16"
        )
    if array.ndim not in (1, 2):
        raise InvalidInput(
            f"an array of shape {array.shape} is no sound; allowed: (samples,) or "
            "(samples, channels)"
        )
    if not array.size:
        raise InvalidInput(f"the sound is empty: an array of shape {array.shape}")
    if array.ndim == 2 and array.shape[1] > array.shape[0]:
        raise InvalidInput(
            f"an array of shape {array.shape} has more channels than samples; allowed: "
            "(samples, channels), so transpose it: array.T"
        )


def whole_rate(sampling_rate: float | None) -> int:
    """Return ``sampling_rate`` as an integer.

    Raises
    ------
    InvalidInput
        It is ``None``, not a number, not whole, or not between 1 and :data:`MAX_RATE`.
    """
    allowed = "allowed: a whole number of Hz, such as 44100"
    if sampling_rate is None:
        raise InvalidInput(f"an array without its sampling rate; {allowed}")
    number = isinstance(sampling_rate, Real) and not isinstance(sampling_rate, bool | np.bool_)
    if not number or not 1 <= sampling_rate <= MAX_RATE or sampling_rate != int(sampling_rate):
        raise InvalidInput(f"a sampling rate of {sampling_rate!r}; {allowed}")
    return int(sampling_rate)


def blocks_of(frames: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield ``frames``, shape (frames, channels), in blocks of floats from -1 to 1."""
    kind, bits = frames.dtype.kind, 8 * frames.dtype.itemsize
    full_scale = 2.0 ** (bits - 1)
    middle = full_scale if kind == "u" else 0.0
    for start in range(0, len(frames), BLOCK_FRAMES):
        block = frames[start : start + BLOCK_FRAMES]
        yield block if kind == "f" else (block.astype(np.float64) - middle) / full_scale
