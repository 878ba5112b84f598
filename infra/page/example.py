"""Writes the example of the page: a synthetic voice that changes its emotion, with pauses between.

It is of the synthetic corpus, so it shows the software, and no person's voice.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import soundfile

from ser.corpora.synthesis import synthesise
from ser.sounds import SAMPLING_RATE, Signal

TARGET = Path(__file__).resolve().parents[2] / "shared/ser/service/page/static/example.flac"
SPEAKER = "03"
PARTS = (("N", ("a01", "a02")), ("F", ("a04", "a07", "b10")), ("L", ("a01", "a04")))
"""Emotions by their code, and the texts that are spoken with each."""
PAUSE = 1.0
"""Seconds of silence between two emotions."""
STEPS = 2**11
"""Levels between silence and full scale."""


def main() -> None:
    """Write the example."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "corpus.zip")
        synthesise(archive)
        with zipfile.ZipFile(archive) as corpus:
            signal = np.concatenate([part for each in PARTS for part in spoken(corpus, *each)])
    # Steps of 12 bits are fine enough for the ear, and make the file half as large.
    soundfile.write(TARGET, np.round(signal * STEPS) / STEPS, SAMPLING_RATE, subtype="PCM_16")


def spoken(corpus: zipfile.ZipFile, code: str, texts: tuple[str, ...]) -> list[Signal]:
    """Return the utterances of one emotion, and the pause after them."""
    names = [f"wav/{SPEAKER}{text}{code}a.wav" for text in texts]
    sounds = [soundfile.read(io.BytesIO(corpus.read(name)), dtype="float32")[0] for name in names]
    return [*sounds, np.zeros(int(PAUSE * SAMPLING_RATE), np.float32)]


if __name__ == "__main__":
    main()
