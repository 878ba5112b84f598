"""Guards around a case: no connection leaves the process, and files that are written elsewhere and
memory are noticed."""

from __future__ import annotations

import os
import resource
import socket
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

MEBIBYTE = 1 << 20
MAX_GROWTH = 400 * MEBIBYTE
"""Largest growth of memory while one case is read."""
DATA_LIMIT = 4096 * MEBIBYTE
"""Largest memory of a process; allocations beyond it fail."""


class OutsideWrite(Exception):
    """A file was written, moved or removed outside of the folder of the case."""


class TooMuchMemory(Exception):
    """Reading a payload took more memory than :data:`MAX_GROWTH`."""


WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    "os.mkdir": (0,),
    "os.remove": (0,),
    "os.rmdir": (0,),
    "os.truncate": (0,),
    "os.rename": (0, 1),
    "os.link": (1,),
    "os.symlink": (1,),
    "os.chmod": (0,),
}
"""Audit events of changes of the file system, with the positions of the changed paths."""


class Watch:
    """Watches the changes of files by this process, once :meth:`begin` is called."""

    def __init__(self) -> None:
        self._folder: str | None = None
        self.outside: list[str] = []

    def begin(self, folder: Path) -> None:
        """Allow changes in ``folder`` alone."""
        self._folder, self.outside = os.path.realpath(folder), []

    def end(self) -> None:
        """Allow all changes again; raise :class:`OutsideWrite` if there were some outside."""
        self._folder = None
        if self.outside:
            raise OutsideWrite(", ".join(self.outside[:3]))

    def abandon(self) -> None:
        """Allow all changes again, whatever there was."""
        self._folder, self.outside = None, []

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """The audit hook of Python (:func:`sys.addaudithook`)."""
        if event == "socket.getaddrinfo":
            refuse_names(arguments[0])
        elif event == "socket.connect":
            raise ConnectionRefusedError("no connection leaves the process")
        if self._folder is None:
            return
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITES:
            self._note(event, arguments[0])
        elif event in CHANGES:
            for position in CHANGES[event]:
                self._note(event, arguments[position])

    def _note(self, event: str, path: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike) or os.fspath(path) in NOWHERE:
            return
        place = Path(os.fsdecode(path))
        # A path that no file can have changes nothing. The last component may be a link that is
        # replaced, not followed.
        with suppress(ValueError, OSError):
            place = place.parent.resolve() / place.name
            if not place.is_relative_to(self._folder or "") or place.name == "..":
                self.outside.append(f"{event} {place}")


NOWHERE = (os.devnull, os.devnull.encode())


def refuse_names(host: object) -> None:
    """Raise the error of a name that does not exist, unless ``host`` is an address in numbers."""
    text = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        # inet_aton knows addresses such as 0x7f.1, as resolvers do.
        try:
            socket.inet_aton(text)
        except (OSError, ValueError):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None


def limit_memory() -> None:
    """Limit the memory of this process to :data:`DATA_LIMIT`."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (DATA_LIMIT, hard))


def processes() -> list[Path]:
    """Return the folders in ``/proc`` of this process and of the processes that it has started."""
    children: list[str] = []
    for each in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # a thread may have ended
            children += each.read_text().split()
    return [Path("/proc", name) for name in ("self", *children)]


def reset_peak() -> int:
    """Make the peak of memory the memory in use, and return it in bytes."""
    for process in processes():
        # 5 resets VmHWM: proc(5). A process may have ended.
        with suppress(OSError):
            (process / "clear_refs").write_text("5")
    return status_bytes("VmRSS")


def status_bytes(field: str) -> int:
    """Return the sum of a field of the status of :func:`processes`, in bytes."""
    found: list[int] = []
    for process in processes():
        with suppress(OSError):
            lines = (process / "status").read_text().splitlines()
            found += [int(line.split()[1]) for line in lines if line.startswith(f"{field}:")]
    if not found:  # without it, no growth would ever be seen
        raise LookupError(field)
    return sum(found) * 1024


def check_growth(before: int) -> None:
    """Raise :class:`TooMuchMemory` if the peaks are too far above ``before``."""
    grown = status_bytes("VmHWM") - before
    if grown > MAX_GROWTH:
        raise TooMuchMemory(f"{grown // MEBIBYTE} MiB")
