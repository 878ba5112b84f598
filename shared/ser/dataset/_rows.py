"""From the features of utterances to the rows that a classifier learns from."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser.classifiers import Origins
from ser.dataset._extraction import Extracted
from ser.dataset._loading import Loaded


class Rows(NamedTuple):
    """The features of utterances: one row for each chunk."""

    X: NDArray[np.float32]
    """Features, shape (rows, features)."""
    y: NDArray[np.int64]
    """Classes, shape (rows,): indices into the labels of :class:`Loaded`."""
    names: NDArray[np.str_]
    """The utterance each row was cut from, shape (rows,)."""


class TrainingRows(NamedTuple):
    """What a classifier learns from: the rows of utterances and of their augmented copies."""

    X: NDArray[np.float32]
    """Features, shape (rows, features)."""
    y: NDArray[np.int64]
    """Classes, shape (rows,): indices into the labels of :class:`Loaded`."""
    origins: Origins

    def without(self, names: Collection[str]) -> TrainingRows:
        """Return the rows of all utterances but those called ``names``."""
        kept = ~np.isin(self.origins.names, list(names))
        return TrainingRows(self.X[kept], self.y[kept], self.origins[kept])


def training_rows(
    loaded: Loaded, extracted: Extracted, names: Collection[str] | None
) -> TrainingRows:
    """Return the rows of the utterances called ``names`` (``None``: all) and of their copies."""
    classes = {label.code: index for index, label in enumerate(loaded.labels)}
    chosen = [
        (utterance, variant, chunks)
        for utterance, recorded, copies in zip(
            loaded.utterances, extracted.features, extracted.copies, strict=True
        )
        if names is None or utterance.name in names
        for variant, chunks in enumerate((recorded, *copies))
    ]
    counts = [len(chunks) for *_, chunks in chosen]
    return TrainingRows(
        X=np.concatenate([chunks for *_, chunks in chosen]),
        y=np.repeat([classes[utterance.code] for utterance, *_ in chosen], counts),
        origins=Origins(
            speakers=np.repeat([utterance.speaker for utterance, *_ in chosen], counts),
            names=np.repeat([utterance.name for utterance, *_ in chosen], counts),
            variants=np.repeat([variant for _, variant, _ in chosen], counts),
        ),
    )
