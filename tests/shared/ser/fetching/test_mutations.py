"""Mutated archives and tables are read or refused, and nothing is written outside."""

from __future__ import annotations

import io
import tarfile
import zipfile
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from ser.corpora import CorpusChoice, find_sounds
from ser.errors import SerError
from ser.fetching import archive_suffix, extract
from ser.limits import Limit, Limits

CASES = 60
"""Number of mutations of each file."""
LIMITS = Limits(
    extracted_bytes=Limit(1_000_000, "SER_MAX_EXTRACTED_MB"),
    entries=Limit(100, "SER_MAX_ENTRIES"),
)
FILES = {
    "wav/03a01Fa.wav": b"RIFF" * 50,
    "wav/03a01Wa.wav": b"\0" * 3_000,
    "labels.csv": b"file,emotion,speaker\nwav/03a01Fa.wav,joy,1\n",
    "wav/03a01Fa.json": b'{"emotion": "joy"}',
    "deep/er/03b01Fa.wav": b"",
}
TABLE = 'file,emotion,speaker\r\nwav/1.wav,joy,ann\r\n"wav/2.wav";fear;bob\r\n'


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(compression: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=f"w:{compression}", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
        for name, content in {**FILES, "ä" * 120: b"long"}.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def mutated(data: bytes, random: Random) -> bytes:
    """Return ``data`` with a few bytes changed, and perhaps a part removed or repeated."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 2, 10))):
        place = random.choice((random.randrange(len(changed)), -1 - random.randrange(600)))
        changed[place % len(changed)] = random.choice((0, 0x2E, 0x2F, 0xFF, random.randrange(256)))
    begin, end = sorted(random.randrange(len(changed)) for _ in range(2))
    match random.randrange(6):
        case 0:
            del changed[begin:]
        case 1:
            del changed[begin:end]
        case 2:
            changed[begin:begin] = changed[begin:end]
    return bytes(changed)


@pytest.mark.parametrize("kind", ["zip", "tar", "gz", "bz2", "xz"])
def test_a_mutated_archive_is_extracted_or_refused(tmp_path: Path, kind: str) -> None:
    random = Random(kind)
    data = zipped() if kind == "zip" else tarred("" if kind == "tar" else kind)
    inside = tmp_path / "inside"
    inside.mkdir()
    for _ in range(CASES):
        archive = tmp_path / "archive"
        archive.write_bytes(mutated(data, random))
        with suppress(SerError):
            archive_suffix(archive)
            extract(archive, inside / "working", limits=LIMITS)
        assert {path.name for path in tmp_path.iterdir()} == {"archive", "inside"}
        assert {path.name for path in inside.iterdir()} <= {"working"}


@pytest.mark.parametrize("choice", ["auto", {"table": "labels.csv"}, "iemocap", "meld"], ids=str)
def test_mutated_tables_are_read_or_refused(tmp_path: Path, choice: object) -> None:
    random = Random(str(choice))
    (tmp_path / "wav").mkdir()
    for name in ("wav/1.wav", "wav/2.wav", "Ses01F_impro01_F000.wav", "train_dia0_utt1.mp4"):
        (tmp_path / name).touch()
    tables = {
        "labels.csv": TABLE,
        "iemocap_full_dataset.csv": "path,emotion\na/Ses01F_impro01_F000.wav,neu\n",
        "train_sent_emo.csv": "Dialogue_ID,Utterance_ID,Emotion,Speaker\n0,1,joy,Ross\n",
        "wav/1.json": '{"emotion": "joy", "speaker": 1e999}',
    }
    for _ in range(CASES):
        for name, content in tables.items():
            (tmp_path / name).write_bytes(mutated(content.encode(), random))
        with suppress(SerError):
            CorpusChoice.parse(choice).corpora(tmp_path, find_sounds(tmp_path))
