"""GET /listen: live time lines over WebSockets, by a real server and a real client."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import soundfile
import urllib3
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

import graphs
import made
from ser import Model
from ser.service.keys import line_of, new_key
from ser.sounds import SAMPLING_RATE
from stack import HOST, free_port, listen_command, process
from stacks import serving

SECONDS = 60
DATA = graphs.model()
SIGNAL = np.concatenate(
    [
        np.tile(made.signal("03a01Wa.wav"), 4)[:20_000],
        np.zeros(24_000, np.float32),
        np.tile(made.signal("03a01Ta.wav"), 4)[:22_400],
    ]
)
"""A sound that ends within a window."""
SAMPLES = np.round(SIGNAL * 32_767).astype("<i2")
END = '{"end": true}'
KEYS = {name: new_key() for name in ("ann", "bo", "cy")}
LINES = ";".join(
    [
        line_of(KEYS["ann"], "ann", "predict"),
        line_of(KEYS["bo"], "bo", "train"),
        line_of(KEYS["cy"], "cy", "predict", ("sound=3/day",)),
    ]
)


class Closed(NamedTuple):
    """The end of a connection."""

    messages: list[dict[str, Any]]
    code: int | None
    reason: str | None


class Listeners(NamedTuple):
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]

    def connect(self, query: str = "", **options: Any) -> ClientConnection:
        url = f"ws://{HOST}:{self.port}/listen{query}"
        connection: ClientConnection = connect(url, open_timeout=SECONDS, **options)
        return connection


@contextmanager
def listening(folder: Path, **settings: str) -> Iterator[Listeners]:
    """Yield a server whose default model is that of the tests."""
    port = free_port()
    model = str(folder / "model")
    model_id = graphs.publish(folder / "model", DATA)
    from ser.registry import open_registry

    open_registry(model).move("latest", model_id)
    places = {"SER_MODEL_SAVE_PATH": model, "SER_ALLOWED_PATHS": str(folder)}
    command = listen_command(f"{HOST}:{port}")
    with process(command, os.environ | places | settings) as running:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                socket.create_connection((HOST, port)).close()
                break
            except OSError:
                assert running.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield Listeners(port, running)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    settings = {
        "SER_LISTEN_IDLE_SECONDS": "1.5",
        "SER_MAX_LISTEN_SECONDS": "8",
        "SER_MAX_AUDIO_SECONDS": "5",
        "SER_MAX_LISTENERS": "2",
        "SER_ALLOWED_ORIGINS": "https://app.example",
    }
    with listening(tmp_path_factory.mktemp("listen"), **settings) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listeners]:
    folder = tmp_path_factory.mktemp("guarded")
    settings = {"SER_API_KEYS": LINES, "SER_JOBS_URI": str(folder / "state")}
    with listening(folder, **settings) as running:
        yield running


def pieces(samples: NDArray[np.int16], size: int = 1_600) -> Iterator[bytes]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size].tobytes()


def heard(connection: ClientConnection, *frames: bytes | str) -> Closed:
    """Send ``frames``, and return all messages up to the end of the connection."""
    messages = []
    try:
        for frame in frames:
            connection.send(frame)
    except ConnectionClosed:
        pass
    try:
        while True:
            messages.append(json.loads(connection.recv(SECONDS)))
    except ConnectionClosed:
        return Closed(messages, connection.close_code, connection.close_reason)


def test_a_sound_in_pieces_at_real_time_has_the_time_line_of_predict() -> None:
    with serving() as client:
        url = client.stack.url
        answer = urllib3.request(
            "POST",
            f"{url}/predict?timeline=true&model_id=ready",
            body=wav(SAMPLES),
            headers={"Content-Type": "audio/wav"},
            timeout=SECONDS,
        ).json()
        with connect(f"{url.replace('http', 'ws', 1)}/listen?model_id=ready") as connection:
            received: list[dict[str, Any]] = []
            begin = time.monotonic()
            for number, piece in enumerate(pieces(SAMPLES), start=1):
                connection.send(piece)
                time.sleep(max(0, begin + number / 10 - time.monotonic()))
                if number == len(SAMPLES) // 1_600:
                    # Segments came while the sound went on.
                    received.append(json.loads(connection.recv(SECONDS)))
            closed = heard(connection, END)
    *segments, last = received + closed.messages
    assert (closed.code, answer["model_id"], last["model_id"]) == (1000, "ready", "ready")
    require_equal(segments, answer["segments"][0])
    require_equal(last["turns"], answer["turns"][0])
    whole = last["prediction"]
    assert whole["emotion"] == answer["emotions"][0]
    assert whole["probabilities"] == pytest.approx(answer["probabilities"][0], abs=1e-4)


def wav(samples: NDArray[np.int16]) -> bytes:
    """Return a file with exactly ``samples``."""
    file = io.BytesIO()
    soundfile.write(file, samples, SAMPLING_RATE, format="WAV", subtype="PCM_16")
    return file.getvalue()


def require_equal(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Compare the segments or turns of two time lines."""
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name, value in other.items():
            if isinstance(value, float | dict):
                assert one[name] == pytest.approx(value, abs=1e-4)
            else:
                assert one[name] == value


