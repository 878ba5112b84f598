"""Decoding by libsndfile."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial

import numpy as np
import soundfile
from numpy.typing import NDArray

from ser.sounds._chunks import with_sizes
from ser.sounds._containers import AU, MP3, OGG, Container
from ser.sounds._pages import with_last_flag
from ser.sounds._signals import Source, block_frames

CHUNKED = ("wav", "w64", "aiff", "caf")
TAG = b"ID3\4\0\0\0\0\0\x0a" + bytes(10)
"""An empty ID3v2 tag: without one, libsndfile takes MP3 for such by the name of the file alone."""


class Stream(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read from begin to end.

    soundfile asks for the position between blocks, which some codecs do not know: GSM 6.10, G.721,
    G.723, NMS ADPCM, DPCM, DWVW, and FLAC without a declared length.
    """

    def seekable(self) -> bool:
        """Return that no position is known."""
        return False


def source(data: bytes, container: Container | None) -> Source:
    """Return the sound of the file ``data``.

    Raises
    ------
    Exception
        libsndfile cannot open the file; any kind of error.
    """
    readable = prepared(data, container)
    with Stream(io.BytesIO(readable)) as sound:
        return Source(sound.samplerate, partial(blocks, readable))


def prepared(data: bytes, container: Container | None) -> bytes:
    """Return ``data`` as libsndfile can read it; a copy only if it cannot read it as it is."""
    if container == MP3 and not data.startswith(b"ID3"):
        return TAG + data
    if container == AU and data[8:12] == bytes(4):
        return data[:8] + b"\xff" * 4 + data[12:]
    if container == OGG:
        return with_last_flag(data)
    return with_sizes(data) if container and container.demuxer in CHUNKED else data


def blocks(data: bytes) -> Iterator[NDArray[np.float32]]:
    """Yield the samples of the file ``data`` in blocks of shape (frames, channels)."""
    with Stream(io.BytesIO(data)) as sound:
        frames = block_frames(sound.channels)
        while len(block := sound.read(frames, dtype="float32", always_2d=True)):
            yield block
