"""Access rules for fetching."""

from __future__ import annotations

from io import BufferedReader
from pathlib import Path
from typing import Protocol

from ser._addresses import bucket_name, resolve_path

CLOUD_STORAGE = "https://storage.googleapis.com"
"""Endpoint of Cloud Storage for the S3 protocol."""


class Access(Protocol):
    """Rules that are applied to every path, bucket and network address before its use.

    Each method raises :class:`~ser.errors.InvalidInput` if access is refused.
    """

    def path(self, value: str) -> Path:
        """Return the absolute path of ``value``, a path or ``file://`` URL."""

    def open(self, value: str) -> BufferedReader:
        """Return the file ``value``, open for reading; it is the one that :meth:`path` allows, even
        if links change in between. Raise ``OSError`` if it cannot be opened."""

    def bucket(self, name: str) -> str:
        """Return ``name`` if it is the name of an allowed bucket."""

    def endpoint(self, store: str) -> str | None:
        """Return the URL of the server of ``store`` (``s3`` or ``gs``); ``None`` for AWS."""

    def address(self, host: str, address: str) -> None:
        """Check that connections to ``host`` at its current IP address ``address`` are allowed."""


class FullAccess:
    """Access to every path, bucket and address that the user of this process can reach."""

    def path(self, value: str) -> Path:
        return resolve_path(value)

    def open(self, value: str) -> BufferedReader:
        return resolve_path(value).open("rb")

    def bucket(self, name: str) -> str:
        return bucket_name(name)

    def endpoint(self, store: str) -> str | None:
        return CLOUD_STORAGE if store == "gs" else None

    def address(self, host: str, address: str) -> None:
        del host, address


FULL_ACCESS = FullAccess()
