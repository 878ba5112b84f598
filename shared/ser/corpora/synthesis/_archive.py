"""The synthetic utterances, in an archive shaped like that of EmoDB."""

from __future__ import annotations

import io
import wave
import zipfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np

from ser._progress import ProgressCallback, ignore_share
from ser.corpora._base import SYNTHETIC
from ser.corpora.grammars.emodb import GENDERS, LABELS
from ser.corpora.synthesis._phones import TEXTS
from ser.corpora.synthesis._speakers import Speaker
from ser.corpora.synthesis._voice import Array
from ser.sounds import SAMPLING_RATE

UTTERANCES = tuple(product(GENDERS, TEXTS, LABELS))
"""Every combination of speaker, text and emotion."""

README = f"""\
{SYNTHETIC} - NOT EmoDB, NOT RECORDINGS OF PEOPLE

Every sound in this archive was computed by the program ser (ser.corpora.synthesis, seed {{seed}}).
No recording of anyone went into it. Only the shape is that of EmoDB, the Berlin database of
emotional speech: names such as 03a01Fa.wav hold the speaker (03), the text (a01), the emotion
(F) and the version (a); sounds are 16 kHz, mono, 16 bit. Pitch, tempo, loudness and voice quality
follow published correlates of emotion, so that programs can be tried. Results on it say nothing
about how well emotions of people are recognised; call them synthetic wherever you show them.
"""


def synthesise(
    destination: Path, *, seed: int = 0, on_progress: ProgressCallback = ignore_share
) -> None:
    """Write the synthetic corpus to ``destination``, a zip archive with ``wav/03a01Fa.wav`` etc.

    The same ``seed`` (0 or more) always gives the same bytes. An existing file is replaced once the
    new archive is complete.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    unfinished = destination.with_name(f"{destination.name}.part")
    with zipfile.ZipFile(unfinished, "w") as archive:
        archive.writestr(zip_entry("README.txt"), README.format(seed=seed))
        for done, (name, sound) in enumerate(wav_files(seed), start=1):
            archive.writestr(zip_entry(f"wav/{name}.wav"), sound)
            on_progress(done / len(UTTERANCES))
    unfinished.replace(destination)


def wav_files(seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield the name of each utterance and its WAV file, in the order of :data:`UTTERANCES`."""
    speakers = {code: Speaker.draw(gender, rng_for(seed, code)) for code, gender in GENDERS.items()}
    for speaker, text, label in UTTERANCES:
        name = f"{speaker}{text}{label.code}a"
        yield (
            name,
            encode_wav(speakers[speaker].say(text, label.emotion, rng_for(seed, name))),
        )


def rng_for(seed: int, name: str) -> np.random.Generator:
    """Return the random generator of ``name``, independent of all others."""
    return np.random.default_rng([seed, *name.encode()])


def encode_wav(signal: Array) -> bytes:
    """Return ``signal`` (-1..1) as a WAV file with 16 bits."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLING_RATE)
        sound.writeframes(np.round(signal * 32767).astype("<i2").tobytes())
    return file.getvalue()


def zip_entry(path: str) -> zipfile.ZipInfo:
    """Return an entry for ``path`` that does not depend on the time."""
    # The default date is constant (1980), but the default permissions forbid reading the file.
    info = zipfile.ZipInfo(path)
    info.external_attr = 0o644 << 16
    return info
