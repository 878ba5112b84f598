"""Fetching archives: from HTTP servers, buckets and local files, resumed and checked.

A failure that another attempt may not meet is :class:`Interrupted`; every other one is raised in
the caller's words.
"""

from __future__ import annotations

from ser.corpora.fetching._access import CLOUD_STORAGE, FULL_ACCESS, Access
from ser.corpora.fetching._archives import extract
from ser.corpora.fetching._opening import source_of
from ser.corpora.fetching._source import (
    ANY,
    NOTHING,
    PATIENCE,
    Answer,
    Held,
    Interrupted,
    Missing,
    Patience,
    Source,
    Version,
    without_secrets,
)
from ser.corpora.fetching._transfer import Download, fetch
from ser.corpora.fetching._web import MAX_REDIRECTS

__all__ = [
    "ANY",
    "CLOUD_STORAGE",
    "FULL_ACCESS",
    "MAX_REDIRECTS",
    "NOTHING",
    "PATIENCE",
    "Access",
    "Answer",
    "Download",
    "Held",
    "Interrupted",
    "Missing",
    "Patience",
    "Source",
    "Version",
    "extract",
    "fetch",
    "source_of",
    "without_secrets",
]
