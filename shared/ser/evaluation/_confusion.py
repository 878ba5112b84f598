"""The confusion matrix of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser._labels import Label
from ser.evaluation._names import display_name


@dataclass(frozen=True)
class ConfusionMatrix:
    """Counts of utterances by true and predicted emotion."""

    labels: tuple[Label, ...]
    """Labels of the rows and columns."""
    counts: NDArray[np.int64]
    """Number of utterances by true emotion (row) and predicted emotion (column); read-only."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.counts, dtype=dtype)

    def __getitem__(self, index: Any) -> Any:
        return self.counts[index]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ConfusionMatrix):
            return NotImplemented
        return self.labels == other.labels and np.array_equal(self.counts, other.counts)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        names = [display_name(label) for label in self.labels]
        width = max(map(len, names))
        columns = [max(len(name), 4) for name in names]
        head = " ".join(
            [" " * width, *(f"{name:>{wide}}" for name, wide in zip(names, columns, strict=True))]
        )
        rows = (
            " ".join(
                [
                    f"{name:<{width}}",
                    *(f"{count:>{wide}}" for count, wide in zip(row, columns, strict=True)),
                ]
            )
            for name, row in zip(names, self.counts, strict=True)
        )
        return "\n".join([head, *rows])
