"""Announces files that arrive in a local folder to the train function, as a bucket would.

``SER_INBOX`` names the folder, ``SER_TRAIN_ADDRESS`` the host and port of the function. A file is
announced in the format of S3 when it is complete, and again until the function accepts it. Files
that are in the folder at the start are announced too.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from urllib.parse import quote_plus

import msgspec
import urllib3
from watchdog.events import (
    DirCreatedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer

from ser._schemas import shortened
from ser.errors import SerError, within
from ser.service.access import Access
from ser.service.events import LOCAL_SOURCE, is_own_output, object_kind, refuse_loops
from ser.service.settings import Settings, SettingsError
from stack import interrupt

QUIET_SECONDS = 1.0
"""Seconds for which a file must stay unchanged before it counts as complete."""
TICK_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 60.0
"""Longest pause between two announcements of a file; the first pauses are 1, 2, 4, ... seconds."""
REPORTS_CLOSING = sys.platform == "linux"
"""Whether the system reports that a file is closed. Without that, a copy that has stalled looks
complete."""

EventQueue = SimpleQueue[FileSystemEvent]


class Arrivals:
    """The files in ``folder`` that are complete: closed after writing or moved in, and unchanged
    since. Files that are neither requests nor corpora by their names are left out.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._due: dict[Path, float] = {}
        self._being_written: set[Path] = set()

    def expect_all(self, folder: Path) -> None:
        """Expect the files that are in ``folder`` now."""
        for file in folder.rglob("*"):
            if file.is_file():
                self.expect(file)

    def expect(self, file: Path, seconds: float = QUIET_SECONDS) -> None:
        """Report ``file`` as complete after ``seconds``, unless it changes before."""
        if object_kind(file.relative_to(self._folder).as_posix()):
            self._due[file] = self._clock() + seconds

    def handle(self, event: FileSystemEvent) -> None:
        """Update the state of the files that ``event`` concerns."""
        path = Path(os.fsdecode(event.src_path))
        match event:
            case DirCreatedEvent():  # files may have arrived before it was watched
                self.expect_all(path)
            case FileCreatedEvent():
                self.expect(path)
            case FileModifiedEvent():
                self.expect(path)
                if REPORTS_CLOSING:
                    self._being_written.add(path)
            case FileClosedEvent():
                self._being_written.discard(path)
                self.expect(path)
            case FileMovedEvent():
                self._forget(path)
                self.expect(Path(os.fsdecode(event.dest_path)))
            case FileDeletedEvent():
                self._forget(path)

    def _forget(self, file: Path) -> None:
        self._due.pop(file, None)
        self._being_written.discard(file)

    def pop_complete(self) -> list[Path]:
        """Return the files that are complete now, and stop expecting them."""
        now = self._clock()
        files = [
            file
            for file, due in self._due.items()
            if due <= now and file not in self._being_written
        ]
        for file in files:
            del self._due[file]
        return files


class QueueingHandler(FileSystemEventHandler):
    """Queues the events from the thread of the observer, so that one thread owns all state."""

    def __init__(self) -> None:
        self.queue: EventQueue = SimpleQueue()

    def on_any_event(self, event: FileSystemEvent) -> None:
        self.queue.put(event)


@contextmanager
def watch(folder: Path) -> Iterator[EventQueue]:
    """Watch ``folder`` and yield the queue of its events."""
    observer, handler = Observer(), QueueingHandler()
    observer.schedule(handler, str(folder), recursive=True)
    observer.start()
    try:
        yield handler.queue
    finally:
        observer.stop()
        observer.join()


def drain(queue: EventQueue) -> Iterator[FileSystemEvent]:
    """Yield all queued events; wait up to :data:`TICK_SECONDS` for the first one."""
    timeout = TICK_SECONDS
    with suppress(Empty):
        while True:
            yield queue.get(timeout=timeout)
            timeout = 0


def announce_all(folder: Path, url: str, settings: Settings) -> None:
    """Announce every file that is or becomes complete in ``folder`` to ``url``; never return."""
    failures: Counter[Path] = Counter()
    arrivals = Arrivals(folder)
    with watch(folder) as queue:
        arrivals.expect_all(folder)
        while True:
            for event in drain(queue):
                arrivals.handle(event)
            for file in arrivals.pop_complete():
                if is_own_output(file.as_uri(), settings) or announce(file, folder, url):
                    del failures[file]
                    continue
                arrivals.expect(file, min(2.0 ** failures[file], LONGEST_PAUSE_SECONDS))
                failures[file] += 1


def announce(file: Path, folder: Path, url: str) -> bool:
    """Announce ``file``; return ``False`` if it has to be announced again."""
    name = file.relative_to(folder).as_posix()
    try:
        body = notification(file, folder)
    except OSError as error:
        log(f"{name!r} cannot be read: {error.strerror}")
        return True
    log(f"{name!r} has arrived")
    try:
        # The answer comes after the training, however long it takes.
        timeout = urllib3.Timeout(connect=5, read=None)
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get("SER_INBOX_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        answer = urllib3.request(
            "POST", url, body=body, headers=headers, timeout=timeout, retries=False
        )
    except urllib3.exceptions.HTTPError as error:
        log(f"{name!r}: {url} does not answer ({type(error).__name__}); trying again")
        return False
    again = answer.status >= 500 or answer.status == 429
    text = shortened(answer.data.decode(errors="replace").strip(), 300)
    log(f"{name!r}: {answer.status}{'; trying again' if again else ''} {text}")
    return not again


def notification(file: Path, folder: Path) -> bytes:
    """Return the notification that S3 would send for ``file``; its ETag is the SHA-256 of the
    content."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
        size = content.tell()
    key = quote_plus(file.relative_to(folder).as_posix(), errors="replace")
    record = {
        "eventVersion": "2.1",
        "eventSource": LOCAL_SOURCE,
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": str(folder)},
            "object": {"key": key, "size": size, "eTag": digest},
        },
    }
    return msgspec.json.encode({"Records": [record]})


def log(line: str) -> None:
    sys.stderr.write(f"inbox: {line}\n")


def open_inbox(name: str, settings: Settings) -> Path:
    """Create the folder that ``SER_INBOX`` names unless it exists, and return it.

    Raises
    ------
    InvalidInput, SettingsError, OSError
        The function has no access to the folder, may write to it, or a file is in its place.
    """
    with within("SER_INBOX"):
        folder = Access(settings).path(name)
    refuse_loops(settings, str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main() -> None:
    """Watch until interrupted or terminated."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    address = os.environ.get("SER_TRAIN_ADDRESS")
    if not address:
        sys.exit("SER_TRAIN_ADDRESS is not set; allowed: host:port of the train function")
    try:
        settings = Settings.from_environment()
        folder = open_inbox(os.environ.get("SER_INBOX", ""), settings)
        log(f"watching {folder}")
        announce_all(folder, f"http://{address}/events", settings)
    except KeyboardInterrupt:
        log("stopped watching")
    except (SerError, SettingsError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
