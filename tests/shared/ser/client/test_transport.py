"""Retries, time-outs, redirects and strange answers, with a small server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import msgspec
import pytest

import ser
from ser.client import _transport
from ser.errors import AlteredModel, Busy, Conflict, InvalidInput, RemoteFailed, SerError

KEY = "serkey_secret"
Answer = tuple[int, dict[str, str], bytes]


class Served:
    """A server that answers requests in turn, and remembers them."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[str] = []
        self.keys: list[str | None] = []
        self.silent = Event()
        self.url = ""

    def problem(self, status: int, detail: str = "a reason", **headers: str) -> None:
        """Answer the next request with a problem."""
        body = msgspec.json.encode({"status": status, "detail": detail, "type": "about:blank"})
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = {"Content-Type": "application/problem+json"}
        self.answers.append((status, kind | named, body))

    def success(self, body: bytes = b'{"aliases": []}') -> None:
        """Answer the next request with an object."""
        self.answers.append((200, {"Content-Type": "application/json"}, body))


@pytest.fixture
def served() -> Iterator[Served]:
    state = Served()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            state.requests.append(f"{self.command} {self.path}")
            state.keys.append(self.headers.get("Authorization"))
            if not state.answers:
                state.silent.wait(30)
                return
            status, headers, body = state.answers.pop(0)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    for method in ("GET", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    state.silent.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_busy_server_is_asked_again_when_it_says(served: Served) -> None:
    for _ in range(2):
        served.problem(503, Retry_After="0")
    served.success()
    assert ser.Client(served.url).models.aliases() == {}
    assert served.requests == ["GET /aliases"] * 3


def test_a_server_that_stays_busy_is_asked_a_limited_number_of_times(served: Served) -> None:
    for _ in range(_transport.MAX_RETRIES + 2):
        served.problem(503, "no room", Retry_After="0")
    with pytest.raises(Busy, match="no room"):
        ser.Client(served.url).models.aliases()
    assert len(served.requests) == _transport.MAX_RETRIES + 1


CHANGES: dict[str, Callable[[ser.Client], object]] = {
    "train": lambda client: client.train("x.zip"),
    "promote": lambda client: client.models.promote("x"),
    "delete model": lambda client: client.models.delete("x"),
    "delete job": lambda client: client.jobs.delete("x"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_changes_the_server_is_never_repeated(served: Served, name: str) -> None:
    served.problem(503, Retry_After="0")
    served.success()
    with pytest.raises(Busy):
        CHANGES[name](ser.Client(served.url))
    assert len(served.requests) == 1


@pytest.mark.parametrize("headers", [{}, {"Retry_After": "Fri, 27 Nov 2026 12:00:00 GMT"}])
def test_without_a_time_nothing_is_repeated(served: Served, headers: dict[str, str]) -> None:
    served.problem(503, **headers)
    served.success()
    with pytest.raises(Busy):
        ser.Client(served.url).models.aliases()
    assert len(served.requests) == 1


def test_a_redirect_is_not_followed_and_gets_no_key(served: Served) -> None:
    served.answers.append((307, {"Location": f"{served.url}/elsewhere"}, b""))
    served.success()
    with pytest.raises(RemoteFailed, match="answered 307"):
        ser.Client(served.url, KEY).models.aliases()
    assert served.requests == ["GET /aliases"]
    assert served.keys == [f"Bearer {KEY}"]


def test_a_silent_server_is_given_up(served: Served) -> None:
    with pytest.raises(RemoteFailed, match="did not answer in time"):
        ser.Client(served.url, timeout=0.2).models.aliases()


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"", b"\xff"], ids=str)
def test_an_answer_that_is_not_an_object_is_a_failed_remote(served: Served, body: bytes) -> None:
    served.success(body)
    with pytest.raises(RemoteFailed, match="allowed: the address of the functions"):
        ser.Client(served.url).models.aliases()


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((400, InvalidInput), (401, InvalidInput), (403, InvalidInput), (404, ser.NotFound)),
        *((409, Conflict), (413, ser.TooLarge), (415, InvalidInput), (422, InvalidInput)),
        *((429, Busy), (500, RemoteFailed), (502, RemoteFailed), (503, Busy)),
    ],
)
def test_a_status_decides_the_error(served: Served, status: int, kind: type[SerError]) -> None:
    served.problem(status, f"reason for {HTTPStatus(status).phrase}")
    with pytest.raises(kind, match="reason for"):
        ser.Client(served.url).models.aliases()


def test_an_altered_model_is_one(served: Served) -> None:
    body = b'{"type": "urn:ser:problem:altered-model", "status": 409, "detail": "changed"}'
    served.answers.append((409, {"Content-Type": "application/problem+json"}, body))
    with pytest.raises(AlteredModel, match="changed"):
        ser.Client(served.url).models.show("x")


def test_a_key_that_no_header_can_hold_is_refused_and_not_quoted() -> None:
    with pytest.raises(InvalidInput) as refused:
        ser.Client("http://localhost", "bad\r\nX-Other: key")
    assert "X-Other" not in str(refused.value)


def test_names_stay_one_segment_of_the_path(served: Served) -> None:
    served.success(b"{}")
    ser.Client(served.url).models.show("../train?x=1")
    assert served.requests == ["GET /models/..%2Ftrain%3Fx%3D1"]


SHOWN = b'{"model_id": "a", "labels": ["W - Wut"], "emotions": ["anger"]}'
SEGMENT = (
    b'{"sound": 0, "begin": 0.0, "end": 2.0, "emotion": "anger", "label": "W", "confidence": 1.0,'
    b' "probabilities": {"W - Wut": 1.0}, "speech": 1.0}\n'
)


@pytest.mark.parametrize(
    ("last", "error", "message"),
    [
        (b'{"status": 503, "detail": "stopped"}\n', Busy, "stopped"),
        (b"", RemoteFailed, "before its end"),
        (b'{"sound": 0}\n', RemoteFailed, "allowed: servers of this version"),
    ],
    ids=["problem", "end", "other fields"],
)
def test_a_time_line_that_breaks_off_is_an_error_after_its_segments(
    served: Served, last: bytes, error: type[SerError], message: str
) -> None:
    for body in (SHOWN, SHOWN, SEGMENT + last):
        served.success(body)
    segments = iter(ser.Client(served.url).timeline(b"sound", model="a"))
    assert next(segments).emotion == "anger"
    with pytest.raises(error, match=message):
        next(segments)
