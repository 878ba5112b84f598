"""Mutated sounds of every container are read or refused, and never an internal error."""

from __future__ import annotations

import io
from random import Random

import numpy as np
import pytest
import soundfile

from ser.errors import SerError
from ser.limits import Limit
from ser.sounds import read_sound

CASES = 30
"""Number of mutations of each file."""
LIMIT = Limit(5.0, "SER_MAX_AUDIO_SECONDS")
FORMATS = (
    ("WAV", "PCM_16"),
    ("WAV", "MS_ADPCM"),
    ("WAVEX", "FLOAT"),
    ("W64", "PCM_24"),
    ("AIFF", "PCM_16"),
    ("AU", "ULAW"),
    ("CAF", "ALAC_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
    ("NIST", "PCM_16"),
    ("VOC", "PCM_16"),
    ("MAT4", "PCM_16"),
    ("MAT5", "PCM_16"),
)


def mutated(data: bytes, random: Random) -> bytes:
    """Return ``data`` with a few bytes changed, and perhaps a part removed, repeated or moved."""
    changed = bytearray(data)
    for _ in range(random.choice((0, 1, 3, 30))):
        # The beginning holds most of what is parsed.
        place = random.randrange(min(len(changed), random.choice((64, 4_096, len(changed)))))
        changed[place] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
    begin, end = sorted(random.randrange(len(changed)) for _ in range(2))
    match random.randrange(5):
        case 0:
            del changed[begin:]
        case 1:
            del changed[begin:end]
        case 2:
            changed[begin:begin] = changed[begin:end]
        case 3 if len(changed) > 8:
            place = random.randrange(min(len(changed) - 4, 512))
            size = random.choice((0, 1, 2**31 - 1, 2**31, 2**32 - 1, len(changed)))
            changed[place : place + 4] = size.to_bytes(4, random.choice(("little", "big")))
    return bytes(changed)


@pytest.mark.parametrize(("container", "codec"), FORMATS, ids="-".join)
def test_a_mutated_sound_is_read_or_refused(container: str, codec: str) -> None:
    random = Random(f"{container} {codec}")
    samples = np.random.default_rng(0).normal(0, 0.1, 4_800).clip(-1, 1)
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, format=container, subtype=codec)
    for _ in range(CASES):
        data = mutated(file.getvalue(), random)
        try:
            signal = read_sound(data, limit=LIMIT)
        except SerError:
            continue
        assert np.isfinite(signal).all()
        assert len(signal) <= LIMIT.value * 16_000
