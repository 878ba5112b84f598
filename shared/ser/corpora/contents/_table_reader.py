"""Parquet tables, read by a process that may fail in place of this one.

pyarrow turns most defects of a table into exceptions, but not all: its bindings let some exceptions
of C++ through (apache/arrow, issue 47337), which end the process, and no code in Python can catch
those.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO, NamedTuple

from ser.corpora.contents import _table_process as protocol

SCRIPT = Path(__file__).with_name("_table_process.py")
MAX_MEMORY = 2 << 30
"""Maximum memory of the process in bytes, four times that of the largest row group."""
MAX_SECONDS = 120.0
"""Maximum time until the next message of the process."""
MAX_SCHEMA_BYTES = 1 << 26
"""Maximum size of the description of a table in bytes."""
LOADING = ("PYTHON", "LD_", "DYLD_")
"""Beginnings of the environment variables by which Python and its libraries are found. The process
gets no others, which may be secrets."""
Read = Callable[[int, int], bytes]
"""Returns a number of bytes of a table from a position on."""
Footer = dict[tuple[int, int], bytes]
"""The parts of a table that are read when it is opened, by position and number of bytes."""


class UnreadableTable(Exception):
    """A table that cannot be read, and the reason."""


class LargeAnswer(UnreadableTable):
    """An answer with more bytes than its largest size; ``size`` is their number so far."""

    def __init__(self, size: int) -> None:
        super().__init__(f"an answer about it has {size:,} bytes or more")
        self.size = size


class Schema(NamedTuple):
    """The columns of a table."""

    columns: list[tuple[str, str | None, str | None]]
    """The name of each column, with the paths of the bytes and of the paths of sounds in it, such
    as ``audio.bytes`` and ``audio.path``; ``None``: there are none."""
    sounds: list[str]
    """The columns that the library `datasets` knows as sounds."""
    classes: dict[str, list[str]]
    """The names of the values of columns that have numbers for them."""


class OpenTable:
    """A table of ``size`` bytes in ``source`` that ``process`` reads.

    Each method raises :class:`UnreadableTable` if it cannot be read, and :class:`LargeAnswer` if
    the answer has more than ``most`` bytes. What ``footer`` lacks is read and added.
    """

    def __init__(self, process: TableProcess, source: BinaryIO, size: int, footer: Footer) -> None:
        def read(start: int, count: int) -> bytes:
            source.seek(start)
            return source.read(count)

        def read_footer(start: int, count: int) -> bytes:
            if (start, count) not in footer:
                footer[start, count] = read(start, count)
            return footer[start, count]

        self._process, self._read = process, read
        (columns,) = process.answers(read_footer, "open", MAX_SCHEMA_BYTES, size, MAX_MEMORY)
        self.columns = int(columns or 0)
        """Number of columns."""

    def schema(self) -> Schema:
        """Return the columns."""
        return Schema(**self._fact("schema"))

    def sizes(self, column: str) -> list[int]:
        """Return the uncompressed size of ``column`` that each row group declares, in bytes."""
        found: list[int] = self._fact("sizes", column)
        return found

    def rows(self, columns: list[str], most: int) -> Iterator[tuple[int, list[Any]]]:
        """Yield each row with the number of its group. A row has the texts and numbers in
        ``columns``; ``None`` for other values."""
        for part in self._process.answers(self._read, "rows", most, columns):
            group, rows = json.loads(part or b"")
            for row in rows:
                yield group, row

    def sounds(self, group: int, column: str, most: int) -> Iterator[bytes | None]:
        """Yield the bytes of each sound of a row group; ``None`` if there are none."""
        return self._process.answers(self._read, "sounds", most, group, column)

    def _fact(self, name: str, *arguments: object) -> Any:
        (part,) = self._process.answers(self._read, name, MAX_SCHEMA_BYTES, *arguments)
        return json.loads(part or b"")


class TableProcess:
    """A process that answers one request at a time, as :mod:`ser.corpora.contents._table_process`
    describes."""

    def __init__(self) -> None:
        self._channel, other = Pipe()
        self._errors = TemporaryFile()  # noqa: SIM115 - closed with the process
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(SCRIPT), str(other.fileno())],
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env={name: os.environ[name] for name in os.environ if name.startswith(LOADING)},
            )
        self._is_asked = False

    @property
    def is_free(self) -> bool:
        """Whether the process lives and has nothing to answer."""
        return not self._is_asked and self._process.poll() is None

    def answers(
        self, read: Read, name: str, most: int, *arguments: object
    ) -> Iterator[bytes | None]:
        """Yield the parts of the answer to a request; ``read`` returns the bytes of the table that
        the process wants."""
        self._is_asked = True
        self._send(json.dumps([name, most, *arguments]).encode())
        while (message := self._receive())[:1] != protocol.END:
            content = message[1:]
            match message[:1]:
                case protocol.WANTED:
                    self._send(read(*json.loads(content)))
                case protocol.PART:
                    yield content
                case protocol.NOTHING:
                    yield None
                case protocol.LARGE:
                    self._is_asked = False
                    raise LargeAnswer(int(content))
                case protocol.FAILURE:
                    self._is_asked = False
                    raise UnreadableTable(content.decode())
        self._is_asked = False

    def _send(self, message: bytes) -> None:
        try:
            self._channel.send_bytes(message)
        except ConnectionError as error:
            raise self._lost() from error

    def _receive(self) -> bytes:
        if not self._channel.poll(MAX_SECONDS):
            raise UnreadableTable(f"a part of it takes more than {MAX_SECONDS:g} s; allowed: less")
        try:
            return self._channel.recv_bytes()
        except (EOFError, ConnectionError) as error:
            raise self._lost() from error

    def _lost(self) -> UnreadableTable:
        """Return the reason why the process has ended."""
        self._process.kill()
        code = self._process.wait()
        self._errors.seek(0)
        last = " ".join(self._errors.read().decode(errors="replace").split())[-300:]
        cause = f"signal {-code}" if code < 0 else f"code {code}"
        return UnreadableTable(f"the process that read it ended with {cause} ({last})")

    def end(self) -> None:
        """End the process."""
        self._channel.close()
        self._process.kill()
        self._process.wait()
        self._errors.close()


_free: defaultdict[int, list[TableProcess]] = defaultdict(list)
"""The process that is kept for the next table, by the process that started it: a fork of that one
must not talk to it."""


@contextmanager
def open_table(source: BinaryIO, size: int, footer: Footer) -> Iterator[OpenTable]:
    """Yield the table of ``size`` bytes in ``source``; ``footer`` as for :class:`OpenTable`."""
    process = free_process()
    try:
        yield OpenTable(process, source, size, footer)
    finally:
        if process.is_free and not (free := _free[os.getpid()]):
            free.append(process)
        else:
            process.end()


def free_process() -> TableProcess:
    """Return the process that was kept, if it lives, or a new one."""
    # Another thread may take it first.
    with suppress(IndexError):
        process = _free[os.getpid()].pop()
        if process.is_free:
            return process
        process.end()
    return TableProcess()


@atexit.register
def end_free() -> None:
    """End the process that was kept."""
    for process in _free.pop(os.getpid(), []):
        process.end()
