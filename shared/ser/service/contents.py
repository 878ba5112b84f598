"""Files that are sent from memory, in which each is once, however many clients read it."""

from __future__ import annotations

import io
from collections.abc import Callable, Hashable
from threading import Lock
from weakref import WeakValueDictionary


class Content:
    """The bytes of a file, which are kept as long as a reader of them."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def open(self) -> Reader:
        """Return a reader at the beginning of the file."""
        return Reader(self)


class Reader(io.BytesIO):
    """A file object that shares the bytes of its content, since it never writes."""

    def __init__(self, content: Content) -> None:
        super().__init__(content.data)
        self.content = content


class Contents:
    """The files that clients are reading."""

    def __init__(self) -> None:
        self._contents = WeakValueDictionary[Hashable, Content]()
        self._lock = Lock()

    def get(self, key: Hashable, read: Callable[[], bytes]) -> Content:
        """Return the content called ``key``, which ``read`` returns unless a client reads it."""
        # One at a time, so that requests at once do not read the same file.
        with self._lock:
            content = self._contents.get(key)
            if content is None:
                content = self._contents[key] = Content(read())
            return content
