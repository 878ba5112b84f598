"""Fetching of archives from HTTP servers, buckets and local files, with resumption and checks; and
places whose files are read without a copy.

A failure that another attempt may avoid raises :class:`Interrupted`; every other failure raises an
error of :mod:`ser.errors`.
"""

from __future__ import annotations

from ser.fetching._access import CLOUD_STORAGE, FULL_ACCESS, Access
from ser.fetching._archives import ARCHIVE_SUFFIXES, archive_suffix, extract
from ser.fetching._clutter import is_clutter
from ser.fetching._entries import Entry, checked_entries
from ser.fetching._folders import FolderPlace
from ser.fetching._opening import open_place, opener_for
from ser.fetching._places import Place, StoredFile
from ser.fetching._tars import TarArchive, is_compressed
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
    "Entry",
    "FolderPlace",
    "Interrupted",
    "Missing",
    "Opener",
    "Patience",
    "Place",
    "Received",
    "StoredFile",
    "TarArchive",
    "Version",
    "archive_suffix",
    "checked_entries",
    "extract",
    "fetch",
    "is_clutter",
    "is_compressed",
    "open_place",
    "opener_for",
    "redact_url",
]
