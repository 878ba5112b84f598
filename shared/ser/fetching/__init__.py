"""Fetching of archives from HTTP servers, buckets and local files, with resumption and checks.

A failure that another attempt may avoid raises :class:`Interrupted`; every other failure raises an
error of :mod:`ser.errors`.
"""

from __future__ import annotations

from ser.fetching._access import CLOUD_STORAGE, FULL_ACCESS, Access
from ser.fetching._archives import ARCHIVE_SUFFIXES, archive_suffix, extract
from ser.fetching._clutter import is_clutter
from ser.fetching._opening import opener_for
from ser.fetching._transfer import Download, fetch
from ser.fetching._transport import (
    ANY,
    NOTHING,
    PATIENCE,
    Content,
    Interrupted,
    Missing,
    Opener,
    Patience,
    Received,
    Version,
    redact_url,
)
from ser.fetching._web import MAX_REDIRECTS

__all__ = [
    "ANY",
    "ARCHIVE_SUFFIXES",
    "CLOUD_STORAGE",
    "FULL_ACCESS",
    "MAX_REDIRECTS",
    "NOTHING",
    "PATIENCE",
    "Access",
    "Content",
    "Download",
    "Interrupted",
    "Missing",
    "Opener",
    "Patience",
    "Received",
    "Version",
    "archive_suffix",
    "extract",
    "fetch",
    "is_clutter",
    "opener_for",
    "redact_url",
]
