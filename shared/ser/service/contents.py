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

    def open(self, on_close: Callable[[], None] = lambda: None) -> Reader:
        """Return a reader at the beginning of the file, which calls ``on_close``, perhaps several
        times, when it is closed or forgotten."""
        return Reader(self, on_close)


class Reader(io.BytesIO):
    """A file object that shares the bytes of its content, since it never writes."""

    def __init__(self, content: Content, on_close: Callable[[], None]) -> None:
        super().__init__(content.data)
        self.content, self._on_close = content, on_close

    def close(self) -> None:
        super().close()
        self._on_close()


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
