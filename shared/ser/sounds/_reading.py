"""Reading of sounds in every form: path, bytes of a file, or array."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ser._addresses import printable
from ser.errors import InvalidInput, NotFound, within
from ser.limits import UNLIMITED, Limit
from ser.sounds._arrays import integer_rate, read_array
from ser.sounds._files import read_file
from ser.sounds._signals import Signal

SoundLike: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview | NDArray[Any]"
"""A sound in any form: the path of a file, the bytes of a file, or an array of samples."""


def read_sound(
    sound: SoundLike, sampling_rate: float | None = None, *, limit: Limit = UNLIMITED
) -> Signal:
    """Return ``sound`` as a signal: float32 of shape (samples,), mono, 16 kHz, from -1 to 1.

    Channels are averaged, or the strongest is taken if they cancel each other; other sampling rates
    are resampled by soxr at its high quality. A file and an array of the same recording give the
    same signal. An array that is already a signal is returned without a copy.

    Parameters
    ----------
    sound
        Path of a sound file, bytes of a sound file, or an array of shape (samples,) or
        (samples, channels). Floats in an array range from -1 to 1; integers are divided by the
        full scale of their type (int16 by 32768).
    sampling_rate
        Sampling rate in Hz: required for an array; for a file, ``None`` or the rate of the file.
    limit
        Maximum duration in seconds.

    Raises
    ------
    InvalidInput
        ``sound`` is not a sound, is empty, cut off or shorter than 0.1 s, has samples that are
        not finite or a peak above 10 times full scale, or is an array without a sampling rate.
        Silence is accepted.
    NotFound
        No file has this path.
    TooLarge
        The sound is longer than ``limit``.

    Examples
    --------
    >>> from ser.sounds import read_sound
    >>> read_sound("speech.wav").dtype
    dtype('float32')
    >>> second = np.zeros((44_100, 2), np.int16)
    >>> read_sound(second, 44_100).shape
    (16000,)
    """
    if isinstance(sound, str | os.PathLike):
        with within(printable(sound)):
            return read_file(file_bytes(sound), expected_rate(sampling_rate), limit)
    if isinstance(sound, bytes | bytearray | memoryview):
        return read_file(bytes(sound), expected_rate(sampling_rate), limit)
    if isinstance(sound, np.ndarray) or hasattr(sound, "__array__"):
        # The conversion drops a mask, so that masked samples would be heard.
        if isinstance(sound, np.ndarray) and (
            masked := np.count_nonzero(getattr(sound, "mask", False))
        ):
            raise InvalidInput(f"{masked} samples are masked; allowed: an array without a mask")
        return read_array(np.asarray(sound), sampling_rate, limit)
    raise InvalidInput(
        f"a {type(sound).__name__} is not a sound; allowed: the path of a file, "
        "the bytes of a file, or a NumPy array with its sampling rate"
    )


def is_one_sound(value: object) -> bool:
    """Return whether ``value`` is a :data:`SoundLike`, and no collection of sounds.

    An array of numbers is one sound; an array or a pandas column of paths is a collection.
    """
    if isinstance(value, str | os.PathLike | bytes | bytearray | memoryview):
        return True
    return hasattr(value, "__array__") and np.asarray(value).dtype.kind in "biufc"


def expected_rate(sampling_rate: float | None) -> int | None:
    """Return the rate that the caller expects a file to have; ``None``: any."""
    return None if sampling_rate is None else integer_rate(sampling_rate)


def file_bytes(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of the file ``path``.

    Raises
    ------
    NotFound
        No file has this path.
    InvalidInput
        ``path`` is a folder, or cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(f"There is no sound file {os.fsdecode(path)!r}.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidInput(f"cannot be read: {reason}; allowed: a sound file") from error
