"""The section ``start``: first answers of new processes, their memory, and a long sound."""

from __future__ import annotations

from collections.abc import Iterator

from benchmark.bench import CLIP_SECONDS, Bench
from benchmark.bucket import in_bucket
from benchmark.contest import Contest
from benchmark.rows import ALTERNATIVES, OURS, USUAL, Row, Target
from benchmark.suffixes import ACCURATE, SAME_NETWORK

BOTH = (OURS, USUAL)
ALL = (*BOTH, *ALTERNATIVES)


def rows() -> Iterator[Row]:
    """Yield the rows of the section."""
    yield Row("first answer, folder", "s", (Target(16, over=USUAL),), ALL)
    yield Row(f"first answer, folder{SAME_NETWORK}", "s", sides=BOTH)
    yield Row(f"first answer, folder{ACCURATE}", "s", (Target(0.6),))
    yield Row("first answer, S3", "s", (Target(13, over=USUAL),), BOTH)
    yield Row(f"first answer, S3{ACCURATE}", "s")
    yield Row("peak memory up to it, folder", "MiB", (Target(80), Target(8, over=USUAL)), ALL)
    yield Row(f"peak memory up to it, folder{SAME_NETWORK}", "MiB", sides=BOTH)
    yield Row(f"peak memory up to it, folder{ACCURATE}", "MiB", (Target(150),))
    yield Row("peak memory up to it, S3", "MiB", (Target(92),), BOTH)
    yield Row(f"peak memory up to it, S3{ACCURATE}", "MiB")
    yield Row("resident memory after it", "MiB", sides=ALL)
    yield Row(f"resident memory after it{ACCURATE}", "MiB")
    yield Row("10 min sound", "s", sides=BOTH)
    yield Row(f"10 min sound{SAME_NETWORK}", "s", sides=BOTH)
    yield Row(f"10 min sound{ACCURATE}", "s")
    # 300 MB.
    yield Row("10 min sound, peak memory", "MiB", (Target(286),), BOTH)
    yield Row(f"10 min sound, peak memory{ACCURATE}", "MiB")


def measure(bench: Bench) -> None:
    """Measure the section."""
    contest = bench.contest(bench.ours, bench.alternatives)
    measure_from_folder(contest)
    measure_from_s3(contest)


def measure_from_folder(contest: Contest) -> None:
    """Measure first answers of new processes, and the answer to a long sound after each."""
    clip, long = contest.sound(CLIP_SECONDS), contest.sound(contest.effort.long_seconds)
    place = contest.place
    local = str(place.registries)
    for _ in range(contest.effort.runs):
        for each in contest.competing("first answer, folder"):
            with each.serving(place.settings) as server:
                seconds = each.first_answer(server, clip, local)
                contest.note(each, "first answer, folder", seconds)
                contest.note(each, "peak memory up to it, folder", server.memory("VmHWM"))
                contest.note(each, "resident memory after it", server.memory("VmRSS"))
                if each in contest.competing("10 min sound"):
                    # As FLAC, ten minutes stay below the size limit of requests.
                    request = each.encoded_request(long, local, container="FLAC")
                    contest.note(each, "10 min sound", server.milliseconds(request) / 1000)
                    contest.note(each, "10 min sound, peak memory", server.memory("VmHWM"))


def measure_from_s3(contest: Contest) -> None:
    """Measure first answers of new processes with a model in a bucket."""
    clip = contest.sound(CLIP_SECONDS)
    with in_bucket(contest.place.registries) as (remote, settings):
        for _ in range(contest.effort.runs):
            for each in contest.competing("first answer, S3"):
                with each.serving({**contest.place.settings, **settings}) as server:
                    seconds = each.first_answer(server, clip, remote)
                    contest.note(each, "first answer, S3", seconds)
                    contest.note(each, "peak memory up to it, S3", server.memory("VmHWM"))
