"""The text of the metrics of one function."""

from __future__ import annotations

from functools import cache

from ser.service.jobs.work import WorkName
from ser.service.metrics import METRICS
from ser.service.metrics.exposition import MEDIA_TYPE, exposition
from ser.service.metrics.job_states import JobStates
from ser.service.settings import Settings


@cache
def states_of(name: WorkName) -> JobStates:
    """Return the states of the jobs of the function ``name``, kept between scrapes."""
    return JobStates(name)


def text_of(name: WorkName, settings: Settings) -> tuple[bytes, str]:
    """Return the metrics of the function ``name``, and their media type."""
    return exposition(METRICS.total(), states_of(name).numbers(settings)), MEDIA_TYPE
