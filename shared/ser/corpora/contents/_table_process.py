"""Reads Parquet tables in a process of its own, which a table may end.

The argument is the descriptor of a socket. On it the other process sends requests, which are JSON
arrays: a name of :data:`ANSWERS`, the largest size of the answer in bytes, and arguments. This
process answers with messages, which are a byte for the kind and a content:

- :data:`WANTED`: a position in the table and a number of bytes, as JSON. The other process sends
  these bytes, so this one opens no file and no connection.
- :data:`PART`: a part of the answer; :data:`NOTHING`: a part without a value.
- :data:`END`: the end of the answer.
- :data:`LARGE`: the answer is larger than it may be; the content is its size so far.
- :data:`FAILURE`: the table cannot be read; the content is the reason.

It imports nothing of ``ser``, so it starts fast.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

WANTED, PART, NOTHING, END, LARGE, FAILURE = b"?", b"=", b"0", b".", b">", b"!"
PIECE = 8 << 20
"""Number of bytes of a table that one message asks for at most."""
BATCH_ROWS = 64
BATCH_SOUNDS = 4
"""Number of rows, and of sounds, that are unpacked at once, before their size is known."""
MAX_REASON = 500
"""Largest number of characters of a reason."""


def main() -> None:
    """Answer requests until the other process has gone."""
    import pyarrow

    # A core dump would hold recordings.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The default pool reserves addresses ahead, which would count as memory that is taken.
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    with suppress(EOFError, ConnectionError):
        serve(Connection(int(sys.argv[1])))


def serve(other: Connection) -> None:
    """Answer requests for tables, of which one is open at a time."""
    table: Any = None
    while True:
        name, most, *arguments = json.loads(other.recv_bytes())
        try:
            if name == "open":
                table = open_table(other, *arguments)
                arguments = []
            end = send(other, ANSWERS[name](table, *arguments), most)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - a table makes pyarrow raise any kind of error
            reason = str(error) or type(error).__name__
            end = FAILURE + reason[:MAX_REASON].encode(errors="replace")
        other.send_bytes(end)


def send(other: Connection, parts: Iterator[bytes | None], most: int) -> bytes:
    """Send the ``parts`` of an answer up to ``most`` bytes, and return the message that ends it."""
    size = 0
    for part in parts:
        size += len(part or b"")
        if size > most:
            return LARGE + str(size).encode()
        other.send_bytes(NOTHING if part is None else PART + part)
    return END


def open_table(other: Connection, size: int, memory: int) -> Any:
    """Return the table of ``size`` bytes, for which this process may take ``memory`` bytes."""
    from pyarrow.parquet import ParquetFile

    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or memory < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (memory, hard))
    return ParquetFile(TableBytes(other, size))


class TableBytes(io.RawIOBase):
    """The bytes of a table of ``size`` bytes, which the other process reads."""

    def __init__(self, other: Connection, size: int) -> None:
        self._other, self._size = other, size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        end = self._size if size < 0 else min(self._size, self._position + size)
        pieces = []
        while self._position < end:
            wanted = json.dumps([self._position, min(PIECE, end - self._position)])
            self._other.send_bytes(WANTED + wanted.encode())
            if not (piece := self._other.recv_bytes()):
                break
            pieces.append(piece)
            self._position += len(piece)
        return b"".join(pieces)


def counts(table: Any) -> Iterator[bytes]:
    """Yield the number of columns."""
    yield json.dumps(table.metadata.num_columns).encode()


def schema(table: Any) -> Iterator[bytes]:
    """Yield the columns, each with the paths of the bytes and of the paths of sounds in it or
    ``null``; the columns that `datasets` knows as sounds; and the names of the values of columns
    that have numbers for them.

    The features of `datasets` are in the metadata (its source, ``features/features.py``,
    ``Features.arrow_schema``); another writer's table has none.
    """
    features = features_of(table.schema_arrow)
    yield json.dumps(
        {
            "columns": [[field.name, *paths_in(field)] for field in table.schema_arrow],
            "sounds": [name for name, each in features.items() if each.get("_type") == "Audio"],
            "classes": {
                name: [str(value) for value in names]
                for name, each in features.items()
                if isinstance(names := each.get("names"), list)
            },
        }
    ).encode()


def features_of(schema: Any) -> dict[str, dict[str, Any]]:
    """Return the features that `datasets` keeps in ``schema``; empty if there are none."""
    try:
        found = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: each for name, each in found.items() if isinstance(each, dict)}


def paths_in(field: Any) -> tuple[str | None, str | None]:
    """Return the path of the bytes of sounds in ``field``, such as ``audio.bytes``, and that of
    their paths; ``None``: there are none."""
    import pyarrow

    kind = field.type
    if not pyarrow.types.is_struct(kind):
        return (field.name if is_binary(kind) else None), None
    content, path = kind.get_field_index("bytes"), kind.get_field_index("path")
    has_bytes = content >= 0 and is_binary(kind.field(content).type)
    return (
        f"{field.name}.bytes" if has_bytes else None,
        f"{field.name}.path" if path >= 0 else None,
    )


def is_binary(kind: Any) -> bool:
    """Return whether ``kind`` is a type of bytes."""
    import pyarrow

    return bool(pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind))


def sizes(table: Any, column: str) -> Iterator[bytes]:
    """Yield the uncompressed size of ``column`` that each row group declares, in bytes."""
    declared = []
    for number in range(table.num_row_groups):
        group = table.metadata.row_group(number)
        chunks = (group.column(index) for index in range(group.num_columns))
        declared.append(
            sum(each.total_uncompressed_size for each in chunks if each.path_in_schema == column)
        )
    yield json.dumps(declared).encode()


def rows(table: Any, columns: list[str]) -> Iterator[bytes]:
    """Yield the rows, several at a time with the number of their group, each the texts and numbers
    in ``columns``; ``null`` for other values."""
    for group in range(table.num_row_groups):
        for batch in batches(table, group, columns, BATCH_ROWS):
            values = [[plain(value) for value in row] for row in batch]
            yield json.dumps([group, values]).encode()


def sounds(table: Any, group: int, column: str) -> Iterator[bytes | None]:
    """Yield the bytes of each sound of a row group; ``None`` if there are none."""
    # A dictionary has a long value once, and the declared size counts it once.
    for batch in batches(table, group, [column], BATCH_SOUNDS):
        for (sound,) in batch:
            yield sound


def batches(table: Any, group: int, columns: list[str], size: int) -> Iterator[list[list[Any]]]:
    """Yield the values of ``columns`` in the rows of a row group, ``size`` rows at a time."""
    for batch in table.iter_batches(size, row_groups=[group], columns=columns, use_threads=False):
        yield [[value_at(row, column) for column in columns] for row in batch.to_pylist()]


def value_at(row: dict[str, Any], column: str) -> Any:
    """Return the value of a column, or of a field of it, such as ``audio.path``."""
    if column in row:
        return row[column]
    name, _, field = column.rpartition(".")
    return row[name] and row[name][field]


def plain(value: object) -> object:
    """Return a text or a number; ``None`` for any other value."""
    return value if isinstance(value, str | int | float) else None


ANSWERS: dict[str, Callable[..., Iterator[bytes | None]]] = {
    "open": counts,
    "schema": schema,
    "sizes": sizes,
    "rows": rows,
    "sounds": sounds,
}
"""The answers to requests by name; each function takes the open table and the arguments."""


if __name__ == "__main__":
    main()
