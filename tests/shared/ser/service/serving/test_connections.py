"""The server and clients that are slow, wasteful or hostile, through raw sockets."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from slowly import FILE_BYTES
from stack import HOST, ROOT, free_port, function_command, process

SECONDS = 60
SOURCE = str(ROOT / "tests" / "support" / "slowly.py")
SETTINGS = {
    "WORKERS": "1",
    "THREADS": "1",
    "SER_MAX_BODY_MB": "3",
    "SER_READ_SECONDS": "1",
    "SER_MAX_QUEUE_SECONDS": "1",
    "SER_ALLOWED_HOSTNAMES": "a",
}
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def detail(self) -> str:
        return str(json.loads(self.body)["detail"])


class Client:
    """A connection to the server."""

    def __init__(self, port: int, *sent: bytes) -> None:
        self.socket = socket.create_connection((HOST, port), SECONDS)
        self.file = self.socket.makefile("rb")
        for each in sent:
            self.socket.sendall(each)

    def answer(self) -> Answer | None:
        """Return the next answer; ``None`` once the connection is closed."""
        line = self.file.readline()
        if not line:
            return None
        headers = {}
        while (header := self.file.readline()) != b"\r\n":
            name, _, value = header.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        body = self.file.read(int(headers.get("content-length", 0)))
        return Answer(int(line.split()[1]), headers, body)

    def only_answer(self) -> Answer:
        """Return the answer after which the server closes the connection."""
        answer = self.answer()
        assert answer is not None
        assert self.answer() is None
        return answer

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class Server:
    """A running server."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], stack: ExitStack) -> None:
        self.port, self.process, self._stack = port, process, stack

    def send(self, *sent: bytes) -> Client:
        """Return a new connection on which ``sent`` was sent."""
        client = Client(self.port, *sent)
        self._stack.callback(client.close)
        return client

    def is_healthy(self) -> bool:
        """Whether a check of the health is answered."""
        with suppress(OSError):
            answer = self.send(HEALTH).answer()
            return answer is not None and answer.status == 200
        return False


