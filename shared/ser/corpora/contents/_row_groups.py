"""Row groups of Parquet tables, each of which is read in one piece."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from threading import Lock
from typing import Any, NamedTuple

from ser.corpora._csv_files import ALIASES, Row, find_columns
from ser.corpora._sidecars import row_of
from ser.errors import InvalidInput, SerError, TooLarge
from ser.fetching import Place, StoredFile
from ser.limits import NO_LIMITS, Limits

READ_AHEAD = 1 << 16
"""Number of bytes that one request for a part of a table asks for at least."""
MAX_GROUP_BYTES = 1 << 29
"""Maximum size of the sounds of a row group in bytes."""
MAX_ROW_BYTES = 1 << 28
"""Maximum size of the rows of a table without their sounds, in bytes."""
BATCH_ROWS = 64
BATCH_SOUNDS = 4
"""Number of rows, and of sounds, that are unpacked at once, before their size is known."""
KEPT_GROUPS = 2
"""Number of row groups that are kept in memory for the sounds that are read next."""


class Position(NamedTuple):
    """The position of a sound: its table, the row group, the row in the group and in the table."""

    table: int
    group: int
    row: int
    number: int


class RowGroups:
    """The row groups of ``tables``, which are files of ``place``.

    Several threads may read at the same time. The groups that were read last are kept, but not
    pickled.
    """

    def __init__(
        self, place: Place, tables: tuple[StoredFile, ...], limits: Limits = NO_LIMITS
    ) -> None:
        self.__setstate__((place, tables, limits))

    def __getstate__(self) -> tuple[Place, tuple[StoredFile, ...], Limits]:
        return self._place, self._tables, self._limits

    def __setstate__(self, state: tuple[Place, tuple[StoredFile, ...], Limits]) -> None:
        self._place, self._tables, self._limits = state
        self._lock = Lock()
        self._metadata: dict[int, Any] = {}
        self._kept: OrderedDict[tuple[int, int], Any] = OrderedDict()

    def count(self, table: int) -> int:
        """Return the number of rows of a table."""
        with self._opened(table) as (opened, _):
            return int(opened.metadata.num_rows)

    def rows(self, table: int) -> Iterator[tuple[Position, str, Row]]:
        """Yield position, path and row of each sound of a table, without reading the sounds.

        Raises
        ------
        InvalidInput
            The file is not a Parquet table, has too many columns, or none with sounds.
        TooLarge
            A row group has more than :data:`MAX_GROUP_BYTES`, or the rows have more than
            :data:`MAX_ROW_BYTES` without the sounds.
        """
        number = size = 0
        with self._opened(table) as (opened, layout):
            for group in range(opened.num_row_groups):
                self._require_small(table, opened.metadata.row_group(group), layout)
                columns = [*layout.columns.values(), *filter(None, [layout.path])]
                row = 0
                for batch in batches(opened, group, columns, BATCH_ROWS):
                    if (size := size + batch.nbytes) > MAX_ROW_BYTES:
                        raise TooLarge(
                            f"the rows of {self._tables[table].name} have {size:,} bytes or more "
                            f"without their sounds; allowed: {MAX_ROW_BYTES:,}"
                        )
                    for values in batch.to_pylist():
                        position = Position(table, group, row, number)
                        yield position, layout.path_of(values), layout.row_of(values)
                        row, number = row + 1, number + 1

    def _require_small(self, table: int, group: Any, layout: Layout) -> None:
        chunks = (group.column(index) for index in range(group.num_columns))
        size = sum(
            chunk.total_uncompressed_size
            for chunk in chunks
            if chunk.path_in_schema == layout.content
        )
        self._require_group(table, size)

    def _require_group(self, table: int, size: int) -> None:
        if size > MAX_GROUP_BYTES:
            raise TooLarge(
                f"{self._tables[table].name} has a row group with {size:,} bytes of sounds, which "
                f"is read in one piece; allowed: {MAX_GROUP_BYTES:,}"
            )

    def sound(self, position: Position) -> bytes | None:
        """Return the sound at ``position``; ``None`` if its row has none."""
        key = position.table, position.group
        with self._lock:
            if key not in self._kept:
                while len(self._kept) >= KEPT_GROUPS:
                    self._kept.popitem(last=False)
                self._kept[key] = self._read(*key)
            self._kept.move_to_end(key)
            sounds = self._kept[key]
        content: bytes | None = sounds[position.row].as_py()
        if content and len(content) > self._limits.file_bytes.value:
            raise TooLarge(
                f"a sound in {self._tables[position.table].name} has {len(content):,} bytes; "
                f"allowed: {self._limits.file_bytes}"
            )
        return content

    def _read(self, table: int, group: int) -> Any:
        """Return the column with the sounds of a row group."""
        import pyarrow
        import pyarrow.compute as pc

        chunks: list[Any] = []
        size = 0
        with self._opened(table) as (opened, layout):
            for batch in batches(opened, group, [layout.content], BATCH_SOUNDS):
                column = batch.column(layout.audio)
                if layout.content != layout.audio:
                    column = pc.struct_field(column, "bytes")
                chunks.append(column)
                # A dictionary has a long value once, and the declared size counts it once.
                size += column.nbytes
                self._require_group(table, size)
            return pyarrow.chunked_array(chunks)

    @contextmanager
    def _opened(self, table: int) -> Iterator[tuple[Any, Layout]]:
        """Yield a table, open for reading, and its layout."""
        from pyarrow.parquet import ParquetFile

        file = self._tables[table]
        try:
            with self._place.open(file, READ_AHEAD) as source:
                opened = ParquetFile(source, metadata=self._metadata.get(table))
                self._metadata[table] = opened.metadata
                if (columns := opened.metadata.num_columns) > self._limits.columns.value:
                    raise InvalidInput(
                        f"{file.name} has {columns:,} columns; allowed: {self._limits.columns}"
                    )
                yield opened, Layout.of(opened.schema_arrow, file.name)
        except SerError:
            raise
        except Exception as error:
            # Bytes from callers make the reader raise any kind of error.
            raise InvalidInput(f"{file.name} cannot be read as Parquet: {error}") from error


def batches(opened: Any, group: int, columns: list[str], rows: int) -> Iterator[Any]:
    """Return the ``columns`` of a row group, a number of ``rows`` at a time."""
    found: Iterator[Any] = opened.iter_batches(
        rows, row_groups=[group], columns=columns, use_threads=False
    )
    return found


class Layout(NamedTuple):
    """The columns of a table that are read."""

    audio: str
    """The column with the sounds."""
    content: str
    """Path of the bytes of the sounds, such as ``audio.bytes``."""
    path: str | None
    """Path of the paths of the sounds, such as ``audio.path``; ``None``: there are none."""
    columns: dict[str, str]
    """The columns with labels, speakers and so on, by the names that tables in CSV have."""
    classes: dict[str, list[str]]
    """The names of the values of columns that have numbers for them."""

    @classmethod
    def of(cls, schema: Any, name: str) -> Layout:
        """Return the layout of the table ``name``.

        The features of `datasets` are in the metadata of the schema (its source,
        ``features/features.py``, ``Features.arrow_schema``); another writer's table has none.
        """
        features = features_of(schema)
        audio = next((field for field in candidates(schema, features) if has_bytes(field)), None)
        if audio is None:
            raise InvalidInput(
                f"{name} has no column with sounds ({', '.join(schema.names)}); allowed: a column "
                "audio whose values have bytes and path, as the library datasets writes it"
            )
        others = [each for each in schema.names if each != audio.name]
        columns = {known: others[index] for known, index in find_columns(others).items()}
        stored_path = columns.pop("file", None)
        nested = not is_binary(audio.type)
        has_path = nested and audio.type.get_field_index("path") >= 0
        return cls(
            audio.name,
            f"{audio.name}.bytes" if nested else audio.name,
            f"{audio.name}.path" if has_path else stored_path,
            columns,
            {
                column: names
                for column, feature in features.items()
                if isinstance(feature, dict) and isinstance(names := feature.get("names"), list)
            },
        )

    def path_of(self, values: dict[str, Any]) -> str:
        """Return the path of a sound, relative and without a way out; empty if there is none."""
        if self.path is None:
            return ""
        column, _, field = (
            self.path.partition(".") if self.path not in values else (self.path, "", "")
        )
        value = values[column]
        path = value.get(field) if field and isinstance(value, dict) else value
        parts = PurePosixPath(str(path or "").replace("\\", "/")).parts
        return "/".join(
            part for part in parts if part not in ("/", "..") and not part.endswith(":")
        )

    def row_of(self, values: dict[str, Any]) -> Row:
        """Return the row with the labels, speakers and so on of a sound."""
        return row_of(
            {known: self._text(name, values[name]) for known, name in self.columns.items()}
        )

    def _text(self, column: str, value: object) -> object:
        names = self.classes.get(column)
        if names is None or not isinstance(value, int):
            return value
        # Hugging Face datasets: -1 is a missing label.
        return str(names[value]) if 0 <= value < len(names) else None


def features_of(schema: Any) -> dict[str, Any]:
    """Return the features that `datasets` keeps in ``schema``; empty if there are none."""
    try:
        found = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def candidates(schema: Any, features: dict[str, Any]) -> Iterator[Any]:
    """Yield the fields of ``schema`` that may have the sounds, the likeliest first."""
    by_type = [
        name
        for name, feature in features.items()
        if isinstance(feature, dict) and feature.get("_type") == "Audio"
    ]
    for name in (*by_type, "audio", "file", *ALIASES["file"]):
        if name in schema.names:
            yield schema.field(name)


def has_bytes(field: Any) -> bool:
    """Return whether the values of ``field`` have the bytes of sounds."""
    import pyarrow

    if pyarrow.types.is_struct(field.type):
        index = field.type.get_field_index("bytes")
        return index >= 0 and is_binary(field.type.field(index).type)
    return is_binary(field.type)


def is_binary(kind: Any) -> bool:
    """Return whether ``kind`` is a type of bytes."""
    import pyarrow

    return bool(pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind))