@pytest.mark.parametrize("size", [160, 1_000, 160_000])
def test_frames_of_any_size_have_the_same_time_line(server: Listeners, size: int) -> None:
    expected = Model(DATA).timeline(SAMPLES, SAMPLING_RATE, window=1, step=0.5)
    with server.connect("?window=1&step=0.5") as connection:
        *segments, last = heard(connection, *pieces(SAMPLES, size), END).messages
    assert [each["begin"] for each in segments] == [each.begin for each in expected]
    assert [each["emotion"] for each in segments] == [each.emotion for each in expected]
    assert last["timeline_note"] == expected.note


REFUSED: dict[str, tuple[str, list[bytes | str], int, str]] = {
    "a window that is too short": (
        "?window=0.1",
        [],
        4422,
        "does not fit; allowed: a number >= 0.25",
    ),
    "an unknown field": ("?colour=red", [], 4422, "colour: unknown field"),
    "an unknown format": ("?format=mp3", [], 4422, "allowed: 'opus', 's16le'"),
    "an unknown model": ("?model_id=20200101T000000Z-00000000", [], 4404, "20200101T000000Z"),
    "a registry elsewhere": ("?model_save_path=/etc", [], 4422, "model_save_path: '/etc'"),
    "half a sample": ("", [b"abc"], 4400, "3 bytes; allowed: whole samples"),
    "text": ("", ["hello"], 4400, "hello"),
    "another object": ("", ['{"end": false}'], 4400, "allowed: frames of sound"),
    "a frame above 10 s": ("", [bytes(320_002)], 1009, ""),
    "a sound that is too long": ("", [bytes(160_000)] * 2, 4413, "SER_MAX_LISTEN_SECONDS"),
    "a client without frames": ("", [bytes(3_200)], 4408, "SER_LISTEN_IDLE_SECONDS"),
    "no Opus": ("?format=opus", [b"\xff" * 30], 4400, "no Opus packet"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_has_a_code_and_a_reason(server: Listeners, case: str) -> None:
    query, frames, code, reason = REFUSED[case]
    with server.connect(query) as connection:
        closed = heard(connection, *frames)
    assert closed.code == code
    assert reason in (closed.reason or "")
    if code >= 4000:
        problem = closed.messages[-1]["problem"]
        assert problem["status"] == code - 4000
        assert problem["detail"].startswith((closed.reason or "").rstrip("\ufffd"))


def test_a_long_sound_has_turns_but_no_prediction(server: Listeners) -> None:
    with server.connect() as connection:
        closed = heard(connection, *[bytes(96_000)] * 2, END)
    assert (closed.code, closed.messages[-1]["prediction"]) == (1000, None)
    assert closed.messages[-1]["turns"] == []


def test_no_sound_has_no_segment(server: Listeners) -> None:
    with server.connect() as connection:
        closed = heard(connection, b"", END)
    assert [each.get("prediction", 1) for each in closed.messages] == [None]


def test_there_are_places_for_so_many_listeners_and_they_become_free(server: Listeners) -> None:
    with server.connect() as one, server.connect() as two:
        for each in (one, two):
            each.send(bytes(64_000))
            assert json.loads(each.recv(SECONDS))["speech"] == 0
        with server.connect() as third:
            refused = heard(third)
        assert refused.code == 4503
        assert "SER_MAX_LISTENERS" in (refused.reason or "")
        assert heard(one, END).code == 1000
        with server.connect() as third:
            assert heard(third, END).code == 1000


def test_a_client_that_stops_reading_loses_only_its_own_connection(server: Listeners) -> None:
    with socket.create_connection((HOST, server.port)) as slow:
        slow.sendall(opening("?window=0.25&step=0.25"))
        assert b"101" in slow.recv(1_000)
        # A frame of 0.25 s, masked with zeros.
        frame = b"\x82\xfe" + (8_000).to_bytes(2, "big") + bytes(4) + bytes(8_000)
        slow.sendall(frame)
        with server.connect() as other:
            # It reads its segments, and so it answers pings, while the time of the slow one passes.
            for count in range(14):
                other.send(bytes(16_000))
                if count >= 3:
                    assert json.loads(other.recv(SECONDS))["begin"] == (count - 3) * 0.5
                time.sleep(0.25)
                with suppress(OSError):
                    slow.sendall(frame)
            wait_for_end(slow)
            closed = heard(other, END)
    assert closed.code == 1000
    assert "turns" in closed.messages[-1]


def test_a_client_that_does_not_read_is_not_read_either(tmp_path: Path) -> None:
    """Nothing piles up in the server: neither segments that wait for it nor frames of it."""
    frame = b"\x82\xff" + (320_000).to_bytes(8, "big") + bytes(4) + bytes(320_000)
    with listening(tmp_path, SER_LISTEN_IDLE_SECONDS="1") as running, socket.socket() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        slow.connect((HOST, running.port))
        slow.sendall(opening("?window=0.25&step=0.25"))
        assert b"101" in slow.recv(1_000)
        slow.settimeout(2)
        # The segments of all frames would be 4 MB.
        with pytest.raises((TimeoutError, ConnectionError)):
            send_frames(slow, [frame] * 300)
        with running.connect() as other:
            closed = heard(other, bytes(64_000), END)
        wait_for_end(slow)
    assert [closed.code, len(closed.messages)] == [1000, 2]


def send_frames(connection: socket.socket, frames: list[bytes]) -> None:
    for each in frames:
        connection.sendall(each)


def opening(query: str) -> bytes:
    """Return the request that opens a WebSocket."""
    return (
        f"GET /listen{query} HTTP/1.1\r\nHost: localhost\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()


def wait_for_end(slow: socket.socket) -> None:
    """Read all that was sent, up to the end of the connection; fail if it stays open."""
    slow.settimeout(0.1)
    with suppress(ConnectionError):
        while slow.recv(2**16):
            pass


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": "https://app.example"}, 1000),
        ({"Origin": "http://{address}"}, 1000),
        ({"Origin": "https://evil.example"}, 4403),
        ({"Origin": "null"}, 4403),
        ({"Host": "evil.example"}, 4421),
        ({"X-Forwarded-For": "192.0.2.1"}, 4403),
    ],
)
def test_pages_and_hosts_are_checked_as_by_http(
    server: Listeners, headers: dict[str, str], code: int
) -> None:
    filled = {
        name: value.format(address=f"{HOST}:{server.port}") for name, value in headers.items()
    }
    with raw_headers(server, filled) as connection:
        assert heard(connection, END).code == code


def raw_headers(server: Listeners, headers: dict[str, str]) -> ClientConnection:
    """Return a connection with ``headers``; a host is named in the address."""
    if host := headers.pop("Host", None):
        plain = socket.create_connection((HOST, server.port))
        return connect(f"ws://{host}/listen", sock=plain, open_timeout=SECONDS)
    return server.connect(additional_headers=headers)


CREDENTIALS: dict[str, tuple[dict[str, Any], list[str], int]] = {
    "in the header": (
        {"additional_headers": {"Authorization": f"Bearer {KEYS['ann']}"}},
        [],
        1000,
    ),
    "as a subprotocol": ({"subprotocols": ["ser", f"bearer.{KEYS['ann']}"]}, [], 1000),
    "in the first message": ({}, [json.dumps({"key": KEYS["ann"]})], 1000),
    "none": ({}, [END], 4401),
    "unknown": ({}, ['{"key": "ser_unknown"}'], 4401),
    "not text": ({}, ['{"key": 7}'], 4401),
    "of another scope": ({"subprotocols": ["ser", f"bearer.{KEYS['bo']}"]}, [], 4403),
}


@pytest.mark.parametrize("case", CREDENTIALS)
def test_a_key_with_the_scope_predict_is_wanted(guarded: Listeners, case: str) -> None:
    options, messages, code = CREDENTIALS[case]
    with guarded.connect(**options) as connection:
        assert connection.subprotocol == ("ser" if "subprotocols" in options else None)
        closed = heard(connection, *messages, *([END] if code == 1000 else []))
    assert closed.code == code
    assert not any(key in str(closed) for key in KEYS.values())


def test_the_sound_counts_in_the_quota_of_its_key(guarded: Listeners) -> None:
    headers = {"Authorization": f"Bearer {KEYS['cy']}"}

    def listen(seconds: int) -> Closed:
        with guarded.connect(additional_headers=headers) as connection:
            return heard(connection, *[bytes(32_000)] * seconds, END)

    assert [listen(2).code, listen(2).code] == [1000, 4429]


def test_opus_packets_are_decoded(server: Listeners) -> None:
    av = pytest.importorskip("av")
    with server.connect("?format=opus&window=1&step=1") as connection:
        *segments, last = heard(connection, *opus_packets(av, SIGNAL), END).messages
    expected = Model(DATA).timeline(SIGNAL, SAMPLING_RATE, window=1, step=1)
    assert [each["begin"] for each in segments] == [each.begin for each in expected]
    assert [each["speech"] > 0.2 for each in segments] == [each.speech > 0.2 for each in expected]
    assert last["model_id"]


def opus_packets(av: Any, signal: NDArray[np.float32]) -> list[bytes]:
    """Return packets of 20 ms, as WebRTC and browsers encode them."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.format, encoder.layout = SAMPLING_RATE, "s16", "mono"
    encoder.open()
    packets = []
    for start in range(0, len(signal) - 319, 320):
        block = np.round(signal[start : start + 320] * 32_767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
        frame.sample_rate, frame.pts = SAMPLING_RATE, start
        packets += encoder.encode(frame)
    return [bytes(each) for each in [*packets, *encoder.encode(None)]]


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/", 404), ("/listen", 426)])
def test_other_requests_are_answered_by_http(server: Listeners, path: str, status: int) -> None:
    response = urllib3.request("GET", f"http://{HOST}:{server.port}{path}", timeout=SECONDS)
    assert response.status == status


def test_a_server_that_ends_says_so_to_its_listeners(tmp_path: Path) -> None:
    with listening(tmp_path) as running, running.connect() as connection:
        connection.send(bytes(64_000))
        assert json.loads(connection.recv(SECONDS))["begin"] == 0
        running.process.send_signal(signal.SIGTERM)
        assert heard(connection).code == 1001
        assert running.process.wait(SECONDS) == 0


def test_a_server_for_other_machines_wants_keys_or_the_word_of_its_operator() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SER_API_KEYS"}
    run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run
    found = run(
        [sys.executable, "-m", "ser.service.listening", "--host", "0.0.0.0", "--port", "0"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert found.returncode == 1
    assert "SER_API_KEYS" in found.stderr
