"""Conversion of arrays of samples to signals."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser.errors import InvalidInput
from ser.limits import Limit
from ser.sounds._signals import (
    SAMPLING_RATE,
    Signal,
    Source,
    as_floats,
    assemble,
    block_frames,
    count_non_finite,
    require_duration,
    require_finite,
    require_limit,
    require_peak,
)

MAX_RATE = 2**31 - 1
"""Highest allowed sampling rate in Hz, which is also that of libsndfile."""


def read_array(array: NDArray[Any], sampling_rate: float | None, limit: Limit) -> Signal:
    """Return ``array`` as a signal, without a copy if it is a signal already.

    Parameters
    ----------
    array
        Samples of any float or integer type, shape (samples,) or (samples, channels). Floats
        range from -1 to 1; integers are divided by the full scale of their type; unsigned
        integers are centred first.
    sampling_rate
        Sampling rate of the array in Hz, a whole number.
    limit
        Maximum duration in seconds.

    Raises
    ------
    InvalidInput
        ``array`` has another type or shape, or is empty; ``sampling_rate`` is missing or invalid;
        or :func:`~ser.sounds._signals.assemble` refuses the sound.
    TooLarge
        The sound is longer than ``limit``.
    """
    require_samples(array)
    rate = integer_rate(sampling_rate)
    if array.ndim == 1 and array.dtype == np.float32 and rate == SAMPLING_RATE:
        return check_signal(np.ascontiguousarray(array), limit)
    require_limit(len(array), rate, limit)
    frames = array[:, np.newaxis] if array.ndim == 1 else array
    return assemble(Source(rate, partial(split_into_blocks, frames)), limit)


def check_signal(signal: Signal, limit: Limit) -> Signal:
    """Return ``signal``; raise the errors of :func:`read_array` if models cannot take it."""
    require_limit(len(signal), SAMPLING_RATE, limit)
    require_duration(len(signal), SAMPLING_RATE)
    try:
        return require_peak(signal)
    except InvalidInput:
        # NaN and infinity fail the check of the peak too, but need another message.
        require_finite(count_non_finite(signal))
        raise


def require_samples(array: NDArray[Any]) -> None:
    """Raise :class:`InvalidInput` unless type and shape of ``array`` are those of a sound."""
    if array.dtype.kind not in "fiu":
        raise InvalidInput(
            f"an array of {array.dtype} is not a sound; allowed: float16, float32, float64, and "
            "integers such as int16"
        )
    if array.ndim not in (1, 2):
        raise InvalidInput(
            f"an array of shape {array.shape} is not a sound; allowed: (samples,) or "
            "(samples, channels)"
        )
    if not array.size:
        raise InvalidInput(f"the sound is empty: an array of shape {array.shape}")
    if array.ndim == 2 and array.shape[1] > array.shape[0]:
        raise InvalidInput(
            f"an array of shape {array.shape} has more channels than samples; allowed: "
            "(samples, channels); array.T transposes it"
        )


def integer_rate(sampling_rate: float | None) -> int:
    """Return ``sampling_rate`` as an integer.

    Raises
    ------
    InvalidInput
        ``sampling_rate`` is ``None``, not a whole number, or not between 1 and :data:`MAX_RATE`.
    """
    allowed = "allowed: a whole number of Hz, such as 44100"
    if sampling_rate is None:
        raise InvalidInput(f"the array has no sampling rate; {allowed}")
    number = isinstance(sampling_rate, Real) and not isinstance(sampling_rate, bool | np.bool_)
    if not number or not 1 <= sampling_rate <= MAX_RATE or sampling_rate != int(sampling_rate):
        raise InvalidInput(f"the sampling rate is {sampling_rate!r}; {allowed}")
    return int(sampling_rate)


def split_into_blocks(frames: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield ``frames``, shape (frames, channels), in blocks of floats from -1 to 1."""
    step = block_frames(frames.shape[1])
    for start in range(0, len(frames), step):
        yield as_floats(frames[start : start + step])
