"""Sound files, whole in memory, as signals."""

from __future__ import annotations

import io

from ser.errors import InvalidInput
from ser.limits import Limit
from ser.sounds._signals import BLOCK_FRAMES, Signal, assemble


def read_file(data: bytes, sampling_rate: int | None, limit: Limit) -> Signal:
    """Return the sound in ``data``, the bytes of a file, as a signal.

    Parameters
    ----------
    sampling_rate
        The rate in Hz that the caller expects the file to have; ``None``: any.
    limit
        Longest duration in seconds.

    Raises
    ------
    InvalidInput
        The bytes are not a sound, are none, or are fewer than their header announces; the file
        has another sampling rate; or :func:`~ser.sounds._signals.assemble` refuses the sound.
    TooLarge
        The sound is longer than ``limit``.
    """
    import soundfile

    if not data:
        raise InvalidInput("the sound is empty: 0 bytes")
    if (announced := announced_size(data)) and len(data) < announced:
        raise InvalidInput(f"the sound is cut: {len(data)} of the {announced} bytes it announces")
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as sound:
            if sampling_rate not in (None, sound.samplerate):
                raise InvalidInput(
                    f"a sampling rate of {sampling_rate} Hz for a file of {sound.samplerate} Hz; "
                    "allowed: none, since a file knows its own"
                )
            blocks = sound.blocks(BLOCK_FRAMES, dtype="float32", always_2d=True)
            return assemble(blocks, sound.samplerate, limit)
    except soundfile.SoundFileError as error:
        raise InvalidInput(
            f"{len(data)} bytes that begin with {bytes(data[:8])!r} are no sound that can be read; "
            "allowed: WAV, FLAC, OGG, MP3 and the other formats of libsndfile"
        ) from error


def announced_size(data: bytes) -> int | None:
    """Return the size in bytes in the header of a WAV file; ``None`` where it is unknown.

    libsndfile reads a file that was cut short without an error. Writers to a pipe announce
    nothing, or more than 2 GB; some leave out the last byte, which is padding.
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return None
    size = int.from_bytes(data[4:8], "little")
    return size + 7 if 0 < size < 2**31 - 1024 else None