@contextmanager
def serving(prepare: str = "true", **settings: str) -> Iterator[Server]:
    """Yield a server before whose start the shell has run ``prepare``."""
    port = free_port()
    command = function_command("predict", f"{HOST}:{port}")
    command[command.index("--source") + 1] = SOURCE
    command = ["sh", "-c", f'{prepare} && exec "$@"', "sh", *command]
    with process(command, os.environ | SETTINGS | settings) as running, ExitStack() as stack:
        server = Server(port, running, stack)
        wait_for(server.is_healthy)
        yield server


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def server(running: Server) -> Iterator[Server]:
    """The server; the connections of a test are closed after it."""
    with ExitStack() as stack:
        yield Server(running.port, running.process, stack)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def post(length: int | None = None, *headers: str, path: str = "/predict/wait") -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: a", "Content-Type: application/json", *headers]
    lines += [] if length is None else [f"Content-Length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()


CHUNKED = post(None, "Transfer-Encoding: chunked")
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
BROKEN = {
    "both lengths": post(5, "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "two lengths": post(5, "Content-Length: 6") + b"abcde",
    "equal lengths": post(5, "Content-Length: 5") + b"abcde",
    "length with a sign": post(None, "Content-Length: +5") + b"abcde",
    "negative length": post(-5),
    "length of 5,000 digits": post(None, "Content-Length: " + 5_000 * "9"),
    "two codings": post(None, "Transfer-Encoding: gzip, chunked"),
    "chunked twice": post(None, "Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",
    "two lines of codings": post(None, *2 * ["Transfer-Encoding: chunked"]) + b"0\r\n\r\n",
    "coding of HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before the colon": post(None, "Transfer-Encoding : chunked") + b"0\r\n\r\n",
    "folded header": post(None, "Transfer-Encoding:\r\n chunked", "Content-Length: 3") + b"abc",
    "folded header without a length": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n",
    "header folded by a tab": b"GET /healthz HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\tc\r\n\r\n",
    "header that begins folded": b"GET /healthz HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n",
    "line feed alone": b"POST /predict/wait HTTP/1.1\nHost: a\r\nContent-Length: 5\r\n\r\n",
    "size of a chunk": CHUNKED + b"zz\r\n",
    "size with a prefix": CHUNKED + b"0x5\r\nabcde\r\n0\r\n\r\n",
    "end of a chunk": CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n",
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "address of another host": b"GET http://b/healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "half a bracket": b"GET http://[/healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "version 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no version": b"GET /healthz\r\n\r\n",
    "no request": b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN)
def test_a_request_that_is_not_http_is_400_and_nothing_after_it_is_read(
    server: Server, sent: bytes
) -> None:
    answer = server.send(sent + HIDDEN).only_answer()
    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "not valid HTTP" in answer.detail


ENDLESS = {
    "line of a chunk": 5_000 * b"1",
    "extension of a chunk": b"1;" + 5_000 * b"a",
    "trailer": b"0\r\n" + 1_000 * b"a: 123456789\r\n",
    "chunks of one byte": 30_000 * b"1\r\na\r\n",
    "chunks of a few bytes": 30_000 * b"3\r\nabc\r\n",
}


@pytest.mark.parametrize("sent", ENDLESS.values(), ids=ENDLESS)
def test_chunks_without_an_end_are_400(server: Server, sent: bytes) -> None:
    client = server.send(CHUNKED)
    with suppress(ConnectionError):
        client.socket.sendall(sent)
    answer = client.only_answer()
    assert (answer.status, "chunks" in answer.detail) == (400, True)


def test_a_body_that_is_discarded_has_no_endless_chunks_either(server: Server) -> None:
    begin = b"GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    large = b"11170\r\n" + 70_000 * b"a" + b"\r\n"
    client = server.send(begin + large)
    with suppress(ConnectionError):
        client.socket.sendall(30_000 * b"1\r\na\r\n")
    answer = client.only_answer()
    assert (answer.status, "chunks" in answer.detail) == (400, True)


def test_chunks_of_usual_sizes_are_read(server: Server) -> None:
    body = 10_000 * (b"50\r\n" + 80 * b"a" + b"\r\n")
    answer = server.send(CHUNKED + body + b"0\r\n\r\n").answer()
    assert answer is not None
    assert answer.status == 200


def test_a_header_above_its_limit_is_431(server: Server) -> None:
    answer = server.send(post(0, f"A: {200_000 * 'a'}")).only_answer()
    assert (answer.status, "131,072 bytes" in answer.detail) == (431, True)


@pytest.mark.parametrize(
    ("begin", "setting"),
    [
        (post(40_000_000), "SER_MAX_BODY_MB"),
        (post(4_000_000, "Expect: 100-continue"), "SER_MAX_BODY_MB"),
        (post(40_000_000, "Content-Encoding: gzip"), "SER_MAX_BODY_MB"),
        (post(40_000_000, path="/nowhere"), "SER_MAX_BODY_MB"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 40000000\r\n\r\n", "a GET request"),
    ],
    ids=["plain", "expecting", "compressed", "without a route", "of a GET"],
)
def test_a_body_above_its_limit_is_refused_before_it_is_sent(
    server: Server, begin: bytes, setting: str
) -> None:
    answer = server.send(begin).answer()
    assert answer is not None
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    assert setting in answer.detail


@pytest.mark.parametrize("path", ["/predict/wait", "/nowhere"])
def test_a_body_somewhat_above_its_limit_is_discarded_before_the_answer(
    server: Server, path: str
) -> None:
    client = server.send(post(4_000_000, path=path), bytes(3_999_999))
    client.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        client.socket.recv(1)
    client.socket.settimeout(SECONDS)
    client.socket.sendall(b"a")
    answer = client.only_answer()
    assert (answer.status, "SER_MAX_BODY_MB" in answer.detail) == (413, True)


@pytest.mark.parametrize("path", ["/predict/wait", "/nowhere"])
def test_a_chunked_body_above_its_limit_is_refused_while_it_is_sent(
    server: Server, path: str
) -> None:
    client = server.send(post(None, "Transfer-Encoding: chunked", path=path))
    for _ in range(4):
        client.socket.sendall(b"f4240\r\n" + bytes(1_000_000) + b"\r\n")
    client.socket.sendall(b"0\r\n\r\n")
    answer = client.only_answer()
    assert (answer.status, "SER_MAX_BODY_MB" in answer.detail) == (413, True)


@pytest.mark.parametrize(
    ("begin", "piece"),
    [(post(10**12), bytes(1_000_000)), (CHUNKED, b"f4240\r\n" + bytes(1_000_000) + b"\r\n")],
    ids=["announced", "in chunks"],
)
def test_a_client_that_goes_on_sending_is_cut_off_after_20_mb(
    server: Server, begin: bytes, piece: bytes
) -> None:
    client = server.send(begin)
    sent = 0
    with suppress(ConnectionError):
        while sent < 200_000_000:
            client.socket.sendall(piece)
            sent += len(piece)
    # What the kernel holds is added.
    assert 20_000_000 < sent < 100_000_000


def test_a_chunked_body_reaches_the_function_whole(server: Server) -> None:
    answer = server.send(CHUNKED + b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\n\r\n").answer()
    assert answer is not None
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "5"})


def test_a_client_that_expects_permission_gets_it_before_the_answer(server: Server) -> None:
    client = server.send(post(5, "Expect: 100-continue"))
    permission = client.answer()
    assert permission is not None
    assert permission.status == 100
    client.socket.sendall(b"abcde")
    answer = client.answer()
    assert answer is not None
    assert answer.status == 200
    # There is nothing to permit.
    at_once = server.send(post(0, "Expect: 100-continue")).answer()
    assert at_once is not None
    assert at_once.status == 200


def test_requests_of_one_connection_are_answered_in_their_order(server: Server) -> None:
    client = server.send(post(3) + b"abc" + HEALTH + post(1) + b"a")
    answers = [client.answer() for _ in range(3)]
    assert [json.loads(each.body)["status"] for each in answers if each] == ["3", "ok", "1"]


def test_a_connection_is_closed_after_a_thousand_answers(server: Server) -> None:
    client = server.send()
    announced = []
    for _ in range(1000):
        client.socket.sendall(HEALTH)
        answer = client.answer()
        assert answer is not None
        announced.append(answer.headers.get("connection"))
    assert announced == [*999 * [None], "close"]
    assert client.answer() is None


def test_a_slow_header_is_408_and_closes_the_connection(server: Server) -> None:
    answer = server.send(b"POST /predict/wait HTTP/1.1\r\nHost: a\r\nA").only_answer()
    assert (answer.status, "SER_READ_SECONDS" in answer.detail) == (408, True)


def test_a_slow_body_is_408_and_closes_the_connection(server: Server) -> None:
    client = server.send(post(2_000_000) + bytes(1_500_000))
    answer = client.only_answer()
    assert (answer.status, "SER_MIN_BODY_KB_PER_SECOND" in answer.detail) == (408, True)


def test_slow_clients_take_no_thread(server: Server) -> None:
    slow = [server.send(begin) for begin in 20 * [post(2_000) + b"a", b"POST /predict/wait"]]
    answer = server.send(post(2) + b"ab").answer()
    assert answer is not None
    assert answer.status == 200
    assert server.is_healthy()
    # All of them were still waiting.
    assert {client.only_answer().status for client in slow} == {408}


def test_a_request_that_finds_no_thread_in_time_is_503_while_health_is_answered(
    server: Server, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    first = server.send(post(2, f"X-Gate: {gate}") + b"ab")
    wait_for(gate.with_suffix(".reached").exists)
    second = server.send(post(2) + b"ab")
    assert server.is_healthy()
    refused = second.only_answer()
    assert (refused.status, "SER_MAX_QUEUE_SECONDS" in refused.detail) == (503, True)
    assert refused.headers["retry-after"] == "5"
    # No thread has become free for the refusal.
    assert not select.select([first.socket], [], [], 0)[0]
    gate.touch()
    answer = first.answer()
    assert answer is not None
    assert answer.status == 200


def test_a_large_request_waits_for_large_ones_alone(server: Server, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    first = server.send(post(2_000_000, f"X-Gate: {gate}") + bytes(2_000_000))
    wait_for(gate.with_suffix(".reached").exists)
    small = server.send(post(2) + b"ab").answer()
    assert small is not None
    assert small.status == 200
    # There is room for 3 MB of large requests: the second one is refused, if possible before it
    # is sent.
    for sent in (post(2_000_000, "Expect: 100-continue"), post(2_000_000) + bytes(2_000_000)):
        refused = server.send(sent).only_answer()
        assert (refused.status, "SER_MAX_PENDING_MB" in refused.detail) == (503, True)
    gate.touch()
    assert first.answer() is not None
    # An answer that has come takes no room.
    for _ in range(50):
        after = server.send(post(2_000_000) + bytes(2_000_000)).answer()
        assert after is not None
        assert after.status == 200


def test_urgent_data_closes_the_connection(server: Server) -> None:
    client = server.send(post(9))
    client.socket.send(b"a", socket.MSG_OOB)
    with suppress(ConnectionError):
        assert client.answer() is None


def test_a_full_disk_is_503(tmp_path: Path) -> None:
    # Files of at most 100 blocks of 512 bytes, which the first megabyte exceeds.
    with serving(prepare="trap '' XFSZ && ulimit -f 100") as server:
        answer = server.send(post(2_000_000) + bytes(2_000_000)).only_answer()
        assert (answer.status, "no space" in answer.detail) == (503, True)
        assert server.is_healthy()


def test_a_file_that_its_client_does_not_read_yet_takes_no_disk() -> None:
    with serving(prepare="trap '' XFSZ && ulimit -f 100") as server:
        client = server.send(b"GET /predict/file HTTP/1.1\r\nHost: a\r\n\r\n")
        # By then the server has sent what the system takes.
        assert server.is_healthy()
        answer = client.answer()
        assert answer is not None
        assert (answer.status, len(answer.body)) == (200, FILE_BYTES)


def test_a_function_learns_that_its_client_has_gone(server: Server, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    client = server.send(post(2, f"X-Gate: {gate}") + b"ab")
    wait_for(gate.with_suffix(".reached").exists)
    client.close()
    wait_for(gate.with_suffix(".gone").exists)


def test_clients_that_leave_before_the_answer_are_no_errors(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serving(f"exec 2>{log}") as server:
        for sent in 50 * [*BROKEN.values(), post(4_000_000)]:
            client = server.send(sent)
            # Such a connection is reset: the server cannot send, and learns it from an error.
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
        assert server.is_healthy()
    assert "exception" not in log.read_text()


def test_lines_are_sent_as_they_are_computed(server: Server, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    client = server.send(post(2, f"X-Gate: {gate}", path="/predict/lines") + b"ab")
    while client.file.readline() != b'{"status":"first"}\n':
        pass
    gate.touch()
    while client.file.readline() != b'{"status":"2"}\n':
        pass


def test_lines_end_with_the_connection_of_their_client(server: Server, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    client = server.send(post(2, f"X-Gate: {gate}", path="/predict/lines") + b"ab")
    wait_for(gate.with_suffix(".reached").exists)
    client.close()
    wait_for(gate.with_suffix(".gone").exists)


def test_too_many_connections_close_the_one_that_has_waited_longest() -> None:
    # 80 files are enough for eight connections.
    with serving("ulimit -n 80", SER_READ_SECONDS="600") as server:
        slow = [server.send(b"POST") for _ in range(20)]
        assert server.is_healthy()
        assert slow[0].answer() is None


def test_a_worker_that_stops_answers_the_requests_that_it_has(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with serving() as server:
        idle = server.send(HEALTH)
        assert idle.answer() is not None
        busy = server.send(post(2, f"X-Gate: {gate}") + b"ab")
        wait_for(gate.with_suffix(".reached").exists)
        server.process.send_signal(signal.SIGTERM)
        assert idle.answer() is None
        gate.touch()
        answer = busy.only_answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        server.process.wait(SECONDS)
