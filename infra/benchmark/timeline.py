"""The section ``timeline``: a long sound as lines, and many listeners at once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import urllib3
from websockets.asyncio.client import ClientConnection, connect

from benchmark.bench import CLIP_SECONDS, Bench, our_contestant
from benchmark.contest import Contest, Contestant
from benchmark.processes import processor_seconds
from benchmark.rows import Row, Target
from benchmark.servers import EncodedRequest, Server, serving
from benchmark.suffixes import ACCURATE
from ser.sounds import SAMPLING_RATE, Signal
from stack import HOST, listen_command

LISTENERS = 50
PIECE_SECONDS = 0.1
WINDOW, STEP = 2.0, 0.5
LISTENED_SECONDS = 10
CONNECTION_SECONDS = 3
"""Time in which all listeners connect before the first one sends."""
MILLISECONDS_OF_STEP = 1000 * STEP
NDJSON = "application/x-ndjson"
FIRST = "10 min sound, first line"
ALL = "10 min sound, all lines"
PEAK = "10 min sound as lines, peak memory"
PEAK_RATIO = "10 min sound as lines, peak memory over that of the whole answer alone"
ADDED = "10 min, segments at step = window over the whole answer, processor time"
ELAPSED = "10 min, whole answer with segments at step = window over it alone, time"
UNITS = {FIRST: "s", ALL: "s", PEAK: "MiB", PEAK_RATIO: "×", ADDED: "×", ELAPSED: "×"}
TARGETS = {
    FIRST: (Target(1.0),),
    # As in the section ``start``: 300 MB.
    PEAK: (Target(286),),
    PEAK_RATIO: (Target(1.1),),
    ADDED: (Target(1.5),),
    ELAPSED: (Target(1.5),),
}
DELAYS = {
    f"{LISTENERS} listeners, median delay of a segment": 50,
    f"{LISTENERS} listeners, 99 % of the delays": 99,
    f"{LISTENERS} listeners, largest delay": 100,
}
LAST_DELAY = f"{LISTENERS} listeners, largest delay of a last segment"
CORES = f"{LISTENERS} listeners, cores that the server takes"


class Seconds(NamedTuple):
    """The time of an answer."""

    elapsed: float
    processor: float


def rows() -> Iterator[Row]:
    """Yield the rows of the section."""
    for name, unit in UNITS.items():
        yield Row(name, unit, TARGETS.get(name, ()))
        yield Row(name + ACCURATE, unit)
    for name in (*DELAYS, LAST_DELAY):
        yield Row(name, "ms", (Target(MILLISECONDS_OF_STEP),))
    yield Row(CORES, "cores")


def measure(bench: Bench) -> None:
    """Measure the section."""
    accurate = tuple(our_contestant(model, (ACCURATE,)) for model in bench.accurate)
    contest = bench.contest((our_contestant(bench.recipe, ("",)), *accurate))
    measure_lines(contest)
    measure_listeners(contest)


def measure_lines(contest: Contest) -> None:
    """Measure a long sound as lines, and its answers with and without a time line."""
    long, local = contest.sound(contest.effort.long_seconds), str(contest.place.registries)
    for _ in range(contest.effort.runs):
        for each in contest.competing(FIRST):
            clip, plain, lines, apart = (
                asking.encoded_request(sound, local, container="FLAC")
                for asking, sound in (
                    (each, contest.sound(CLIP_SECONDS)),
                    (each, long),
                    (with_timeline(each, f"{WINDOW},{STEP}"), long),
                    (with_timeline(each, f"{WINDOW},{WINDOW}"), long),
                )
            )
            with each.serving(contest.place.settings) as server:
                server.first_answer(clip)
                whole = effort_of(server, plain)
                peak = server.memory("VmHWM")
                both = effort_of(server, apart)
                contest.note(each, ADDED, (both.processor - whole.processor) / whole.processor)
                contest.note(each, ELAPSED, both.elapsed / whole.elapsed)
            with each.serving(contest.place.settings) as server:
                server.first_answer(clip)
                first, all_lines = line_times(server, lines)
                contest.note(each, FIRST, first)
                contest.note(each, ALL, all_lines)
                contest.note(each, PEAK, server.memory("VmHWM"))
                contest.note(each, PEAK_RATIO, server.memory("VmHWM") / peak)


def with_timeline(contestant: Contestant, timeline: str) -> Contestant:
    """Return ``contestant``, which asks for a time line."""
    return contestant._replace(extra_fields=(("timeline", timeline),))


def line_times(server: Server, request: EncodedRequest) -> tuple[float, float]:
    """Return the seconds up to the first line, and to the last one."""
    start = time.perf_counter()
    response: Any = urllib3.request(
        "POST",
        f"http://{HOST}:{server.port}{server.path}",
        body=request.body,
        headers={"Content-Type": request.media_type, "Accept": NDJSON},
        preload_content=False,
        timeout=None,
    )
    if response.status != 200:
        raise RuntimeError(f"{response.status}: {response.data.decode()}")
    first = None
    for _ in response.stream():
        first = first or time.perf_counter() - start
    assert first is not None
    return first, time.perf_counter() - start


def effort_of(server: Server, request: EncodedRequest) -> Seconds:
    """Return the time of an answer."""
    before = processor_seconds(server.process.pid)
    elapsed = server.milliseconds(request) / 1000
    return Seconds(elapsed, processor_seconds(server.process.pid) - before)


def measure_listeners(contest: Contest) -> None:
    """Measure the time from the end of a window to its segment, for many listeners at once."""
    (ours,) = contest.competing(FIRST)[:1]
    assert ours.model
    query = f"?model_save_path={ours.model.parent}&model_id={ours.model.name}"
    query += f"&window={WINDOW}&step={STEP}"
    seconds = min(contest.effort.long_seconds, LISTENED_SECONDS)
    signals = [np.roll(contest.sound(seconds), number * 1_000) for number in range(LISTENERS)]
    for _ in range(contest.effort.runs):
        settings = {**contest.place.settings, "SER_MAX_LISTENERS": str(LISTENERS)}
        with serving(lambda port: listen_command(f"{HOST}:{port}"), settings) as server:
            server.wait()
            url = f"ws://{HOST}:{server.port}/listen{query}"
            asyncio.run(listen(url, signals[0], start=time.monotonic()))
            before, began = processor_seconds(server.process.pid), time.monotonic()
            delays = asyncio.run(listen_together(url, signals))
            cores = (processor_seconds(server.process.pid) - before) / (time.monotonic() - began)
            for name, percentile in DELAYS.items():
                contest.rows[name].note(float(np.percentile(np.concatenate(delays), percentile)))
            contest.rows[LAST_DELAY].note(max(each[-1] for each in delays))
            contest.rows[CORES].note(cores)


async def listen_together(url: str, signals: list[Signal]) -> list[list[float]]:
    """Return the delays of the segments of each listener; all of them begin within one step."""
    start = time.monotonic() + CONNECTION_SECONDS
    each = (
        listen(url, signal, start + STEP * number / len(signals))
        for number, signal in enumerate(signals)
    )
    return await asyncio.gather(*each)


async def listen(url: str, signal: Signal, start: float) -> list[float]:
    """Send ``signal`` in pieces at real time from ``start`` on, and return the milliseconds from
    the time at which the sound of each segment was due to the segment."""
    samples = np.round(signal * 32_767).astype("<i2")
    async with connect(url, open_timeout=None, compression=None) as connection:
        sending = asyncio.create_task(send(connection, samples, start))
        found = []
        async for message in connection:
            segment = json.loads(message)
            if segment.get("end", 0) - segment.get("begin", 0) == WINDOW:
                found.append(1000 * (time.monotonic() - start - segment["end"]))
        await sending
    if connection.close_code != 1000:
        raise RuntimeError(f"a listener was closed: {connection.close_code}")
    return found


async def send(connection: ClientConnection, samples: Any, start: float) -> None:
    size = round(PIECE_SECONDS * SAMPLING_RATE)
    for begin in range(0, len(samples), size):
        piece = samples[begin : begin + size]
        await asyncio.sleep(start + (begin + len(piece)) / SAMPLING_RATE - time.monotonic())
        await connection.send(piece.tobytes())
    await connection.send('{"end": true}')
