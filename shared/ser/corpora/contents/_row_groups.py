"""Row groups of Parquet tables, each of which is read in one piece."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count, groupby
from operator import itemgetter
from pathlib import PurePosixPath
from threading import Lock
from typing import Any, NamedTuple

from ser.corpora._csv_files import ALIASES, Row, find_columns
from ser.corpora._sidecars import row_of
from ser.corpora.contents._table_reader import (
    Footer,
    LargeAnswer,
    OpenTable,
    Schema,
    UnreadableTable,
    open_table,
)
from ser.errors import InvalidInput, TooLarge
from ser.fetching import Place, StoredFile
from ser.limits import NO_LIMITS, Limits

READ_AHEAD = 1 << 16
"""Number of bytes that one request for a part of a table asks for at least."""
MAX_GROUP_BYTES = 1 << 29
"""Maximum size of the sounds of a row group in bytes."""
MAX_ROW_BYTES = 1 << 28
"""Maximum size of the rows of a table without their sounds, in bytes."""
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
        self._footers: defaultdict[int, Footer] = defaultdict(dict)
        self._kept: OrderedDict[tuple[int, int], list[bytes | None]] = OrderedDict()

    def rows(self, table: int) -> Generator[tuple[Position, str, Row]]:
        """Yield position, path and row of each sound of a table, without reading the sounds.

        Raises
        ------
        InvalidInput
            The file is not a Parquet table, has too many columns, or none with sounds.
        TooLarge
            A row group has more than :data:`MAX_GROUP_BYTES`, or the rows have more than
            :data:`MAX_ROW_BYTES` without the sounds.
        """
        numbers = count()
        with self._opened(table) as (opened, layout):
            for size in opened.sizes(layout.content):
                self._require_group(table, size)
            try:
                found = opened.rows(layout.wanted, MAX_ROW_BYTES)
                for group, members in groupby(found, itemgetter(0)):
                    for row, (_, values) in enumerate(members):
                        yield Position(table, group, row, next(numbers)), *layout.read(values)
            except LargeAnswer as error:
                raise TooLarge(
                    f"the rows of {self._tables[table].name} have {error.size:,} bytes or more "
                    f"without their sounds; allowed: {MAX_ROW_BYTES:,}"
                ) from error

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
        # Columns of a broken table may have different numbers of rows.
        content = sounds[position.row] if position.row < len(sounds) else None
        if content and len(content) > self._limits.file_bytes.value:
            raise TooLarge(
                f"a sound in {self._tables[position.table].name} has {len(content):,} bytes; "
                f"allowed: {self._limits.file_bytes}"
            )
        return content

    def _read(self, table: int, group: int) -> list[bytes | None]:
        """Return the sounds of a row group."""
        with self._opened(table) as (opened, layout):
            try:
                return [*opened.sounds(group, layout.content, MAX_GROUP_BYTES)]
            except LargeAnswer as error:
                self._require_group(table, error.size)
                raise

    @contextmanager
    def _opened(self, table: int) -> Iterator[tuple[OpenTable, Layout]]:
        """Yield a table, open for reading, and its layout."""
        file = self._tables[table]
        try:
            with (
                self._place.open(file, READ_AHEAD) as source,
                open_table(source, file.size, self._footers[table]) as opened,
            ):
                if (columns := opened.columns) > self._limits.columns.value:
                    raise InvalidInput(
                        f"{file.name} has {columns:,} columns; allowed: {self._limits.columns}"
                    )
                yield opened, Layout.of(opened.schema(), file.name)
        except (UnreadableTable, OSError) as error:
            raise InvalidInput(f"{file.name} cannot be read as Parquet: {error}") from error


class Layout(NamedTuple):
    """The columns of a table that are read."""

    content: str
    """Path of the bytes of the sounds, such as ``audio.bytes``."""
    path: str | None
    """Path of the paths of the sounds, such as ``audio.path``; ``None``: there are none."""
    columns: dict[str, str]
    """The columns with labels, speakers and so on, by the names that tables in CSV have."""
    classes: dict[str, list[str]]
    """The names of the values of columns that have numbers for them."""

    @classmethod
    def of(cls, schema: Schema, name: str) -> Layout:
        """Return the layout of the table ``name``."""
        names = [column for column, *_ in schema.columns]
        found = {column: (content, path) for column, content, path in schema.columns if content}
        likeliest = (*schema.sounds, "audio", "file", *ALIASES["file"])
        audio = next((each for each in likeliest if each in found), None)
        if audio is None:
            raise InvalidInput(
                f"{name} has no column with sounds ({', '.join(names)}); allowed: a column "
                "audio whose values have bytes and path, as the library datasets writes it"
            )
        content, path = found[audio]
        others = [each for each in names if each != audio]
        known = {column: others[index] for column, index in find_columns(others).items()}
        stored_path = known.pop("file", None)
        return cls(content, path or stored_path, known, schema.classes)

    @property
    def wanted(self) -> list[str]:
        """The columns of a row that :meth:`read` reads."""
        return [*self.columns.values(), *filter(None, [self.path])]

    def read(self, values: list[Any]) -> tuple[str, Row]:
        """Return the path of a sound and its row, with labels, speakers and so on.

        The path is relative and without a way out; empty if there is none.
        """
        found = dict(zip(self.wanted, values, strict=True))
        row = {known: self._text(column, found[column]) for known, column in self.columns.items()}
        path = "" if self.path is None else str(found[self.path] or "")
        parts = PurePosixPath(path.replace("\\", "/")).parts
        inside = (part for part in parts if part not in ("/", "..") and not part.endswith(":"))
        return "/".join(inside), row_of(row)

    def _text(self, column: str, value: object) -> object:
        names = self.classes.get(column)
        if names is None or not isinstance(value, int):
            return value
        # Hugging Face datasets: -1 is a missing label.
        return names[value] if 0 <= value < len(names) else None
