"""Corpora that are read where they are: loose sounds, tar shards, Parquet tables."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

import made
import shards
from ser.corpora import CorpusChoice, Inventory, Sources, expand, open_sources
from ser.errors import InvalidInput, TooLarge
from ser.limits import NO_LIMITS, Limit, Limits

NAMES = made.names(speakers=["03", "08"], versions="a")
SOUNDS = {name: name.encode() for name in NAMES}
"""Contents that no test decodes."""
WORDS = dict(
    zip("AEFLNTW", ("fear", "disgust", "joy", "boredom", "neutral", "sad", "anger"), strict=True)
)


def fields(name: str) -> dict[str, Any]:
    return {"Label": WORDS[name[5]], "speaker_id": int(name[:2]), "gender": None, "text": "a"}


def written(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def read(
    source: Any, limits: Limits = NO_LIMITS, corpus: Any = "auto"
) -> tuple[Sources, Inventory]:
    sources = open_sources(str(source), Path("data"), limits=limits)
    choice = CorpusChoice.parse(corpus)
    return sources, sources.inventory(sources.obtain(), corpus=choice)


def contents(sources: Sources, inventory: Inventory) -> dict[str, bytes]:
    with ThreadPoolExecutor(4) as threads:
        utterances = inventory.utterances
        # In another order than that of their places, and from addresses that have travelled.
        read = threads.map(
            lambda u: pickle.loads(pickle.dumps(sources.locate(u))).read(), utterances[::-1]
        )
        again = {u.name: sources.read(u) for u in utterances}
        assert dict(zip([u.name for u in utterances[::-1]], read, strict=True)) == again
    return again


def sample(name: str) -> dict[str, bytes]:
    stem = name.removesuffix(".wav")
    return {f"{stem}.json": json.dumps(fields(name)).encode(), name: SOUNDS[name]}


def labels(inventory: Inventory) -> dict[str, tuple[str, str]]:
    return {u.name: (u.code, u.speaker) for u in inventory.utterances}


EXPECTED = {name: (WORDS[name[5]], str(int(name[:2]))) for name in NAMES}


def halves() -> tuple[list[str], list[str]]:
    ordered = sorted(NAMES)
    return ordered[:7], ordered[7:]


@pytest.mark.parametrize("source", ["set", "set/corpus-{000..001}.tar", "set/corpus-{000,001}.tar"])
def test_tar_shards_have_their_labels_beside_the_sounds(bounds: Path, source: str) -> None:
    for number, half in enumerate(halves()):
        samples = {k: v for name in half for k, v in sample(name).items()}
        written(bounds / "set", {f"corpus-00{number}.tar": shards.tar(samples)})
    sources, inventory = read(source)
    assert labels(inventory) == EXPECTED
    assert contents(sources, inventory) == SOUNDS
    assert {u.text for u in inventory.utterances} == {"a"}
    assert inventory.rejected == ()


def test_a_class_and_a_text_may_be_files_of_their_own(bounds: Path) -> None:
    files = {"1.flac": b"1", "1.cls": b"joy\n", "1.txt": b"so gut", "2.wav": b"2", "2.cls": b"sad"}
    written(bounds / "set", {"a.tar": shards.tar(files)})
    _, inventory = read("set")
    assert {(u.name, u.code, u.text) for u in inventory.utterances} == {
        ("1.flac", "joy", "so gut"),
        ("2.wav", "sad", ""),
    }


def test_shards_without_labels_have_those_of_the_names(bounds: Path) -> None:
    first, second = halves()
    written(bounds / "set", {"a.tar": shards.tar({f"wav/{n}": SOUNDS[n] for n in first})})
    written(bounds / "set", {"b.tar": shards.tar({f"wav/{n}": SOUNDS[n] for n in second})})
    sources, inventory = read("set")
    assert inventory.name == "emodb"
    assert contents(sources, inventory) == SOUNDS
    by_folder = {"joy/1.wav": b"1", "sad/1.wav": b"2", "README.txt": b"SYNTHETIC SPEECH"}
    written(bounds / "folders", {"a.tar": shards.tar(by_folder)})
    _, inventory = read("folders", corpus={"label": "folder"})
    assert {u.code for u in inventory.utterances} == {"joy", "sad"}


def test_equal_names_in_two_shards_are_two_sounds(bounds: Path) -> None:
    for shard, label in (("a", "joy"), ("b", "sad")):
        samples = {"0.wav": shard.encode(), "0.json": json.dumps({"emotion": label}).encode()}
        written(bounds / "set", {f"{shard}.tar": shards.tar(samples)})
    sources, inventory = read("set")
    assert {str(u.file): (u.code, sources.read(u)) for u in inventory.utterances} == {
        "a/0.wav": ("joy", b"a"),
        "b/0.wav": ("sad", b"b"),
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"[1]", "has no object"),
        (b"{", "cannot be read"),
        (b"\xff", "cannot be read"),
        (b"{}" + b" " * 70_000, "too large"),
        (b'{"text": "a"}', "the file beside it has no emotion for it"),
        (b'{"emotion": ["joy"]}', "the file beside it has no emotion for it"),
    ],
)
def test_a_sound_whose_labels_cannot_be_read_is_rejected(
    bounds: Path, content: bytes, reason: str
) -> None:
    files = {"1.wav": b"1", "1.cls": b"joy", "2.wav": b"2", "2.json": content}
    written(bounds / "set", {"a.tar": shards.tar(files)})
    _, inventory = read("set")
    assert [u.name for u in inventory.utterances] == ["1.wav"]
    (rejected,) = inventory.rejected
    assert rejected.file == "2.wav"
    assert reason in rejected.reason


@pytest.mark.parametrize(
    ("shard", "reason"),
    [
        (shards.tar({"1.wav": b"1"}, "gz"), r"compressed shard 'a\.tar'"),
        (shards.tar({"../1.wav": b"1"}), "leads out"),
        (shards.tar({f"{n}.wav": bytes(900) for n in range(20)})[:9_000], "broken"),
        (b"no archive" * 100, "broken"),
        (shards.tar({"1.mid": b"1"}), "contains no sounds"),
    ],
    ids=["compressed", "leads out", "cut", "no archive", "no sounds"],
)
def test_a_shard_that_cannot_be_read_is_refused(bounds: Path, shard: bytes, reason: str) -> None:
    written(bounds / "set", {"a.tar": shard})
    with pytest.raises(InvalidInput, match=reason):
        read("set")


def rows(names: list[str], **more: Any) -> list[dict[str, Any]]:
    return [
        {"audio": {"bytes": SOUNDS[name], "path": name}, **fields(name), **more} for name in names
    ]


def table_of(names: list[str]) -> bytes:
    numbered = [*WORDS.values()]
    content = [row | {"Label": numbered.index(row["Label"])} for row in rows(names)]
    return shards.parquet(content, {"Label": numbered})


@pytest.mark.parametrize("source", ["set", "set/train-{00000..00001}-of-00002.parquet"])
def test_parquet_tables_have_labels_in_columns(bounds: Path, source: str) -> None:
    for number, half in enumerate(halves()):
        written(bounds / "set", {f"train-0000{number}-of-00002.parquet": table_of(half)})
    sources, inventory = read(source)
    assert {name[28:]: label for name, label in labels(inventory).items()} == EXPECTED
    assert {name[28:]: sound for name, sound in contents(sources, inventory).items()} == SOUNDS
    # In the order of the rows, so that each row group is read once.
    assert [u.name[28:] for u in inventory.utterances] == sorted(NAMES)


def test_labels_may_be_texts_and_sounds_plain_bytes(bounds: Path) -> None:
    content = [{"wav": b"1", "emotion": "joy"}, {"wav": b"2", "emotion": "sad"}]
    written(bounds, {"a.parquet": shards.parquet(content)})
    sources, inventory = read("a.parquet")
    assert {u.code: sources.read(u) for u in inventory.utterances} == {"joy": b"1", "sad": b"2"}


def test_a_missing_label_or_sound_is_rejected_row_by_row(bounds: Path) -> None:
    content = [
        {"audio": {"bytes": b"1", "path": "1.wav"}, "label": 0},
        {"audio": {"bytes": b"2", "path": "2.wav"}, "label": -1},
        {"audio": {"bytes": None, "path": "3.wav"}, "label": 1},
    ]
    written(bounds, {"a.parquet": shards.parquet(content, {"label": ["joy", "sad"]})})
    sources, inventory = read("a.parquet")
    assert [u.code for u in inventory.utterances] == ["joy", "sad"]
    assert [each.file for each in inventory.rejected] == ["a/000001_2.wav"]
    with pytest.raises(InvalidInput, match="its row has no bytes"):
        sources.read(inventory.utterances[1])


def test_tables_without_labels_have_those_of_the_paths(bounds: Path) -> None:
    content = [{"audio": {"bytes": SOUNDS[n], "path": f"/home/wav/{n}"}} for n in NAMES]
    written(bounds, {"a.parquet": shards.parquet(content)})
    sources, inventory = read("a.parquet")
    assert inventory.name == "emodb"
    assert contents(sources, inventory) == SOUNDS


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"PAR1 no table PAR1", "cannot be read as Parquet"),
        (
            shards.parquet([{"path": "a.wav", "label": "joy"}]),
            r"no column with sounds \(path, label",
        ),
    ],
    ids=["no table", "no sounds"],
)
def test_a_table_that_cannot_be_read_is_refused(bounds: Path, content: bytes, reason: str) -> None:
    written(bounds, {"a.parquet": content})
    with pytest.raises(InvalidInput, match=reason):
        read("a.parquet")


def test_the_limits_hold_for_shards_and_name_their_setting(bounds: Path) -> None:
    content = [{"audio": {"bytes": SOUNDS[n], "path": n}} for n in NAMES]
    written(bounds / "tables", {"a.parquet": shards.parquet(content)})
    written(bounds / "tars", {f"{n}.tar": shards.tar(sample(n)) for n in NAMES})
    entries = Limits(entries=Limit(13, "SER_MAX_ENTRIES"))
    for source in ("tables", "tars"):
        with pytest.raises(TooLarge, match=r"allowed: 13 \(SER_MAX_ENTRIES\)"):
            read(source, entries)
        with pytest.raises(TooLarge, match=r"allowed: 900 \(SER_MAX_EXTRACTED_MB\)"):
            read(source, Limits(extracted_bytes=Limit(900, "SER_MAX_EXTRACTED_MB")))


def test_a_row_group_that_does_not_fit_in_memory_is_refused(
    bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ser.corpora.contents._row_groups.MAX_GROUP_BYTES", 100)
    content = [{"audio": {"bytes": bytes(60) + bytes([n]), "path": f"{n}.wav"}} for n in range(4)]
    written(bounds, {"a.parquet": shards.parquet(content, group=2)})
    with pytest.raises(TooLarge, match=r"row group with .* bytes of sounds.*; allowed: 100"):
        read("a.parquet")


def test_a_repeated_sound_in_a_dictionary_is_counted_each_time(
    bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ser.corpora.contents._row_groups.MAX_GROUP_BYTES", 50_000)
    columns = {"audio": [bytes(1_000)] * 100, "label": ["joy", "sad"] * 50}
    parquet.write_table(pyarrow.table(columns), bounds / "a.parquet")
    assert parquet.read_metadata(bounds / "a.parquet").row_group(0).total_byte_size < 5_000
    sources, inventory = read("a.parquet")
    with pytest.raises(TooLarge, match=r"row group with .* bytes of sounds.*; allowed: 50,000"):
        sources.read(inventory.utterances[0])


def test_a_parquet_table_has_bounded_columns_and_sounds(bounds: Path) -> None:
    content = [{"audio": {"bytes": SOUNDS[n], "path": n}} for n in NAMES]
    written(bounds, {"a.parquet": shards.parquet(content)})
    with pytest.raises(InvalidInput, match=r"2 columns; allowed: 1 \(SER_MAX_COLUMNS\)"):
        read("a.parquet", Limits(columns=Limit(1, "SER_MAX_COLUMNS")))
    sources, inventory = read("a.parquet", Limits(file_bytes=Limit(3, "SER_MAX_FILE_MB")))
    with pytest.raises(TooLarge, match=r"bytes; allowed: 3 \(SER_MAX_FILE_MB\)"):
        sources.read(inventory.utterances[0])


def test_files_beside_loose_sounds_have_the_labels_if_no_name_does(bounds: Path) -> None:
    files = {"a/1.wav": b"1", "a/1.json": b'{"emotion": "joy"}', "a/2.wav": b"2", "a/2.cls": b"sad"}
    made.archive(bounds / "set.zip", files)
    written(bounds / "set", files)
    for source in ("set.zip", "set"):
        _, inventory = read(source)
        assert {u.name: u.code for u in inventory.utterances} == {
            "a_1.wav": "joy",
            "a_2.wav": "sad",
        }
        assert "files beside the sounds" in inventory.notes[0]


def test_a_provenance_changes_with_any_file(bounds: Path) -> None:
    def checksum() -> str:
        _, inventory = read("set")
        return inventory.provenance.sha256

    written(bounds / "set", {"a.tar": shards.tar({"1.wav": b"1", "1.cls": b"joy"})})
    first = checksum()
    assert checksum() == first
    written(bounds / "set", {"a.tar": shards.tar({"1.wav": b"1", "1.cls": b"sad"})})
    assert checksum() != first


@given(st.integers(0, 999), st.integers(1, 30), st.integers(1, 6))
def test_a_pattern_stands_for_each_number_with_its_zeros(
    first: int, count: int, width: int
) -> None:
    last = first + count - 1
    names = expand(f"a-{{{first:0{width}}..{last:0{width}}}}.{{tar,tgz}}")
    assert names == [f"a-{n:0{width}}.{s}" for n in range(first, last + 1) for s in ("tar", "tgz")]


@pytest.mark.parametrize(
    "pattern",
    [
        "{}.tar",
        "{a}.tar",
        "{3..1}.tar",
        "{1..999999999999}.tar",
        "{0..999}{0..999}.tar",
        "{a..c}.tar",
    ],
)
def test_a_pattern_without_a_sensible_number_of_names_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidInput, match="allowed: "):
        expand(pattern)
