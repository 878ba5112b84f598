"""Metrics in the format OpenMetrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

import ser
from ser.service.metrics import KINDS, Counts

MEDIA_TYPE = CONTENT_TYPE_LATEST


class Exposition(Collector):
    """Counts and states of jobs, as prometheus-client collects them."""

    def __init__(self, counts: Counts, jobs: Mapping[tuple[str, str], int]) -> None:
        self._counts, self._jobs = counts, jobs

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield InfoMetricFamily("ser", "The version of the software.", {"version": ser.__version__})
        for name, kind in KINDS.items():
            if kind.buckets:
                yield self._histogram(name)
                continue
            counter = CounterMetricFamily(name, kind.help, labels=kind.labels)
            for key, value in sorted(self._counts.counters.get(name, {}).items()):
                counter.add_metric(msgspec.json.decode(key), value)
            yield counter
        states = GaugeMetricFamily("ser_jobs", "Jobs by state.", labels=("function", "status"))
        for labels, number in sorted(self._jobs.items()):
            states.add_metric(labels, number)
        yield states

    def _histogram(self, name: str) -> Metric:
        kind = KINDS[name]
        histogram = HistogramMetricFamily(name, kind.help, labels=kind.labels)
        bounds = [*map(str, kind.buckets), "+Inf"]
        for key, row in sorted(self._counts.histograms.get(name, {}).items()):
            cumulated = list(zip(bounds, accumulate(row[:-1]), strict=True))
            histogram.add_metric(msgspec.json.decode(key), cumulated, row[-1])
        return histogram


def exposition(counts: Counts, jobs: Mapping[tuple[str, str], int]) -> bytes:
    """Return the metrics as text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Exposition(counts, jobs))
    write: Callable[[CollectorRegistry], bytes] = generate_latest
    return write(registry)
