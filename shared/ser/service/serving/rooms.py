"""Room for the bodies of requests: how much of them a worker holds at once."""

from __future__ import annotations

import threading

from ser.errors import Busy
from ser.service.settings import MEGABYTE


class Room:
    """The bytes that requests hold, from their receipt to their answer.

    Parameters
    ----------
    limit
        Bytes above which the room is full.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._held = limit, 0
        self._lock = threading.Lock()

    def add(self, size: int) -> None:
        """Add ``size`` bytes, or remove them if it is negative."""
        with self._lock:
            self._held += size

    @property
    def is_full(self) -> bool:
        """Whether requests hold more than the limit."""
        return self._held > self._limit

    def refusal(self) -> Busy:
        """Return the error of a request for which there is no room."""
        return Busy(
            f"The requests that wait and are answered take {self._limit / MEGABYTE:g} MB, the "
            "limit set by SER_MAX_PENDING_MB; try again later."
        )


class Rooms:
    """The rooms of a worker: one for large requests, and one that they cannot fill.

    Parameters
    ----------
    limit
        Bytes of each room.
    """

    LARGE_BYTES = 1_000_000
    """Size above which a request is large."""

    def __init__(self, limit: int) -> None:
        self.usual, self.large = Room(limit), Room(limit)

    def room(self, size: int) -> Room:
        """Return the room for a request of ``size`` bytes."""
        return self.large if size > self.LARGE_BYTES else self.usual


class Claim:
    """The part of a room that one request takes."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self.room, self._size = rooms.usual, 0

    def set(self, announced: int, received: int) -> None:
        """Claim what a request needs: a large one the size that it announces, before it is
        received; any other what is received of it, so that announcements cost nothing."""
        size = max(announced, received)
        size = size if size > Rooms.LARGE_BYTES else received
        if (room := self._rooms.room(size)) is not self.room:
            self.release()
            self.room = room
        room.add(size - self._size)
        self._size = size

    @property
    def is_large(self) -> bool:
        """Whether the request is a large one."""
        return self.room is self._rooms.large

    def release(self) -> None:
        """Return the bytes to the room."""
        size, self._size = self._size, 0
        self.room.add(-size)
