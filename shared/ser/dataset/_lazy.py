"""Sequences whose elements are made when they are used, so that memory holds few of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar, overload

T = TypeVar("T", covariant=True)


class Lazy(Sequence[T]):
    """A sequence that makes an element whenever it is used, and keeps none."""

    @abstractmethod
    def _element(self, index: int) -> T:
        """Return the element at ``index``, 0..len-1."""

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        found = range(len(self))[index]  # counts from the end, and raises IndexError
        return [*map(self._element, found)] if isinstance(found, range) else self._element(found)
