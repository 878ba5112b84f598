"""A watched folder announces what arrives in it, complete and until somebody takes notice."""

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

PATIENCE_SECONDS = 30


class Clock:
    """Time that passes when it is told to; a reading is in seconds."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class World:
    """A folder, and what is complete in it as time goes by."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.arrivals = Arrivals(folder, self.clock)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def complete_after(self, seconds: float) -> list[str]:
        self.clock.now += seconds
        return [file.name for file in self.arrivals.complete()]


@pytest.fixture
def world(bounds: Path) -> World:
    return World(bounds)


def test_a_copy_is_complete_once_it_is_closed_and_quiet(world: World) -> None:
    copy = world.path("emodb.zip")
    world.arrivals.heed(FileCreatedEvent(copy))
    world.arrivals.heed(FileModifiedEvent(copy))
    assert world.complete_after(1000 * QUIET_SECONDS) == []
    world.arrivals.heed(FileModifiedEvent(copy))
    world.arrivals.heed(FileClosedEvent(copy))
    assert world.complete_after(0.9 * QUIET_SECONDS) == []
    assert world.complete_after(0.2 * QUIET_SECONDS) == ["emodb.zip"]
    assert world.complete_after(1000 * QUIET_SECONDS) == []


def test_a_file_that_is_moved_in_is_complete_once_it_is_quiet(world: World) -> None:
    world.arrivals.heed(FileCreatedEvent(world.path("emodb.zip")))
    assert world.complete_after(1.1 * QUIET_SECONDS) == ["emodb.zip"]


def test_a_download_is_complete_when_it_gets_its_name(world: World) -> None:
    part, name = world.path("emodb.zip.part"), world.path("emodb.zip")
    for event in (FileCreatedEvent(part), FileModifiedEvent(part), FileClosedEvent(part)):
        world.arrivals.heed(event)
    assert world.complete_after(1.1 * QUIET_SECONDS) == []
    world.arrivals.heed(FileMovedEvent(part, name))
    assert world.complete_after(1.1 * QUIET_SECONDS) == ["emodb.zip"]


def test_a_file_is_complete_under_its_last_name_only(world: World) -> None:
    world.arrivals.heed(FileCreatedEvent(world.path("emodb.zip")))
    world.arrivals.heed(FileMovedEvent(world.path("emodb.zip"), world.path("berlin.zip")))
    assert world.complete_after(1.1 * QUIET_SECONDS) == ["berlin.zip"]


def test_where_no_closing_is_told_quiet_has_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "TELLS_CLOSINGS", False)
    copy = world.path("emodb.zip")
    world.arrivals.heed(FileModifiedEvent(copy))
    assert world.complete_after(0.9 * QUIET_SECONDS) == []
    world.arrivals.heed(FileModifiedEvent(copy))
    assert world.complete_after(0.9 * QUIET_SECONDS) == []
    assert world.complete_after(0.9 * QUIET_SECONDS) == ["emodb.zip"]


def test_a_file_that_is_written_again_is_complete_again(world: World) -> None:
    copy = world.path("emodb.zip")
    for _ in range(2):
        world.arrivals.heed(FileModifiedEvent(copy))
        world.arrivals.heed(FileClosedEvent(copy))
        assert world.complete_after(1.1 * QUIET_SECONDS) == ["emodb.zip"]


def test_a_file_that_is_gone_is_forgotten(world: World) -> None:
    copy = world.path("emodb.zip")
    world.arrivals.heed(FileCreatedEvent(copy))
    world.arrivals.heed(FileModifiedEvent(copy))
    world.arrivals.heed(FileDeletedEvent(copy))
    assert world.complete_after(1.1 * QUIET_SECONDS) == []
    world.arrivals.heed(FileCreatedEvent(copy))
    assert world.complete_after(1.1 * QUIET_SECONDS) == ["emodb.zip"]


def test_a_folder_is_looked_through_when_it_appears(world: World) -> None:
    (world.folder / "a" / "b").mkdir(parents=True)
    for name in ("emodb.zip", "notes.txt", ".hidden.zip"):
        (world.folder / "a" / "b" / name).touch()
    world.arrivals.heed(DirCreatedEvent(world.path("a")))
    assert world.complete_after(1.1 * QUIET_SECONDS) == ["emodb.zip"]


