"""Stores of bytes under keys, which are written completely or not at all, by many writers."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from ser.errors import InvalidInput, TooLarge


class Stored(NamedTuple):
    """The value of a key when it was read."""

    data: bytes
    tag: str
    """Identifier of this version in the store; empty if versions are compared by their bytes."""


class Readable(Protocol):
    """Values under keys that can be read: a :class:`Store`, or files in its form."""

    uri: str

    def read(self, key: str, most: int | None = None) -> Stored | None:
        """Return the value of ``key`` as :meth:`Store.read` does."""


class Store(ABC):
    """Bytes under keys such as ``aliases/latest.json``, shared by all users of the address.

    The effects of other writers are return values of the methods, not errors: a key may be empty,
    exist already, or have changed. For other failures, every method raises

    - :class:`~ser.errors.InvalidInput`: the key is invalid, or the store does not exist, or cannot
      be read or written with these credentials;
    - :class:`~ser.errors.StorageFull`: no space is left;
    - :class:`~ser.errors.RemoteFailed`: the store failed or did not answer. The value may
      nevertheless have been written.

    Parameters
    ----------
    uri
        Address of the store, for messages.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.notes: tuple[str, ...] = ()
        """Guarantees that the store has turned out to lack so far, and the consequence of each."""

    def read(self, key: str, most: int | None = None) -> Stored | None:
        """Return the value of ``key``; ``None`` if it has none.

        Raises
        ------
        TooLarge
            The value has more than ``most`` bytes; not more than these are read.
        """
        with self._translate_errors():
            stored = self._read(check_key(key), None if most is None else most + 1)
        if stored is not None and most is not None and len(stored.data) > most:
            raise TooLarge(f"{key!r} in {self.uri} is too large; allowed: {most:,} bytes")
        return stored

    def holds(self, key: str) -> bool:
        """Return whether ``key`` has a value, without reading it."""
        with self._translate_errors():
            return self._holds(check_key(key))

    def create(self, key: str, data: bytes) -> bool:
        """Write ``data`` to ``key``, which must not have a value.

        Returns
        -------
        bool
            False if the key already has a value, which does not change. Of concurrent writers,
            exactly one gets True.
        """
        with self._translate_errors():
            return self._create(check_key(key), data)

    def replace(self, key: str, old: Stored, data: bytes) -> bool:
        """Write ``data`` to ``key`` if its value is still ``old``, as :meth:`read` returned it.

        Returns
        -------
        bool
            False if the key has another value, or none.
        """
        with self._translate_errors():
            return self._replace(check_key(key), old, data)

    def delete(self, key: str) -> None:
        """Remove the value of ``key``, if it has one."""
        with self._translate_errors():
            self._delete(check_key(key))

    def sweep(self, folder: str) -> None:
        """Remove all keys in ``folder`` and below, in the order of their names."""
        with self._translate_errors():
            self._sweep(check_key(folder))

    def names(self, folder: str = "") -> list[str]:
        """Return the names directly in ``folder``, sorted; names of folders end with ``/``."""
        with self._translate_errors():
            return sorted(self._names(check_key(folder) if folder else ""))

    def check_writable(self) -> None:
        """Raise an error unless the store can be written, by writing and removing a small file."""
        probe = f"writable-{os.urandom(8).hex()}"
        self.create(probe, b"")
        self.delete(probe)

    def tidy(self, seconds: float, *, dry_run: bool = False) -> list[str]:
        """Remove what writers that were killed have left beside the keys, and return its names.

        Parameters
        ----------
        seconds
            Time for which it has not changed; every write takes less.
        dry_run
            Whether to remove nothing.
        """
        with self._translate_errors():
            return self._tidy(seconds, dry_run)

    def _tidy(self, seconds: float, dry_run: bool) -> list[str]:
        del seconds, dry_run
        return []

    def _sweep(self, folder: str) -> None:
        for name in sorted(self._names(folder)):
            if name.endswith("/"):
                self._sweep(f"{folder}/{name[:-1]}")
            else:
                self._delete(f"{folder}/{name}")

    @abstractmethod
    def _translate_errors(self) -> AbstractContextManager[None]:
        """Return a context that translates errors of the medium to those of :mod:`ser.errors`."""

    @abstractmethod
    def _read(self, key: str, most: int | None = None) -> Stored | None:
        """Return the value of ``key``, or at least its first ``most`` bytes if it has more."""

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


def check_key(key: str) -> str:
    """Return ``key``; raise an error unless it is valid in every store.

    Raises
    ------
    InvalidInput
        ``key`` leads out of the store, is absolute, or has a special meaning in a medium.
    """
    parts = key.split("/")
    if not key.isprintable() or "\\" in key or any(part[:1] in ("", ".") for part in parts):
        raise InvalidInput(
            f"{key!r} is not a key of a store; allowed: a relative path of printable characters"
            " without a backslash, in which no part is empty or begins with a dot"
        )
    return key
