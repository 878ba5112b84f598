"""Mixing of channels to one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

CANCELLED = 0.5
"""Channels cancel each other if their average has less than this share of the energy that the
average of independent channels would have: for two equally strong channels, a correlation below
-0.5."""

EQUAL = 0.99
"""Share of the energy of the strongest channel from which on another one is equally strong."""


class Average:
    """The average of the channels of each block, which also measures what averaging loses."""

    def __init__(self) -> None:
        self._channels: Statistics | None = None
        self._average: Statistics | None = None

    def __call__(self, block: NDArray[Any]) -> NDArray[np.float64]:
        """Return the average of the channels of ``block``, shape (frames, channels)."""
        average: NDArray[np.float64] = block.mean(axis=1, dtype=np.float64)
        if block.shape[1] > 1:
            if self._channels is None or self._average is None:
                self._channels, self._average = Statistics(block.shape[1]), Statistics(1)
            self._channels.add(block)
            self._average.add(average[:, np.newaxis])
        return average

    def cancels(self) -> bool:
        """Return whether the channels of all blocks cancel each other (:data:`CANCELLED`).

        This is so if one channel is another one upside down, as cables and balanced inputs
        produce. The energies are those about the mean, so that a constant offset neither hides
        nor feigns it.
        """
        if self._channels is None or self._average is None:
            return False
        energies = self._channels.energies()
        independent = energies.mean() / len(energies)
        return bool(self._average.energies()[0] < CANCELLED * independent)

    def strongest(self) -> Callable[[NDArray[Any]], NDArray[np.float64]]:
        """Return a function from a block to its channel with the most energy in all blocks.

        The first of equally strong channels is taken, and rounding to the samples of a file does
        not make them unequal.
        """
        assert self._channels is not None
        energies = self._channels.energies()
        channel = int((energies >= EQUAL * energies.max()).argmax())
        return lambda block: block[:, channel].astype(np.float64)


class Statistics:
    """Running sums of ``channels``, in double precision."""

    def __init__(self, channels: int) -> None:
        self._frames = 0
        self._sums = np.zeros(channels)
        self._squares = np.zeros(channels)

    def add(self, block: NDArray[Any]) -> None:
        """Add a block of shape (frames, channels)."""
        self._frames += len(block)
        self._sums += block.sum(axis=0, dtype=np.float64)
        self._squares += np.einsum("fc,fc->c", block, block, dtype=np.float64)

    def energies(self) -> NDArray[np.float64]:
        """Return the energy of each channel about its mean."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._squares - self._sums**2 / max(1, self._frames)
