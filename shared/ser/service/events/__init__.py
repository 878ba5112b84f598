"""Events: from the notification of any store to the objects that were created."""

from __future__ import annotations

from ser.service.events.event import Event, Ignored, ObjectCreated, Refused, object_kind
from ser.service.events.loops import is_own_output, refuse_loops
from ser.service.events.notifications import LOCAL_SOURCE, read_events

__all__ = [
    "LOCAL_SOURCE",
    "Event",
    "Ignored",
    "ObjectCreated",
    "Refused",
    "is_own_output",
    "object_kind",
    "read_events",
    "refuse_loops",
]
