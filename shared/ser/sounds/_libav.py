"""Decoding by FFmpeg's libraries, of containers that libsndfile does not know."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from typing import Any, NoReturn

import av
import numpy as np
from av.stream import Discard
from numpy.typing import NDArray

from ser.errors import InvalidInput
from ser.sounds._containers import Container
from ser.sounds._signals import BLOCK_SAMPLES, Source, as_floats

PROBED = "1000000"
"""Bytes that are searched for the parameters of the tracks; their packets are held in memory."""
MAX_CHANNELS = 64
"""Maximum number of channels; the largest loudspeaker layouts have 24."""
MAX_RATE = 768_000
"""Maximum sampling rate in Hz, the highest that converters have."""
CODECS = (
    *("aac", "aac_latm", "ac3", "alac", "amrnb", "amrwb", "eac3", "flac", "gsm", "gsm_ms", "mp1"),
    *("mp1float", "mp2", "mp2float", "mp3", "mp3float", "opus", "speex", "vorbis", "wmav1"),
    *("wmav2", "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms", "pcm_alaw", "pcm_f32be", "pcm_f32le"),
    *("pcm_f64be", "pcm_f64le", "pcm_mulaw", "pcm_s16be", "pcm_s16le", "pcm_s24be", "pcm_s24le"),
    *("pcm_s32be", "pcm_s32le", "pcm_s8", "pcm_u8"),
)
"""Decoders that may run: those of sounds which people have, none of pictures."""


def source(data: bytes, container: Container) -> Source:
    """Return the first sound track of the file ``data``.

    Raises
    ------
    InvalidInput
        The file contains no sound track, or one with an absurd rate or number of channels.
    Exception
        FFmpeg cannot decode it; any kind of error.
    """
    first = next(decoded(data, container), None)
    if first is None:
        raise InvalidInput("the sound is empty: no frame can be decoded")
    return Source(first.sample_rate, partial(blocks, data, container, described(first)))


def blocks(data: bytes, container: Container, expected: tuple[int, int]) -> Iterator[NDArray[Any]]:
    """Yield the samples of the file ``data`` in blocks of shape (frames, channels).

    Raises
    ------
    InvalidInput
        The rate or the number of channels changes; ``expected`` are those of the first frame.
    """
    parts: list[NDArray[Any]] = []
    for frame in decoded(data, container):
        if (found := described(frame)) != expected:
            raise InvalidInput(
                f"the sound changes from {expected[0]} Hz with {expected[1]} channels to "
                f"{found[0]} Hz with {found[1]}; allowed: one rate and number of channels"
            )
        parts.append(samples(frame))
        if sum(part.size for part in parts) >= BLOCK_SAMPLES:
            yield np.concatenate(parts)
            parts.clear()
    if parts:
        yield np.concatenate(parts)


def described(frame: Any) -> tuple[int, int]:
    """Return the sampling rate and the number of channels of ``frame``.

    Raises
    ------
    InvalidInput
        They are absurd.
    """
    rate, channels = frame.sample_rate, frame.layout.nb_channels
    if not 1 <= rate <= MAX_RATE:
        raise InvalidInput(f"the sampling rate is {rate} Hz; allowed: at most {MAX_RATE} Hz")
    if not 1 <= channels <= MAX_CHANNELS:
        raise InvalidInput(f"the sound has {channels} channels; allowed: at most {MAX_CHANNELS}")
    return rate, channels


def samples(frame: Any) -> NDArray[Any]:
    """Return the samples of ``frame`` as floats of shape (frames, channels)."""
    stored = frame.to_ndarray()
    if frame.format.is_planar:
        return as_floats(stored.T)
    return as_floats(stored.reshape(-1, frame.layout.nb_channels))


def decoded(data: bytes, container: Container) -> Iterator[Any]:
    """Yield the decoded frames of the first sound track of the file ``data``."""
    with av.open(
        io.BytesIO(data),
        "r",
        format=container.demuxer,
        options={"codec_whitelist": ",".join(CODECS), "probesize": PROBED},
        metadata_errors="replace",
        io_open=refuse,
    ) as opened:
        if not opened.streams.audio:
            raise InvalidInput(f"the {container.name} file contains no sound track")
        track = opened.streams.audio[0]
        if track.codec_context.name not in CODECS:
            raise InvalidInput(
                f"the sound track is in {track.codec_context.name}; allowed: {', '.join(CODECS)}"
            )
        for stream in opened.streams:
            if stream is not track:
                stream.discard = Discard.all
        yield from opened.decode(track)


def refuse(url: str, _flags: int, _options: dict[str, str]) -> NoReturn:
    """Refuse to open a further file, which a container may name."""
    raise PermissionError(f"the file refers to another one: {url!r}")
