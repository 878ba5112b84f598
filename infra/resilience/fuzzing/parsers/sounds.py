"""Sounds in every container that libsndfile and FFmpeg write."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

import made
import tracks
from resilience.fuzzing.functions import SOUND, FunctionClient, settings
from resilience.fuzzing.parser import Opened, Parser
from ser.limits import Limit
from ser.sounds import read_sound

WITHOUT_HEADER = ("RAW", "SD2")
RATES = (16_000, 8_000, 44_100)
TRACKS = (
    *(("webm", "libopus"), ("matroska", "flac"), ("ipod", "aac"), ("ipod", "alac")),
    *(("mp4", "aac"), ("mov", "pcm_s16be"), ("3gp", "libopencore_amrnb"), ("adts", "aac")),
    *(("amr", "libopencore_amrnb"), ("avi", "pcm_s16le"), ("ogg", "flac")),
)
"""Containers and codecs by their names in FFmpeg."""
LIMIT = Limit(60.0, "SER_MAX_AUDIO_SECONDS")


def voice(rate: int = 16_000) -> NDArray[np.float32]:
    """Return a quarter of a second of a synthetic voice."""
    return made.signal("03a01Wa.wav", rate)[: rate // 4]


def libsndfile_sounds() -> list[bytes]:
    """Return a sound in each format and encoding of libsndfile."""
    found = []
    for container in soundfile.available_formats():
        if container not in WITHOUT_HEADER:
            for subtype in soundfile.available_subtypes(container):
                found += [data for rate in RATES if (data := written(container, subtype, rate))][:1]
    return found


def written(container: str, subtype: str, rate: int) -> bytes | None:
    """Return a sound of libsndfile; ``None`` if it does not write this combination."""
    file = io.BytesIO()
    try:
        soundfile.write(file, voice(rate), rate, format=container, subtype=subtype)
    except (soundfile.LibsndfileError, ValueError):
        return None
    return file.getvalue()


def track_sounds() -> list[bytes]:
    """Return a sound in each of :data:`TRACKS`."""
    rate = {"libopencore_amrnb": 8_000, "libopus": 48_000}
    options = {"fflags": "bitexact"}
    return [
        tracks.track(voice(r), r, container, codec, options=options)
        for container, codec in TRACKS
        for r in [rate.get(codec, 16_000)]
    ]


def read(data: bytes, _folder: Path) -> None:
    read_sound(data, limit=LIMIT)


def open_bodies(folder: Path) -> Opened:
    """Return POST /predict with a sound as its body."""
    predict = FunctionClient("predict")

    def post(data: bytes, folder: Path) -> None:
        settings(folder)
        predict.request("POST", "/predict", data, headers=SOUND)

    del folder
    return Opened([*libsndfile_sounds()[:40:4], *track_sounds()[::3]], post)


PARSERS = (
    Parser("sounds of libsndfile", lambda _: Opened(libsndfile_sounds(), read), share=8),
    Parser("sounds of FFmpeg", lambda _: Opened(track_sounds(), read), share=8),
    Parser("sounds in /predict", open_bodies, share=2),
)
