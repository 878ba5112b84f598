"""Answers about readiness and metrics, which both functions give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Literal

from ser.service.answers import Health
from ser.service.http import Handler, Plain
from ser.service.problems import NotReady
from ser.service.routes import Call
from ser.service.settings import Settings

if TYPE_CHECKING:
    from ser.service.readiness import Readiness


def readiness_handler(
    parts: tuple[str, ...], check: Callable[[Settings], Mapping[str, str | None]]
) -> Handler:
    """Return the handler of a readiness route; ``check`` returns a reason for each of ``parts``
    that is not ready."""

    @cache
    def readiness() -> Readiness:
        # Imported here, because only a probe needs it, and cold starts must be short.
        from ser.service.readiness import Readiness

        return Readiness(*parts)

    def get_readiness(call: Call[None]) -> Health:
        """Return the health, or raise :class:`NotReady` with the parts that are not ready."""
        failures = readiness().failures(lambda: check(call.settings))
        if failures:
            reasons = (f"{part}: {reason}" for part, reason in failures.items())
            raise NotReady(f"This function is not ready. {'; '.join(reasons)}")
        return Health(status="ok")

    return get_readiness


def metrics_handler(name: Literal["train", "predict"]) -> Handler:
    """Return the handler of the metrics of the function ``name``."""

    def get_metrics(call: Call[None]) -> Plain:
        """Return the metrics of all processes of this server."""
        # Likewise, for scrapes alone.
        from ser.service.metrics.answer import text_of

        return Plain(*text_of(name, call.settings))

    return get_metrics
