"""Parquet tables are read by a process that may end, take too long, or take too much memory."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

import shards
from ser.corpora import CorpusChoice, Inventory, Sources, open_sources
from ser.corpora.contents import _table_reader as reader
from ser.errors import InvalidInput, TooLarge
from ser.limits import NO_LIMITS, Limit, Limits

ROWS = [
    {"audio": {"bytes": bytes([number]), "path": f"{number}.wav"}, "label": label}
    for number, label in enumerate(("joy", "sad"))
]


@pytest.fixture(autouse=True)
def no_process_is_kept() -> Iterator[None]:
    """End the process that earlier tests have left, and that of this test."""
    reader.end_free()
    yield
    reader.end_free()


def read(
    place: Path, limits: Limits = NO_LIMITS, corpus: object = "auto"
) -> tuple[Sources, Inventory]:
    sources = open_sources(str(place), place.parent / "data", limits=limits)
    return sources, sources.inventory(sources.obtain(), corpus=CorpusChoice.parse(corpus))


def written(folder: Path, content: bytes, name: str = "a.parquet") -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def processes() -> list[int]:
    """Return the processes that this one has started."""
    lists = Path("/proc/self/task").glob("*/children")
    return [int(number) for each in lists for number in each.read_text().split()]


def test_a_table_that_ends_its_reader_is_refused_and_the_next_one_is_read(tmp_path: Path) -> None:
    fatal = written(tmp_path, shards.fatal_parquet(), "fatal.parquet")
    with pytest.raises(InvalidInput, match=r"fatal.parquet .* signal 6 .* not support INT64"):
        read(fatal)
    sources, inventory = read(written(tmp_path, shards.parquet(ROWS)))
    assert [sources.read(each) for each in inventory.utterances] == [b"\0", b"\1"]


def test_one_process_reads_all_tables_and_a_new_one_replaces_it_when_it_has_ended(
    tmp_path: Path,
) -> None:
    before = {*processes()}
    table = written(tmp_path, shards.parquet(ROWS, group=1))
    sources, inventory = read(table)
    (first,) = {*processes()} - before
    # A table that is only refused ends no process.
    with pytest.raises(InvalidInput, match="cannot be read as Parquet"):
        read(written(tmp_path, b"PAR1 no table PAR1", "b.parquet"))
    assert {*processes()} - before == {first}
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert [sources.read(each) for each in inventory.utterances] == [b"\0", b"\1"]
    (second,) = {*processes()} - before
    assert second != first


def test_the_process_has_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "5t02e5ec2etkey")
    before = {*processes()}
    read(written(tmp_path, shards.parquet(ROWS)))
    (process,) = {*processes()} - before
    assert b"5t02e5ec2etkey" not in Path(f"/proc/{process}/environ").read_bytes()


def test_a_table_that_takes_too_much_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pyarrow.table({"audio": [bytes(100_000_000), b"2"], "label": ["joy", "sad"]})
    parquet.write_table(table, tmp_path / "a.parquet", compression="zstd", use_dictionary=False)
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    monkeypatch.setattr(reader, "MAX_MEMORY", 150_000_000)
    sources, inventory = read(tmp_path / "a.parquet")
    with pytest.raises(InvalidInput, match=r"a.parquet cannot be read as Parquet: .*[0-9]{9}"):
        sources.read(inventory.utterances[0])


def test_a_reader_that_does_not_answer_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = tmp_path / "endless.py"
    endless.write_text("while True:\n    pass\n")
    monkeypatch.setattr(reader, "SCRIPT", endless)
    monkeypatch.setattr(reader, "MAX_SECONDS", 0.1)
    before = {*processes()}
    with pytest.raises(InvalidInput, match=r"a.parquet .* takes more than 0.1 s"):
        read(written(tmp_path, shards.parquet(ROWS)))
    assert {*processes()} == before


def claiming(rows: bytes) -> bytes:
    """Return a table with three sounds and a row group that claims to have ``rows``, which are a
    number as Thrift's compact protocol encodes it."""
    content = io.BytesIO()
    table = pyarrow.table({"audio": [b"1", b"2", b"3"]})
    parquet.write_table(table, content, store_schema=False, write_statistics=False)
    data = content.getvalue()
    # The number of rows, 3, and the beginning of the next field.
    assert data.count(b"\x16\x06\x26\x08") == 1
    changed = data[:-8].replace(b"\x16\x06\x26\x08", b"\x16" + rows + b"\x26\x08")
    size = int.from_bytes(data[-8:-4], "little") + len(rows) - 1
    return changed + size.to_bytes(4, "little") + b"PAR1"


def test_rows_are_counted_whatever_a_table_says_about_their_number(tmp_path: Path) -> None:
    limits = Limits(entries=Limit(100, "SER_MAX_ENTRIES"))
    thousands = written(tmp_path, claiming(b"\x90\x4e"))
    with pytest.raises(TooLarge, match=r"too many rows; allowed: 100 \(SER_MAX_ENTRIES\)"):
        read(thousands, limits)
    trillions = written(tmp_path, claiming(b"\x80\x80\x80\x80\x80\x40"), "b.parquet")
    with pytest.raises(InvalidInput, match=r"b.parquet cannot be read as Parquet: .*bad_alloc"):
        read(trillions, limits)


def test_a_row_without_a_sound_is_refused(tmp_path: Path) -> None:
    for label in ("joy", "sad"):
        written(tmp_path, claiming(b"\x08"), f"{label}.parquet")
    sources, inventory = read(tmp_path, corpus={"label": "folder"})
    assert [sources.read(each) for each in inventory.utterances[:3]] == [b"1", b"2", b"3"]
    with pytest.raises(InvalidInput, match="its row has no bytes"):
        sources.read(inventory.utterances[3])
