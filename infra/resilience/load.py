"""Load on predict: many uploads at once, many slow clients, one large request.

``make soak`` runs the first two behind the gateway. Alone, with a server of its own::

    PYTHONPATH=shared:infra:infra/local python -m resilience.load [uploads] [slow_clients] [single]
"""

from __future__ import annotations

import base64
import http.client
import json
import multiprocessing
import os
import socket
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from benchmark.processes import descendants, kibibytes
from resilience.reports import Report, exit_status
from stack import HOST, free_port, function_command, own_folders, process

TIMEOUT = 300
RATE = 16_000
UPLOADS, UPLOAD_BYTES, UPLOAD_SECONDS = 100, 16_000_000, 5
SLOW_CLIENTS, SLOW_SECONDS = 500, 30
HEALTH, HEALTH_SECONDS = "/predict/healthz", 1
PEAK_MIB = 400
SOUND = {"Content-Type": "audio/wav"}
JSON = {"Content-Type": "application/json"}


class Answer(NamedTuple):
    """The answer to a request; status 0 means a connection that broke."""

    status: int
    body: bytes
    seconds: float


def ask(url: str, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    """Send a request on a connection of its own, and return the answer."""
    place, began = urlsplit(url), time.monotonic()
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=TIMEOUT)
    try:
        # A client that is refused while it sends reads the answer nevertheless.
        with suppress(BrokenPipeError):
            connection.request(method, path, body or None, headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(), time.monotonic() - began)
    except (OSError, http.client.HTTPException):
        return Answer(0, b"", time.monotonic() - began)
    finally:
        connection.close()


def watch_health(url: str, stop: Any, longest: Any) -> None:
    """Note the longest time of a check of the health, in a process of its own."""
    while not stop.is_set():
        answer = ask(url, "GET", HEALTH)
        longest.value = max(longest.value, answer.seconds if answer.status == 200 else TIMEOUT)
        time.sleep(0.1)


@contextmanager
def health_watched(url: str) -> Iterator[Callable[[], float]]:
    """Watch the health of predict; yield a function that returns the longest time of a check."""
    spawn = multiprocessing.get_context("spawn")
    stop, longest = spawn.Event(), spawn.Value("d", 0.0)
    watcher = spawn.Process(target=watch_health, args=(url, stop, longest))
    watcher.start()
    while not longest.value:
        time.sleep(0.05)
    try:
        yield lambda: float(longest.value)
    finally:
        stop.set()
        watcher.join()


def wav(seconds: float, rate: int = RATE, channels: int = 1) -> bytes:
    """Return a file with a sound in which predict hears speech: harmonics in syllables."""
    times = np.arange(round(seconds * rate)) / rate
    pitch = 120 * times + 2 * np.sin(2 * np.pi * 0.7 * times)
    voice = sum(np.sin(2 * np.pi * n * pitch) / n for n in range(1, 12))
    syllables = np.clip(np.sin(2 * np.pi * 3 * times), 0, 1)
    data: bytes = (6_000 * voice * syllables).astype("<i2").repeat(channels).tobytes()
    width = 2 * channels
    header = b"WAVEfmt " + (16).to_bytes(4, "little")
    for value, size in ((1, 2), (channels, 2), (rate, 4), (rate * width, 4), (width, 2), (16, 2)):
        header += value.to_bytes(size, "little")
    header += b"data" + len(data).to_bytes(4, "little")
    return b"RIFF" + (len(header) + len(data)).to_bytes(4, "little") + header + data


def uploads(url: str, count: int = UPLOADS, size: int = UPLOAD_BYTES) -> Report:
    """Return the figures of ``count`` uploads of ``size`` bytes at once to predict at ``url``."""
    body = wav(size / 2 / RATE)
    with health_watched(url) as longest, ThreadPoolExecutor(count) as clients:
        answers = list(
            clients.map(lambda _: ask(url, "POST", "/predict", body, **SOUND), range(count))
        )
        health = longest()
    statuses = Counter(answer.status for answer in answers)
    served = [answer.seconds for answer in answers if answer.status == 200]
    median = statistics.median(served) if served else TIMEOUT
    others = count - statuses[200] - statuses[503]
    problems = [
        f"{name} is {value:.3g}; allowed: {most}"
        for name, value, most in (
            ("the longest check of health, s,", health, HEALTH_SECONDS),
            ("the median of the served, s,", median, UPLOAD_SECONDS),
            ("the number of answers other than 200 and 503", others, 0),
        )
        if value > most
    ]
    figures = {
        "served": statuses[200],
        "answered 503": statuses[503],
        "others": others,
        "median of the served, s": round(median, 2),
        "longest check of health, s": round(health, 2),
    }
    return Report(f"{count} uploads of {size / 1e6:g} MB at once", figures, tuple(problems))


