"""A local folder as a bucket: what arrives in it is announced to the train function.

``SER_INBOX`` names the folder, ``SER_TRAIN_ADDRESS`` the host and port of the function. A file is
announced once it is complete, in the words of S3, and again until the function takes notice; so
are the files that are there from the beginning.
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
from ser.service.events import LOCAL_SOURCE, is_ours, kind_of, refuse_loops
from ser.service.settings import Settings, SettingsError
from stack import interrupt

QUIET_SECONDS = 1.0
"""How long nothing must have happened to a file."""
TICK_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 60.0
"""Between two announcements of one file; the pauses before are 1, 2, 4, ... seconds."""
TELLS_CLOSINGS = sys.platform == "linux"
"""Elsewhere a copy that has stalled looks like one that is done."""

Happenings = SimpleQueue[FileSystemEvent]


class Arrivals:
    """Which files of ``folder`` are complete: closed after writing or moved in, and quiet since.

    Only those count whose names make them requests or corpora.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._due: dict[Path, float] = {}
        self._being_written: set[Path] = set()

    def look_through(self, folder: Path) -> None:
        """Expect the files that are in ``folder`` already."""
        for file in folder.rglob("*"):
            if file.is_file():
                self.expect(file)

    def expect(self, file: Path, seconds: float = QUIET_SECONDS) -> None:
        """Call ``file`` complete in so many seconds, unless something happens to it."""
        if kind_of(file.relative_to(self._folder).as_posix()):
            self._due[file] = self._clock() + seconds

    def heed(self, event: FileSystemEvent) -> None:
        """Take note of what has happened."""
        path = Path(os.fsdecode(event.src_path))
        match event:
            case DirCreatedEvent():  # perhaps with files that came before it was watched
                self.look_through(path)
            case FileCreatedEvent():
                self.expect(path)
            case FileModifiedEvent():
                self.expect(path)
                if TELLS_CLOSINGS:
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

    def complete(self) -> list[Path]:
        """Return the files that have become complete, each once."""
        now = self._clock()
        files = [
            file
            for file, due in self._due.items()
            if due <= now and file not in self._being_written
        ]
        for file in files:
            del self._due[file]
        return files


class Postbox(FileSystemEventHandler):
    """Hands over from the thread of the observer, so that all state is one thread's."""

    def __init__(self) -> None:
        self.happenings: Happenings = SimpleQueue()

    def on_any_event(self, event: FileSystemEvent) -> None:
        self.happenings.put(event)


@contextmanager
def watched(folder: Path) -> Iterator[Happenings]:
    """Yield what happens below ``folder`` meanwhile."""
    observer, postbox = Observer(), Postbox()
    observer.schedule(postbox, str(folder), recursive=True)
    observer.start()
    try:
        yield postbox.happenings
    finally:
        observer.stop()
        observer.join()


def happened(happenings: Happenings) -> Iterator[FileSystemEvent]:
    """Yield all that has happened by now, or what happens next if that is soon."""
    patience = TICK_SECONDS
    with suppress(Empty):
        while True:
            yield happenings.get(timeout=patience)
            patience = 0


def announce_all(folder: Path, url: str, settings: Settings) -> None:
    """Announce to ``url`` whatever is or becomes complete in ``folder``, for ever."""
    failures: Counter[Path] = Counter()
    arrivals = Arrivals(folder)
    with watched(folder) as happenings:
        arrivals.look_through(folder)
        while True:
            for event in happened(happenings):
                arrivals.heed(event)
            for file in arrivals.complete():
                if is_ours(file.as_uri(), settings) or announced(file, folder, url):
                    del failures[file]
                    continue
                arrivals.expect(file, min(2.0 ** failures[file], LONGEST_PAUSE_SECONDS))
                failures[file] += 1


def announced(file: Path, folder: Path, url: str) -> bool:
    """Announce ``file``; true if that is settled, false if it has to be said again."""
    name = file.relative_to(folder).as_posix()
    try:
        body = notification(file, folder)
    except OSError as error:
        say(f"{name!r} cannot be read: {error.strerror}")
        return True
    say(f"{name!r} is here")
    try:
        # The answer comes when the training is over.
        patience = urllib3.Timeout(connect=5, read=None)
        headers = {"Content-Type": "application/json"}
        answer = urllib3.request(
            "POST", url, body=body, headers=headers, timeout=patience, retries=False
        )
    except urllib3.exceptions.HTTPError as error:
        say(f"{name!r}: {url} does not answer ({type(error).__name__}); asking again")
        return False
    again = answer.status >= 500
    text = shortened(answer.data.decode(errors="replace").strip(), 300)
    say(f"{name!r}: {answer.status}{'; asking again' if again else ''} {text}")
    return not again


def notification(file: Path, folder: Path) -> bytes:
    """Return what S3 would send of ``file``, with the SHA-256 of its content for an ETag."""
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


def say(line: str) -> None:
    sys.stderr.write(f"inbox: {line}\n")


def open_inbox(name: str, settings: Settings) -> Path:
    """Return the folder that ``SER_INBOX`` names, made if need be.

    Raises
    ------
    InvalidInput, SettingsError, OSError
        The function may not read there, what it writes could arrive there, or there is a file.
    """
    with within("SER_INBOX"):
        folder = Access(settings).path(name)
    refuse_loops(settings, str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def main() -> None:
    """Watch until interrupted or terminated."""
    for polite in (signal.SIGINT, signal.SIGTERM):
        signal.signal(polite, interrupt)
    address = os.environ.get("SER_TRAIN_ADDRESS")
    if not address:
        sys.exit("SER_TRAIN_ADDRESS is not set; allowed: host:port of the train function")
    try:
        settings = Settings.from_environment()
        folder = open_inbox(os.environ.get("SER_INBOX", ""), settings)
        say(f"{folder} is watched")
        announce_all(folder, f"http://{address}/events", settings)
    except KeyboardInterrupt:
        say("no longer watched")
    except (SerError, SettingsError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
