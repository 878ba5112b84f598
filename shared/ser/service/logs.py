"""Logs: without secrets, whichever library writes them, and one line of JSON for each event."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType

import msgspec

from ser._secrets import without_secrets

SECRET_SETTINGS = ("SER_MODEL_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
"""Environment variables whose values are secrets that no pattern recognises."""
SHORTEST = 8
"""Smallest number of characters of a value that is looked for: a shorter one is part of words."""
LOGGERS = ("ser", "gunicorn.error", "gunicorn.access", "werkzeug")
"""Loggers whose handlers are set up by others, later than this module."""


EVENTS = logging.getLogger("ser.events")


class EventHandler(logging.Handler):
    """Writes lines to standard error, also where that is replaced later."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the message of ``record``."""
        try:
            sys.stderr.write(f"{record.getMessage()}\n")
        except (OSError, ValueError):
            self.handleError(record)


def write_event(event: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Write a line of JSON with the time, the name of the event, and all ``fields`` with a value.

    Texts are cleaned of secrets before they become JSON, which stays valid.
    """
    known = known_secrets()
    facts = {
        name: without_secrets(value, known) if isinstance(value, str) else value
        for name, value in fields.items()
        if value is not None
    }
    line = {"time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", "event": event, **facts}
    EVENTS.log(level, "%s", msgspec.json.encode(line).decode())


class SecretsFilter(logging.Filter):
    """Removes secrets from each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the message and the traceback of ``record``; keep it."""
        known = known_secrets()
        record.msg, record.args = without_secrets(record.getMessage(), known), ()
        if record.exc_info and not record.exc_text:
            text = "".join(traceback.format_exception(*record.exc_info))
            # Formatters use this text in place of a new one.
            record.exc_text = without_secrets(text.rstrip("\n"), known)
        return True


def known_secrets(environment: Mapping[str, str] | None = None) -> list[str]:
    """Return the values of :data:`SECRET_SETTINGS`."""
    env = os.environ if environment is None else environment
    values = (env.get(name, "") for name in SECRET_SETTINGS)
    return [value for value in values if len(value) >= SHORTEST]


def keep_secrets_out_of_logs() -> None:
    """Filter what this process logs, and the traceback of an exception that ends it."""
    for name in LOGGERS:
        add_filter(logging.getLogger(name))
    # Messages of other libraries reach a handler of the root, or else the last resort.
    for handler in (logging.lastResort, *logging.getLogger().handlers):
        if handler:
            add_filter(handler)
    if not any(isinstance(each, EventHandler) for each in EVENTS.handlers):
        EVENTS.addHandler(EventHandler())
        EVENTS.setLevel(logging.INFO)
        EVENTS.propagate = False
    sys.excepthook = print_exception


def add_filter(place: logging.Filterer) -> None:
    """Add a filter to ``place`` unless it has one."""
    if not any(isinstance(each, SecretsFilter) for each in place.filters):
        place.addFilter(SecretsFilter())


def print_exception(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Print an exception like Python does, without secrets."""
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(without_secrets(text, known_secrets()))
