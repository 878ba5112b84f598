"""Conversion of sound files in memory to signals."""

from __future__ import annotations

import io

from ser.errors import InvalidInput
from ser.limits import Limit
from ser.sounds._signals import BLOCK_FRAMES, Signal, assemble


def read_file(data: bytes, sampling_rate: int | None, limit: Limit) -> Signal:
    """Return the signal of the sound file with the bytes ``data``.

    Parameters
    ----------
    sampling_rate
        Sampling rate in Hz that the file must have; ``None``: any.
    limit
        Maximum duration in seconds.

    Raises
    ------
    InvalidInput
        ``data`` is empty, is not a sound, or is shorter than its header declares; the file has
        another sampling rate; or :func:`~ser.sounds._signals.assemble` refuses the sound.
    TooLarge
        The sound is longer than ``limit``.
    """
    import soundfile

    if not data:
        raise InvalidInput("the sound is empty: 0 bytes")
    if (declared := declared_size(data)) and len(data) < declared:
        raise InvalidInput(f"the sound is cut off: {len(data)} of {declared} bytes")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            if sampling_rate not in (None, sound.samplerate):
                raise InvalidInput(
                    f"a sampling rate of {sampling_rate} Hz for a file of {sound.samplerate} Hz; "
                    "allowed: the rate of the file, or none"
                )
            blocks = sound.blocks(BLOCK_FRAMES, dtype="float32", always_2d=True)
            return assemble(blocks, sound.samplerate, limit)
    except soundfile.SoundFileError as error:
        raise InvalidInput(
            f"{len(data)} bytes that begin with {bytes(data[:8])!r} are not a readable sound; "
            "allowed: WAV, FLAC, OGG, MP3 and the other formats of libsndfile"
        ) from error


def declared_size(data: bytes) -> int | None:
    """Return the size in bytes that a WAV file declares in its header; ``None`` if unknown.

    libsndfile reads a truncated file without an error. Programs that write to a pipe declare 0 or
    more than 2 GB; some programs omit the last byte, which is padding.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    size = int.from_bytes(data[4:8], "little")
    return size + 7 if 0 < size < 2**31 - 1024 else None
