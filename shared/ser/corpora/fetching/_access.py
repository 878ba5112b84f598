"""Where fetching may reach."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ser._addresses import bucket_name, resolved

CLOUD_STORAGE = "https://storage.googleapis.com"
"""Cloud Storage speaks the protocol of S3, too."""


class Access(Protocol):
    """Decides on every path, bucket and network address before it is used.

    Each method raises :class:`~ser.errors.InvalidInput` for what is not allowed.
    """

    def path(self, value: str) -> Path:
        """Return the absolute path that ``value``, a path or ``file://`` URL, leads to."""

    def bucket(self, name: str) -> str:
        """Return ``name`` if it is the name of a bucket that may be read."""

    def endpoint(self, store: str) -> str | None:
        """Return the URL of the server with the buckets of ``s3`` or ``gs``; ``None``: AWS."""

    def address(self, host: str, address: str) -> None:
        """Return if ``host`` may be reached at ``address``, the IP address it has just now."""


class FullAccess:
    """The access of this process's user: every path, bucket and address."""

    def path(self, value: str) -> Path:
        return resolved(value)

    def bucket(self, name: str) -> str:
        return bucket_name(name)

    def endpoint(self, store: str) -> str | None:
        return CLOUD_STORAGE if store == "gs" else None

    def address(self, host: str, address: str) -> None:
        del host, address


FULL_ACCESS = FullAccess()
