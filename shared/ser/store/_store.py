"""Stores: bytes under keys, written whole or not at all, and shared by many writers."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import NamedTuple

from ser.errors import InvalidInput


class Stored(NamedTuple):
    """The value of a key at the time it was read."""

    data: bytes
    tag: str
    """The store's name for this version; empty if versions are compared by their bytes."""


class Store(ABC):
    """Bytes under keys such as ``aliases/latest.json``, shared by all users of the address.

    Methods return a value for every effect of another writer: the key is empty, is taken already,
    has changed. For all other failures, every method raises

    - :class:`~ser.errors.InvalidInput`: the key has another form; the store does not exist, or
      these credentials may not read or write it;
    - :class:`~ser.errors.StorageFull`: there is no room left;
    - :class:`~ser.errors.RemoteFailed`: there was no answer, or a broken one. The write may have
      been done all the same.

    Parameters
    ----------
    uri
        The address for messages.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def read(self, key: str) -> Stored | None:
        """Return the value of ``key``; ``None`` if it is empty."""
        with self._translated():
            return self._read(checked(key))

    def holds(self, key: str) -> bool:
        """Return whether ``key`` has a value, without reading it."""
        with self._translated():
            return self._holds(checked(key))

    def create(self, key: str, data: bytes) -> bool:
        """Write ``data`` to a key that is empty.

        Returns
        -------
        bool
            False if the key has a value already, which stays as it is. Of concurrent writers,
            exactly one gets True.
        """
        with self._translated():
            return self._create(checked(key), data)

    def replace(self, key: str, old: Stored, data: bytes) -> bool:
        """Write ``data`` to a key whose value is still ``old``, as :meth:`read` returned it.

        Returns
        -------
        bool
            False if the key has another value by now, or none.
        """
        with self._translated():
            return self._replace(checked(key), old, data)

    def delete(self, key: str) -> None:
        """Remove the value of ``key``, if it has one."""
        with self._translated():
            self._delete(checked(key))

    def sweep(self, folder: str) -> None:
        """Remove all keys in ``folder`` and below, in the order of their names."""
        with self._translated():
            self._sweep(checked(folder))

    def names(self, folder: str = "") -> list[str]:
        """Return the names directly in ``folder``, sorted; those of folders end in ``/``."""
        with self._translated():
            return sorted(self._names(checked(folder) if folder else ""))

    def check_writable(self) -> None:
        """Write a small file and remove it, to find out in time whether the store works."""
        probe = f"writable-{os.urandom(8).hex()}"
        self.create(probe, b"")
        self.delete(probe)

    def _sweep(self, folder: str) -> None:
        for name in sorted(self._names(folder)):
            if name.endswith("/"):
                self._sweep(f"{folder}/{name[:-1]}")
            else:
                self._delete(f"{folder}/{name}")

    @abstractmethod
    def _translated(self) -> AbstractContextManager[None]:
        """Return a context that raises the errors of the medium as those of :mod:`ser.errors`."""

    @abstractmethod
    def _read(self, key: str) -> Stored | None: ...

    @abstractmethod
    def _holds(self, key: str) -> bool: ...

    @abstractmethod
    def _create(self, key: str, data: bytes) -> bool: ...

    @abstractmethod
    def _replace(self, key: str, old: Stored, data: bytes) -> bool: ...

    @abstractmethod
    def _delete(self, key: str) -> None: ...

    @abstractmethod
    def _names(self, folder: str) -> Iterable[str]: ...


def checked(key: str) -> str:
    """Return ``key`` if it lies inside the store and means the same in every store.

    Raises
    ------
    InvalidInput
        ``key`` leads out of the store, is absolute, or has a special meaning in some medium.
    """
    parts = key.split("/")
    if not key.isprintable() or "\\" in key or any(part[:1] in ("", ".") for part in parts):
        raise InvalidInput(
            f"{key!r} is not a key of a store; allowed: a relative path of printable characters"
            " without a backslash, in which no part is empty or begins with a dot"
        )
    return key