def slow_clients(url: str, count: int = SLOW_CLIENTS, seconds: float = SLOW_SECONDS) -> Report:
    """Return the figures of ``count`` clients that send one byte per second to predict at ``url``,
    half of them in the header and half of them in the body."""
    place = urlsplit(url)
    header = f"POST /predict HTTP/1.1\r\nHost: {place.netloc}\r\nX-Slow: ".encode()
    body = b"a\r\nContent-Type: audio/wav\r\nContent-Length: 16000000\r\n\r\n"
    with ExitStack() as stack:
        clients = []
        for index in range(count):
            client = socket.create_connection((place.hostname, place.port), TIMEOUT)
            clients.append(stack.enter_context(client))
            client.sendall(header + (body if index % 2 else b""))
        with health_watched(url) as longest:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                for each in clients:
                    with suppress(OSError):
                        each.sendall(b"a")
                time.sleep(1)
            health = longest()
    problems = () if health <= HEALTH_SECONDS else (f"a check of health took {health:.3g} s",)
    figures = {"clients": count, "longest check of health, s": round(health, 2)}
    return Report(f"{count} slow clients at once", figures, problems)


def largest_requests() -> Mapping[str, tuple[dict[str, str], bytes]]:
    """Return by name the headers and the bodies of requests that take much memory."""
    long, zeros = wav(600), bytes(115_000_000)
    broken = [base64.b64encode(bytes([n % 256, 1, 2])).decode() for n in range(90_000)]
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name="audio"; filename="a"\r\n\r\n'
    reported = {"audio": broken[:1000], "on_error": "report"}
    repeated = {"sample_name": 20_000 * ["a.wav"], "model_save_path": "model"}
    return {
        "600 s": (SOUND, long),
        "600 s in base64": (JSON, b'{"audio": "' + base64.b64encode(long) + b'"}'),
        "300 s of 48 kHz, stereo": (SOUND, wav(300, 48_000, 2)),
        "115 MB of zeros": (SOUND, zeros),
        "115 MB of zeros in a form": (form, part + zeros + b"\r\n--x--\r\n"),
        "115 MB of zeros as JSON": (JSON, zeros),
        "112 MB of base64": (JSON, b'{"audio": "' + b"AAAA" * 28_000_000 + b'"}'),
        "90,000 broken sounds": (JSON, json.dumps({"audio": broken}).encode()),
        "1,000 of them, reported": (JSON, json.dumps(reported).encode()),
        "20,000 times one name": (JSON, json.dumps(repeated).encode()),
        "a body that no route reads": ({"Content-Type": "text/plain"}, zeros),
        "a compressed body": (SOUND | {"Content-Encoding": "gzip"}, zeros),
    }


def single() -> Report:
    """Return the peak memory of a fresh worker of predict under each of
    :func:`largest_requests`."""
    peaks = {}
    for name, (headers, body) in largest_requests().items():
        with serving() as (url, pid):
            answer = ask(url, "POST", "/predict", body, **headers)
            peak = max(kibibytes(worker, "VmHWM") for worker in descendants(pid)) / 1024
            peaks[f"{name}: {answer.status}, {len(answer.body):,} bytes; MiB"] = round(peak)
    problems = [f"{name}: {peak}" for name, peak in peaks.items() if peak > PEAK_MIB]
    return Report("the peak of memory under one request", peaks, tuple(problems))


@contextmanager
def serving() -> Iterator[tuple[str, int]]:
    """Yield the address of a predict with one worker and the model of the package, and the id of
    its process."""
    address = f"{HOST}:{free_port()}"
    with tempfile.TemporaryDirectory() as folder:
        settings = own_folders(Path(folder) / "home") | {"WORKERS": "1", "SER_MODEL_SAVE_PATH": ""}
        command = function_command("predict", address)
        with process(command, os.environ | settings) as running:
            until = time.monotonic() + TIMEOUT
            while ask(f"http://{address}", "GET", HEALTH).status != 200:
                if time.monotonic() > until:
                    raise RuntimeError("predict does not answer")
                time.sleep(0.05)
            yield f"http://{address}", running.pid


def main() -> int:
    """Run the checks that the arguments name, or all; return the exit status."""
    checks: dict[str, Callable[[], Report]] = {"single": single}
    reports = []
    with serving() as (url, _):
        checks |= {"uploads": partial(uploads, url), "slow_clients": partial(slow_clients, url)}
        for name in sys.argv[1:] or checks:
            reports.append(checks[name]())
            print(reports[-1], flush=True)
    return exit_status(reports)


if __name__ == "__main__":
    sys.exit(main())
