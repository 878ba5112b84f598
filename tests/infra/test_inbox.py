"""A watched folder announces each complete file until the train function accepts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from watchdog.events import (
    DirCreatedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
)

import inbox
from inbox import QUIET_SECONDS, Arrivals, notification
from ser.service.events import ObjectCreated, read_events
from stack import ROOT, free_port

TIMEOUT_SECONDS = 120


class Clock:
    """A clock that the tests set; it returns seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Inbox:
    """A folder whose clock the tests advance, and the files that are complete in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.arrivals = Arrivals(folder, self.clock)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def pop_complete_after(self, seconds: float) -> list[str]:
        self.clock.now += seconds
        return [file.name for file in self.arrivals.pop_complete()]


@pytest.fixture
def box(bounds: Path) -> Inbox:
    return Inbox(bounds)


def test_a_copy_is_complete_when_it_is_closed_and_has_stayed_unchanged(box: Inbox) -> None:
    copy = box.path("emodb.zip")
    box.arrivals.handle(FileCreatedEvent(copy))
    box.arrivals.handle(FileModifiedEvent(copy))
    assert box.pop_complete_after(1000 * QUIET_SECONDS) == []
    box.arrivals.handle(FileModifiedEvent(copy))
    box.arrivals.handle(FileClosedEvent(copy))
    assert box.pop_complete_after(0.9 * QUIET_SECONDS) == []
    assert box.pop_complete_after(0.2 * QUIET_SECONDS) == ["emodb.zip"]
    assert box.pop_complete_after(1000 * QUIET_SECONDS) == []


def test_a_file_moved_in_is_complete_when_it_has_stayed_unchanged(box: Inbox) -> None:
    box.arrivals.handle(FileCreatedEvent(box.path("emodb.zip")))
    assert box.pop_complete_after(1.1 * QUIET_SECONDS) == ["emodb.zip"]


def test_a_download_is_complete_when_it_is_renamed_to_its_final_name(box: Inbox) -> None:
    part, name = box.path("emodb.zip.part"), box.path("emodb.zip")
    for event in (FileCreatedEvent(part), FileModifiedEvent(part), FileClosedEvent(part)):
        box.arrivals.handle(event)
    assert box.pop_complete_after(1.1 * QUIET_SECONDS) == []
    box.arrivals.handle(FileMovedEvent(part, name))
    assert box.pop_complete_after(1.1 * QUIET_SECONDS) == ["emodb.zip"]


def test_a_renamed_file_is_complete_under_its_last_name_only(box: Inbox) -> None:
    box.arrivals.handle(FileCreatedEvent(box.path("emodb.zip")))
    box.arrivals.handle(FileMovedEvent(box.path("emodb.zip"), box.path("berlin.zip")))
    assert box.pop_complete_after(1.1 * QUIET_SECONDS) == ["berlin.zip"]


def test_without_reports_of_closing_a_file_is_complete_when_it_has_stayed_unchanged(
    box: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "REPORTS_CLOSING", False)
    copy = box.path("emodb.zip")
    box.arrivals.handle(FileModifiedEvent(copy))
    assert box.pop_complete_after(0.9 * QUIET_SECONDS) == []
    box.arrivals.handle(FileModifiedEvent(copy))
    assert box.pop_complete_after(0.9 * QUIET_SECONDS) == []
    assert box.pop_complete_after(0.9 * QUIET_SECONDS) == ["emodb.zip"]


def test_a_file_written_again_is_complete_again(box: Inbox) -> None:
    copy = box.path("emodb.zip")
    for _ in range(2):
        box.arrivals.handle(FileModifiedEvent(copy))
        box.arrivals.handle(FileClosedEvent(copy))
        assert box.pop_complete_after(1.1 * QUIET_SECONDS) == ["emodb.zip"]


def test_a_deleted_file_is_not_complete(box: Inbox) -> None:
    copy = box.path("emodb.zip")
    box.arrivals.handle(FileCreatedEvent(copy))
    box.arrivals.handle(FileModifiedEvent(copy))
    box.arrivals.handle(FileDeletedEvent(copy))
    assert box.pop_complete_after(1.1 * QUIET_SECONDS) == []
    box.arrivals.handle(FileCreatedEvent(copy))
    assert box.pop_complete_after(1.1 * QUIET_SECONDS) == ["emodb.zip"]


def test_files_in_a_new_folder_are_found(box: Inbox) -> None:
    (box.folder / "a" / "b").mkdir(parents=True)
    for name in ("emodb.zip", "notes.txt", ".hidden.zip"):
        (box.folder / "a" / "b" / name).touch()
    box.arrivals.handle(DirCreatedEvent(box.path("a")))
    assert box.pop_complete_after(1.1 * QUIET_SECONDS) == ["emodb.zip"]


@pytest.mark.parametrize("name", ["emodb.zip", "für Anna/a+b %2F.zip", "a?b#c.train.json"])
def test_a_notification_names_its_file_and_changes_with_the_content(
    bounds: Path, name: str
) -> None:
    file = bounds / name
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"first")
    (first,) = read_events({}, notification(file, bounds))
    assert isinstance(first, ObjectCreated)
    assert (first.store, first.bucket, first.key) == ("file", str(bounds), name)
    assert first.uri == file.as_uri()
    (again,) = read_events({}, notification(file, bounds))
    file.write_bytes(b"other")
    (other,) = read_events({}, notification(file, bounds))
    assert isinstance(again, ObjectCreated)
    assert isinstance(other, ObjectCreated)
    assert first.identity == again.identity != other.identity


class Listener:
    """A train function that records events and answers with the statuses the test sets."""

    def __init__(self) -> None:
        self.port = free_port()
        self.received: list[str] = []
        self.answers: dict[str, list[int]] = {}
        self.training_ended = threading.Event()
        self.training_ended.set()

    @property
    def settings(self) -> dict[str, str]:
        return {"SER_TRAIN_ADDRESS": f"127.0.0.1:{self.port}"}

    def answer(self, path: str, body: bytes) -> int:
        assert path == "/events"
        (event,) = read_events({}, body)
        assert isinstance(event, ObjectCreated)
        self.received.append(event.key)
        self.training_ended.wait(TIMEOUT_SECONDS)
        answers = self.answers.get(event.key)
        return answers.pop(0) if answers else 200

    def has_received(self, *keys: str) -> Callable[[], bool]:
        return lambda: sorted(self.received) == sorted(keys)

    @contextmanager
    def listening(self) -> Iterator[None]:
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(listener.answer(self.path, body))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002, the base's
                pass

        with ThreadingHTTPServer(("127.0.0.1", self.port), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join(TIMEOUT_SECONDS)


@pytest.fixture
def listener() -> Listener:
    return Listener()


@contextmanager
def watching(**settings: str) -> Iterator[subprocess.Popen[str]]:
    """Run the watching process with ``settings``; terminate it afterwards and check its exit."""
    command = [sys.executable, str(ROOT / "infra" / "local" / "inbox.py")]
    environment = {**os.environ, "SER_INBOX": "inbox", **settings}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "watching" in process.stderr.readline()
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            output = process.communicate(timeout=TIMEOUT_SECONDS)[1]
        assert process.returncode == 0
        assert "Traceback" not in output


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_old_and_new_files_are_announced_once(bounds: Path, listener: Listener) -> None:
    folder = bounds / "inbox"
    folder.mkdir()
    (folder / "old.zip").write_bytes(b"old")
    (folder / "notes.txt").write_bytes(b"neither request nor corpus")
    with listener.listening(), watching(**listener.settings):
        wait_until(listener.has_received("old.zip"))
        (bounds / "ready.zip").write_bytes(b"moved in")
        (bounds / "ready.zip").rename(folder / "moved.zip")
        with (folder / "slow.zip").open("wb", buffering=0) as slow:
            slow.write(b"the first half")
            wait_until(listener.has_received("old.zip", "moved.zip"))
            (folder / "new").mkdir()
            (folder / "new" / "copied.train.json").write_bytes(b"{}")
            wait_until(listener.has_received("old.zip", "moved.zip", "new/copied.train.json"))
            slow.write(b"the other half")
        everything = ("old.zip", "moved.zip", "new/copied.train.json", "slow.zip")
        wait_until(listener.has_received(*everything))


REPEATED = ("busy.zip", "broken.zip", "limited.zip")


def test_a_file_is_announced_until_the_function_accepts_it(
    bounds: Path, listener: Listener
) -> None:
    folder = bounds / "inbox"
    folder.mkdir()
    listener.answers = {
        "bad.zip": [422],
        "busy.zip": [503],
        "broken.zip": [502],
        "limited.zip": [429],
    }
    for name in listener.answers:
        (folder / name).touch()
    with watching(**listener.settings) as process:
        assert process.stderr is not None
        while "does not answer" not in (line := process.stderr.readline()):
            assert line
        with listener.listening():
            wait_until(listener.has_received("bad.zip", *2 * REPEATED))


def test_the_files_that_a_training_writes_to_the_folder_are_not_announced(
    bounds: Path, listener: Listener
) -> None:
    data_path = bounds / "inbox" / "data"
    with listener.listening(), watching(**listener.settings):
        (data_path / "pristine").mkdir(parents=True)
        (data_path / "pristine" / "source.json").write_bytes(b"{}")
        (data_path / "pristine" / "archive.zip").write_bytes(b"")
        (data_path / "working").mkdir()
        (data_path / "working" / "nested.zip").write_bytes(b"")
        (bounds / "inbox" / "last.zip").write_bytes(b"")
        wait_until(lambda: "last.zip" in listener.received)
    assert listener.received == ["last.zip"]


def test_watching_ends_at_once_during_a_training(bounds: Path, listener: Listener) -> None:
    (bounds / "inbox").mkdir()
    (bounds / "inbox" / "long.zip").touch()
    listener.training_ended.clear()
    with listener.listening():
        with watching(**listener.settings):
            wait_until(listener.has_received("long.zip"))
        assert not listener.training_ended.is_set()
        listener.training_ended.set()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"SER_INBOX": ""}, "SER_INBOX: '' is not a local path"),
        ({"SER_INBOX": "/srv/inbox"}, "SER_ALLOWED_PATHS"),
        ({"SER_INBOX": "s3://bucket/inbox"}, "s3://"),
        ({"SER_INBOX": "file.txt"}, "file.txt"),
        ({"SER_MODEL_SAVE_PATH": "inbox/model"}, "SER_MODEL_SAVE_PATH is 'inbox/model'"),
        ({"SER_JOBS_URI": "."}, "SER_JOBS_URI is '.'"),
        ({"SER_TRAIN_ADDRESS": ""}, "SER_TRAIN_ADDRESS"),
        ({"SER_MAX_BODY_MB": "many"}, "SER_MAX_BODY_MB is 'many'"),
    ],
)
def test_an_unusable_inbox_is_refused_at_the_start(
    bounds: Path, settings: dict[str, str], message: str
) -> None:
    (bounds / "file.txt").touch()
    completed = subprocess.run(
        [sys.executable, str(ROOT / "infra" / "local" / "inbox.py")],
        env={**os.environ, "SER_INBOX": "inbox", "SER_TRAIN_ADDRESS": "127.0.0.1:9", **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )
    assert completed.returncode == 1
    assert message in completed.stderr
    assert "Traceback" not in completed.stderr
