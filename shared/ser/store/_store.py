"""Where bytes are kept: under keys, each written whole or not at all, shared by many writers."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import NamedTuple

from ser.errors import InvalidInput


class Stored(NamedTuple):
    """What a key held when it was read."""

    data: bytes
    tag: str
    """The store's own name for this version; empty where the bytes are all there is to compare."""


class Store(ABC):
    """Bytes under keys such as ``aliases/latest.json``, for everybody who knows the address.

    What other writers may bring about is answered by a value: nothing there, already there,
    changed since. Anything else that goes wrong is raised, by every method, as

    - :class:`~ser.errors.InvalidInput`: a key that is none, or a store that does not exist, is
      not reached with these credentials or may not be written;
    - :class:`~ser.errors.StorageFull`: no room;
    - :class:`~ser.errors.RemoteFailed`: no answer, or a broken one. What was to be written may
      have been written all the same.

    Parameters
    ----------
    uri
        The address, as messages name it.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri

    def read(self, key: str) -> Stored | None:
        """What ``key`` holds; ``None`` when there is nothing."""
        with self._translated():
            return self._read(checked(key))

    def holds(self, key: str) -> bool:
        """Whether there is anything under ``key``, which is not read."""
        with self._translated():
            return self._holds(checked(key))

    def create(self, key: str, data: bytes) -> bool:
        """Write ``data`` to a key that holds nothing yet.

        Returns
        -------
        bool
            False when the key holds something already, which stays as it is. Of any number of
            concurrent writers one is told True.
        """
        with self._translated():
            return self._create(checked(key), data)

    def replace(self, key: str, old: Stored, data: bytes) -> bool:
        """Write ``data`` to a key that still holds ``old``, as :meth:`read` returned it.

        Returns
        -------
        bool
            False when the key holds something else by now, or nothing.
        """
        with self._translated():
            return self._replace(checked(key), old, data)

    def delete(self, key: str) -> None:
        """Make sure that ``key`` holds nothing."""
        with self._translated():
            self._delete(checked(key))

    def sweep(self, folder: str) -> None:
        """Make sure that nothing is left in ``folder`` and below; in the order of names."""
        with self._translated():
            self._sweep(checked(folder))

    def names(self, folder: str = "") -> list[str]:
        """What lies directly in ``folder``, sorted; the names of further folders end in ``/``."""
        with self._translated():
            return sorted(self._names(checked(folder) if folder else ""))

    def check_writable(self) -> None:
        """Write a small file and remove it, so that a store of no use is known in time."""
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
        """Raise the errors of the medium as those of :mod:`ser.errors`."""

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
    """``key``, when it names a place inside the store and means the same in every store.

    Raises
    ------
    InvalidInput
        A key that climbs out, is absolute, or that some medium reads in its own way.
    """
    parts = key.split("/")
    if not key.isprintable() or "\\" in key or any(part[:1] in ("", ".") for part in parts):
        raise InvalidInput(
            f"{key!r} names nothing that can be stored; allowed: a relative path of printable"
            " characters, no backslash among them, with no part empty or beginning with a dot"
        )
    return key
