"""Corpora in place: tables, files beside sounds, and shards."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import made
import shards
from resilience.fuzzing.mutations import mutate_json
from resilience.fuzzing.parser import Opened, Parser, Read
from ser.corpora import CorpusChoice, open_sources
from ser.limits import Limit, Limits
from ser.sounds import read_sound

LIMITS = Limits(
    download_bytes=Limit(20_000_000, "SER_MAX_DOWNLOAD_MB"),
    extracted_bytes=Limit(20_000_000, "SER_MAX_EXTRACTED_MB"),
    entries=Limit(2_000, "SER_MAX_ENTRIES"),
    audio_seconds=Limit(60.0, "SER_MAX_AUDIO_SECONDS"),
)
EMOTIONS = ("anger", "joy", "sadness", "neutral")
SOUND = made.sound(made.signal("03a01Wa.wav")[:3200])
ROWS = [
    {"file": f"{index}.wav", "emotion": emotion, "speaker": f"s{index % 2}", "text": "Ä, so"}
    for index, emotion in enumerate(EMOTIONS)
]


def read_place(place: Path, folder: Path) -> None:
    """Read the corpus at ``place`` as a training does, and three of its sounds."""
    sources = open_sources(str(place), folder / "data", limits=LIMITS)
    with sources.exclusively():
        provenance = sources.obtain()
        found = sources.inventory(provenance, corpus=CorpusChoice.parse("auto"))
        for utterance in islice(found.utterances, 3):
            read_sound(sources.read(utterance), limit=LIMITS.audio_seconds)


def beside_sounds(name: str, place: str = "") -> Read:
    """Return a reader of the file ``name`` beside sounds; ``place`` is the address of the corpus,
    default: the folder."""

    def read(data: bytes, folder: Path) -> None:
        corpus = folder / "corpus"
        corpus.mkdir()
        for row in ROWS:
            (corpus / row["file"]).write_bytes(SOUND)
        (corpus / name).write_bytes(data)
        read_place(corpus / place, folder)

    return read


def alone(name: str) -> Read:
    """Return a reader of the file ``name`` in a folder of its own."""

    def read(data: bytes, folder: Path) -> None:
        (folder / "corpus").mkdir()
        (folder / "corpus" / name).write_bytes(data)
        read_place(folder / "corpus" / name, folder)

    return read


def tables() -> list[bytes]:
    """Return CSV tables in the encodings and with the delimiters of spreadsheets."""
    lines = [",".join(ROWS[0]), *(",".join(f'"{v}"' for v in row.values()) for row in ROWS)]
    text = "\r\n".join(lines) + "\r\n"
    semicolons, tabs = (
        text.replace('","', f'"{d}"').replace(
            "file,emotion,speaker,text", f"file{d}emotion{d}speaker{d}text"
        )
        for d in (";", "\t")
    )
    return [text.encode(), semicolons.encode("utf-8-sig"), tabs.encode(), text.encode("utf-16")]


def parquets() -> list[bytes]:
    """Return Parquet tables as Hugging Face `datasets` writes them."""
    rows = [
        {"audio": {"bytes": SOUND, "path": row["file"]}, "emotion": row["emotion"]}
        | {"speaker": row["speaker"]}
        for row in ROWS
    ]
    classed = [row | {"emotion": index} for index, row in enumerate(rows)]
    return [shards.parquet(rows), shards.parquet(classed, {"emotion": EMOTIONS}, group=1)]


def webdatasets() -> list[bytes]:
    """Return tar shards with sounds and the files beside them."""
    files: dict[str, bytes] = {}
    for index, row in enumerate(ROWS):
        files |= {f"{index}.wav": SOUND, f"{index}.json": json.dumps(row).encode()}
    classes = {"a.wav": SOUND, "a.cls": b"anger", "a.txt": b"so", "b.wav": SOUND, "b.cls": b"joy"}
    return [shards.tar(files), shards.tar(classes)]


def sidecars() -> list[bytes]:
    return [json.dumps(row).encode() for row in ROWS] + [b'{"label": "anger", "speaker": 3}']


def texts() -> list[bytes]:
    return [b"anger", b"joy\n"]


def opened(payloads: Callable[[], list[bytes]], read: Read) -> Callable[[Path], Opened]:
    return lambda _: Opened(payloads(), read)


PARSERS = (
    Parser("CSV tables", opened(tables, beside_sounds("labels.csv", "labels.csv"))),
    Parser("CSV tables in corpora", opened(tables, beside_sounds("labels.csv"))),
    Parser("Parquet tables", opened(parquets, alone("table.parquet")), share=6),
    Parser("tar shards", opened(webdatasets, alone("corpus.tar"))),
    Parser("JSON beside sounds", opened(sidecars, beside_sounds("0.json")), mutate_json, 2),
    Parser(
        "texts beside sounds", opened(lambda: [b"anger", b"joy\n"], beside_sounds("0.cls")), share=1
    ),
)
