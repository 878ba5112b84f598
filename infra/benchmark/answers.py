"""The section ``answers``: the time of answers of processes that have answered before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np

from benchmark.bench import Bench
from benchmark.contest import Contest
from benchmark.rows import ALTERNATIVES, BEFORE, OURS, USUAL, Row, Target
from benchmark.suffixes import ACCURATE, DIRECT, SAME_NETWORK

DURATIONS = (1, 3, 10)
"""Durations of the clips, in seconds."""
PERCENTILES = (50, 95, 99)
TARGETS = {
    (3, 50): (Target(1.3, over=BEFORE), Target(6, over=USUAL)),
}
BOTH = (OURS, USUAL)
ALL = (OURS, BEFORE, USUAL, *ALTERNATIVES)


def rows() -> Iterator[Row]:
    """Yield the rows of the section."""
    for seconds in DURATIONS:
        for percentile in PERCENTILES:
            targets = TARGETS.get((seconds, percentile), ())
            yield Row(f"{seconds} s clip, p{percentile}", "ms", targets, ALL)
    yield Row(f"3 s clip, p50{SAME_NETWORK}", "ms", sides=BOTH)
    yield Row(f"3 s clip, p50{DIRECT}", "ms", sides=BOTH)
    yield Row(f"3 s clip, p50{ACCURATE}", "ms", (Target(30),))
    yield Row(f"10 s clip, p50{ACCURATE}", "ms")


def measure(bench: Bench) -> None:
    """Measure the section."""
    measure_answers(bench.contest(bench.ours, bench.alternatives, bench.before))


def measure_answers(contest: Contest) -> None:
    """Measure answers of warm processes to clips of all durations."""
    place, effort = contest.place, contest.effort
    registries = str(place.registries)
    requests = {
        each: {s: each.encoded_request(contest.sound(s), registries) for s in DURATIONS}
        for each in contest.contestants
    }
    with ExitStack() as stack:
        servers = {each: stack.enter_context(each.serving(place.settings)) for each in requests}
        for each, server in servers.items():
            for request in requests[each].values():
                server.first_answer(request)
        for _ in range(effort.runs):
            for seconds in DURATIONS:
                for each in contest.competing(f"{seconds} s clip, p50"):
                    request = requests[each][seconds]
                    taken = [servers[each].milliseconds(request) for _ in range(effort.requests)]
                    for percentile in PERCENTILES:
                        value = float(np.percentile(taken, percentile))
                        contest.note(each, f"{seconds} s clip, p{percentile}", value)
