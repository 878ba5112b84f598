"""The section ``load``: many clients at once, and as many workers as cores for each contestant."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmark.bench import CLIP_SECONDS, Bench
from benchmark.contest import Contest
from benchmark.rows import ALTERNATIVES, OURS, USUAL, Row
from benchmark.servers import EncodedRequest, Server
from benchmark.suffixes import ACCURATE

CLIENTS = {"1 client": 1, "8 clients": 8, "32 clients": 32}
PERCENTILES = (50, 95)
ALL = (OURS, USUAL, *ALTERNATIVES)
WARM_UP = 4
"""Requests for each worker before the first measured one, all at once, so that every worker has
loaded its model."""


def rows() -> Iterator[Row]:
    """Yield the rows of the section."""
    for suffix, sides in (("", ALL), (ACCURATE, (OURS,))):
        for clients in CLIENTS:
            yield Row(f"{clients}{suffix}", "requests/s", sides=sides, more_is_better=True)
            for percentile in PERCENTILES:
                yield Row(f"{clients}, p{percentile}{suffix}", "ms", sides=sides)


def measure(bench: Bench) -> None:
    """Measure the section."""
    measure_load(bench.contest(bench.ours, bench.alternatives))


def measure_load(contest: Contest) -> None:
    """Measure answers to clips of 3 s for each number of clients; a contestant runs alone."""
    place, effort = contest.place, contest.effort
    workers = len(os.sched_getaffinity(0))
    for _ in range(effort.runs):
        for each in contest.competing("1 client"):
            clip = contest.sound(CLIP_SECONDS)
            request = each.encoded_request(clip, str(place.registries))
            with each.serving(place.settings, workers) as server:
                server.first_answer(request)
                answer_times(server, request, WARM_UP * workers, seconds=0)
                for name, clients in CLIENTS.items():
                    begin = time.perf_counter()
                    taken = answer_times(server, request, clients, effort.load_seconds)
                    per_second = len(taken) / (time.perf_counter() - begin)
                    contest.note(each, name, per_second)
                    for percentile in PERCENTILES:
                        value = float(np.percentile(taken, percentile))
                        contest.note(each, f"{name}, p{percentile}", value)


def answer_times(
    server: Server, request: EncodedRequest, clients: int, seconds: float
) -> list[float]:
    """Return the times of the answers in ms to ``clients`` that send requests without pause.

    Each sends at least one request, and no further one after ``seconds``.
    """
    end = time.perf_counter() + seconds

    def send(_client: int) -> list[float]:
        taken = [server.milliseconds(request)]
        while time.perf_counter() < end:
            taken.append(server.milliseconds(request))
        return taken

    with ThreadPoolExecutor(clients) as threads:
        return [each for taken in threads.map(send, range(clients)) for each in taken]
