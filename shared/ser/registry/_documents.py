"""Ids of models, and the JSON documents in a registry."""

from __future__ import annotations

import hashlib
import math
import os
import re
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
"""HMAC-SHA256 of the manifest's bytes in hexadecimal, written before the manifest."""
MODEL_FILE = "model.onnx"
REPORT_FILE = "report.html"
MAX_DOCUMENT = 16_000_000
"""Maximum size of a manifest or an alias in bytes."""
READY = "ready"
"""Id of the model that is part of the package; no alias has this name."""

MODEL_ID = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
MODEL_ID_EXAMPLE = "20261122T143105Z-1a2b3c4d"


def new_model_id() -> str:
    """Return a new, unique id. Ids are ordered by creation time (UTC, to the microsecond)."""
    now = datetime.now(UTC)
    return f"{now:%Y%m%dT%H%M%SZ}-{now.microsecond:05x}{os.urandom(2).hex()[:3]}"


def timestamp() -> str:
    """Return the current time (UTC) in ISO 8601."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def seconds_since(time: str) -> float:
    """Return the seconds since ``time``, a :func:`timestamp`; infinite if it is none."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return math.inf


def encode(document: Any) -> bytes:
    """Return ``document`` as JSON, indented for people."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


class Digest(msgspec.Struct, frozen=True):
    """SHA-256 (in hexadecimal) and size (in bytes) of a file."""

    sha256: str
    size: Annotated[int, msgspec.Meta(ge=0, le=2**53)]

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """Return the digest of ``data``."""
        return cls(hashlib.sha256(data).hexdigest(), len(data))


class Inventory(msgspec.Struct, frozen=True):
    """The part of a manifest that the registry needs: the model's id and its files."""

    model_id: str
    files: dict[str, Digest]
