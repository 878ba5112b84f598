"""The cost of predict: cold, warm, and under load."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import numpy as np

from benchmark.bucket import in_bucket
from benchmark.contest import Contest
from benchmark.rows import DURATIONS, PERCENTILES
from benchmark.servers import EncodedRequest, Server

CLIP_SECONDS = 3
"""Duration of the clip in rows that do not compare durations."""
CLIENTS = {"1 client": 1, "8 clients": 8}


def measure_cold(contest: Contest) -> None:
    """Measure first answers of new processes, and the answer to a long sound after each."""
    clip, long = contest.sound(CLIP_SECONDS), contest.sound(contest.effort.long_seconds)
    place = contest.place
    local = str(place.registries)
    for _ in range(contest.effort.runs):
        for each in contest.competing("first answer, local"):
            with each.serving(place.settings) as server:
                seconds = each.first_answer(server, clip, local)
                contest.note(each, "first answer, local", seconds)
                contest.note(each, "resident memory after it", server.memory("VmRSS"))
                contest.note(each, "peak memory up to it", server.memory("VmHWM"))
                # As FLAC, ten minutes stay below the size limit of requests.
                request = each.encoded_request(long, local, container="FLAC")
                contest.note(each, "10 min sound", server.milliseconds(request) / 1000)
                contest.note(each, "10 min sound, peak memory", server.memory("VmHWM"))


def measure_cold_from_s3(contest: Contest) -> None:
    """Measure first answers of new processes with a model in a bucket."""
    clip = contest.sound(CLIP_SECONDS)
    with in_bucket(contest.place.registries) as (remote, settings):
        for _ in range(contest.effort.runs):
            for each in contest.competing("first answer, S3"):
                with each.serving({**contest.place.settings, **settings}) as server:
                    seconds = each.first_answer(server, clip, remote)
                    contest.note(each, "first answer, S3", seconds)


def measure_warm(contest: Contest) -> None:
    """Measure answers of warm processes to clips of all durations, and under load."""
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
            for name, clients in CLIENTS.items():
                for each in contest.competing(f"3 s clips, {name}"):
                    request = requests[each][CLIP_SECONDS]
                    answered = rate(servers[each], request, clients, effort.load_seconds)
                    contest.note(each, f"3 s clips, {name}", answered)


def rate(server: Server, request: EncodedRequest, clients: int, seconds: float) -> float:
    """Return the answers per second to ``clients`` that send requests without pause."""
    start = time.perf_counter()

    def count_answers(_client: int) -> int:
        answers = 0
        while time.perf_counter() < start + seconds:
            server.post(request)
            answers += 1
        return answers

    with ThreadPoolExecutor(clients) as threads:
        answers = sum(threads.map(count_answers, range(clients)))
    return answers / (time.perf_counter() - start)