@pytest.mark.parametrize("name", ["emodb.zip", "für Anna/a+b %2F.zip", "a?b#c.train.json"])
def test_a_notification_is_read_as_the_file_it_is_of(bounds: Path, name: str) -> None:
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
    """A train function that only listens; what it answers is told beforehand."""

    def __init__(self) -> None:
        self.port = free_port()
        self.heard: list[str] = []
        self.answers: dict[str, list[int]] = {}
        self.trained = threading.Event()
        self.trained.set()

    @property
    def settings(self) -> dict[str, str]:
        return {"SER_TRAIN_ADDRESS": f"127.0.0.1:{self.port}"}

    def answer(self, path: str, body: bytes) -> int:
        assert path == "/events"
        (event,) = read_events({}, body)
        assert isinstance(event, ObjectCreated)
        self.heard.append(event.key)
        self.trained.wait(PATIENCE_SECONDS)
        answers = self.answers.get(event.key)
        return answers.pop(0) if answers else 200

    def has_heard(self, *keys: str) -> Callable[[], bool]:
        return lambda: sorted(self.heard) == sorted(keys)

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
                thread.join()


@pytest.fixture
def listener() -> Listener:
    return Listener()


@contextmanager
def watching(**settings: str) -> Iterator[subprocess.Popen[str]]:
    """The watching process with ``settings``; terminated afterwards, which it takes politely."""
    command = [sys.executable, str(ROOT / "infra" / "local" / "inbox.py")]
    environment = {**os.environ, "SER_INBOX": "inbox", **settings}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert "is watched" in process.stderr.readline()
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=PATIENCE_SECONDS)[1]
        assert process.returncode == 0
        assert "Traceback" not in said


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_is_there_and_what_arrives_is_announced_once(bounds: Path, listener: Listener) -> None:
    folder = bounds / "inbox"
    folder.mkdir()
    (folder / "old.zip").write_bytes(b"old")
    (folder / "notes.txt").write_bytes(b"not for us")
    with listener.listening(), watching(**listener.settings):
        wait_until(listener.has_heard("old.zip"))
        (bounds / "ready.zip").write_bytes(b"moved in")
        (bounds / "ready.zip").rename(folder / "moved.zip")
        with (folder / "slow.zip").open("wb", buffering=0) as slow:
            slow.write(b"half of it")
            wait_until(listener.has_heard("old.zip", "moved.zip"))
            (folder / "new").mkdir()
            (folder / "new" / "copied.train.json").write_bytes(b"{}")
            wait_until(listener.has_heard("old.zip", "moved.zip", "new/copied.train.json"))
            slow.write(b"the other half")
        everything = ("old.zip", "moved.zip", "new/copied.train.json", "slow.zip")
        wait_until(listener.has_heard(*everything))


def test_a_file_is_announced_until_the_function_is_done_with_it(
    bounds: Path, listener: Listener
) -> None:
    folder = bounds / "inbox"
    folder.mkdir()
    for name in ("bad.zip", "busy.zip", "broken.zip"):
        (folder / name).touch()
    listener.answers = {"bad.zip": [422], "busy.zip": [503], "broken.zip": [502]}
    with watching(**listener.settings) as process:
        assert process.stderr is not None
        while "does not answer" not in process.stderr.readline():
            pass
        with listener.listening():
            wait_until(listener.has_heard("bad.zip", *2 * ["busy.zip", "broken.zip"]))


def test_what_a_training_keeps_in_the_folder_is_not_announced(
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
        wait_until(lambda: "last.zip" in listener.heard)
    assert listener.heard == ["last.zip"]


def test_watching_ends_at_once_though_a_training_is_under_way(
    bounds: Path, listener: Listener
) -> None:
    (bounds / "inbox").mkdir()
    (bounds / "inbox" / "long.zip").touch()
    listener.trained.clear()
    with listener.listening():
        with watching(**listener.settings):
            wait_until(listener.has_heard("long.zip"))
        assert not listener.trained.is_set()
        listener.trained.set()


@pytest.mark.parametrize(
    ("settings", "says"),
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
def test_an_inbox_of_no_use_is_refused_at_the_start(
    bounds: Path, settings: dict[str, str], says: str
) -> None:
    (bounds / "file.txt").touch()
    done = subprocess.run(
        [sys.executable, str(ROOT / "infra" / "local" / "inbox.py")],
        env={**os.environ, "SER_INBOX": "inbox", "SER_TRAIN_ADDRESS": "127.0.0.1:9", **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
