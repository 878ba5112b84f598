"""The outermost step of a request: headers with its times, a line of the log, metrics, a trace."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Response

import ser
from ser.service.logs import write_event
from ser.service.metrics import METRICS
from ser.service.observation import Observation, observing
from ser.service.routes import METRICS_PATH, READY_PATH

if TYPE_CHECKING:
    from ser.service.http import Exchange

TRACE_RECEIVERS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNMATCHED = "unmatched"
"""The route of a path that does not exist; the path itself may be anything."""
QUIET = ("/healthz", READY_PATH, METRICS_PATH)
"""The ends of paths that programs ask for all the time: they are not logged."""
PLAIN = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Observer:
    """Observes the requests of the function ``name``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._is_first = True

    def __call__(self, exchange: Exchange, proceed: Callable[[Exchange], Response]) -> Response:
        seen = exchange.seen = Observation()
        with observing(seen):
            response = proceed(exchange)
        headers = response.headers
        headers["X-Ser-Version"] = ser.__version__
        headers["Server-Timing"] = server_timing(seen)
        record = partial(self._record, exchange, response.status_code)
        if response.is_streamed:
            # The rest of the work is done while the answer is sent.
            response.response = observed_parts(response.iter_encoded(), seen)
            response.call_on_close(record)
        else:
            record()
        return response

    def _record(self, exchange: Exchange, status: int) -> None:
        """Write down a request that has been answered."""
        seen = exchange.seen
        route = exchange.route.path if exchange.route else path_of(exchange)
        method = exchange.request.method if exchange.request.method in METHODS else "OTHER"
        is_quiet = route.endswith(QUIET)
        cold = not is_quiet and self._take_first()
        METRICS.record(self._name, method, route, status, seen, cold=cold)
        if exchange.settings.log_requests and not is_quiet:
            write_event("request", **self._facts(exchange, method, route, status, cold=cold))
        if wants_traces(os.environ):
            # Imported here, because cold starts must be short.
            from ser.service import tracing

            tracing.export(self._name, method, route, status, seen, dict(exchange.request.headers))

    def _take_first(self) -> bool:
        """Return whether this is the first request of the process."""
        if not self._is_first:
            return False
        with self._lock:
            first, self._is_first = self._is_first, False
        return first

    def _facts(
        self, exchange: Exchange, method: str, route: str, status: int, *, cold: bool
    ) -> dict[str, Any]:
        seen = exchange.seen
        request_id = exchange.request_id
        return {
            "function": self._name,
            "request_id": request_id if PLAIN.fullmatch(request_id) else "not a plain name",
            "method": method,
            "route": route,
            "status": status,
            "seconds": round(seen.seconds, 6),
            "stages": {name: round(seconds, 6) for name, seconds in seconds_of(seen).items()},
            "start": "cold" if cold or seen.has_loaded else "warm",
            "caller": exchange.caller.name,
            "model_id": seen.model_id,
            "sounds": len(seen.sounds) or None,
            "sound_seconds": None if seen.sound_seconds is None else round(seen.sound_seconds, 3),
            "problem": seen.problem,
            "detail": seen.detail,
        }


def observed_parts(parts: Iterator[bytes], seen: Observation) -> Iterator[bytes]:
    """Yield ``parts``, each of which is computed under the observation of its request."""
    while True:
        with observing(seen):
            part = next(parts, None)
        if part is None:
            return
        yield part


def wants_traces(environment: Mapping[str, str]) -> bool:
    """Return whether the variables of OpenTelemetry name a receiver of traces."""
    return (
        any(environment.get(name) for name in TRACE_RECEIVERS)
        and environment.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp"
        and environment.get("OTEL_SDK_DISABLED", "").lower() != "true"
    )


def path_of(exchange: Exchange) -> str:
    """Return the path of a request that has no documented route."""
    path = exchange.request.path
    return (path.rstrip("/") or "/") if exchange.handler is not None else UNMATCHED


def seconds_of(seen: Observation) -> dict[str, float]:
    """Return the time of each stage."""
    found: dict[str, float] = {}
    for each in seen.stages:
        found[each.name] = found.get(each.name, 0.0) + each.seconds
    return found


def server_timing(seen: Observation) -> str:
    """Return the header ``Server-Timing`` (W3C), in milliseconds."""
    stages = {**seconds_of(seen), "total": seen.seconds}
    return ", ".join(f"{name};dur={1000 * seconds:.1f}" for name, seconds in stages.items())
