"""Traces by OpenTelemetry, where its standard variables ask for them.

A request is a span of its own, and so is each of its stages; the span continues the trace in the
header ``traceparent``. Without the variables nothing of OpenTelemetry is imported.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ser.service.observation import Observation

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

log = logging.getLogger("ser")

NANOSECONDS = 1_000_000_000


@lru_cache(maxsize=1)
def tracer_of(process: int, function: str) -> Tracer | None:
    """Return the tracer of this process; ``None`` if OpenTelemetry is not installed."""
    del process  # a fork has no threads, so it makes a tracer of its own
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("there are no traces: OpenTelemetry is not installed; allowed: ser[otel]")
        return None
    import ser

    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": f"ser-{function}"}
    provider = TracerProvider(
        resource=Resource.create({**named, "service.version": ser.__version__})
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider.get_tracer("ser", ser.__version__)


def export(
    function: str,
    method: str,
    route: str,
    status: int,
    seen: Observation,
    headers: Mapping[str, str],
) -> None:
    """Export the spans of a request, which has been answered."""
    tracer = tracer_of(os.getpid(), function)
    if tracer is None:
        return
    from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier = {name.lower(): value for name, value in headers.items()}
    parent = TraceContextTextMapPropagator().extract(carrier)
    span = tracer.start_span(
        f"{method} {route}",
        context=parent,
        kind=SpanKind.SERVER,
        start_time=nanoseconds(seen.began_at),
        attributes=attributes_of(method, route, status, seen),
    )
    inside = set_span_in_context(span, parent)
    for each in seen.stages:
        began_at = seen.began_at + each.began
        child = tracer.start_span(each.name, context=inside, start_time=nanoseconds(began_at))
        child.end(nanoseconds(began_at + each.seconds))
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR, seen.problem))
    span.end(nanoseconds(seen.began_at + seen.seconds))


def attributes_of(method: str, route: str, status: int, seen: Observation) -> dict[str, Any]:
    """Return the attributes of a span, by the semantic conventions of HTTP where they have one."""
    attributes: dict[str, Any] = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
        "error.type": seen.problem,
        "ser.model_id": seen.model_id,
        "ser.sound_seconds": seen.sound_seconds,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def nanoseconds(seconds: float) -> int:
    return int(seconds * NANOSECONDS)
