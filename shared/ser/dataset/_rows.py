"""The features of utterances as rows for the training of a classifier."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ser.classifiers import Origins
from ser.dataset._extraction import ExtractedCorpus
from ser.dataset._loading import LoadedCorpus

T = TypeVar("T", bound=np.generic)


class FeatureRows(NamedTuple):
    """The features of utterances, one row for each chunk."""

    X: NDArray[np.float32]
    """Features, shape (rows, features)."""
    y: NDArray[np.int64]
    """Class of each row, shape (rows,): an index into the labels of :class:`LoadedCorpus`."""
    names: NDArray[np.str_]
    """Name of the utterance of each row, shape (rows,)."""


class TrainingRows(NamedTuple):
    """The rows of utterances and of their augmented copies. Immutable: all arrays are read-only."""

    X: NDArray[np.float32]
    """Features, shape (rows, features)."""
    y: NDArray[np.int64]
    """Class of each row, shape (rows,): an index into the labels of :class:`LoadedCorpus`."""
    origins: Origins
    """Speaker, utterance, variant, take and corpus of each row."""

    def without(self, names: Collection[str]) -> TrainingRows:
        """Return the rows of all utterances except those in ``names``."""
        kept = ~np.isin(self.origins.names, list(names))
        return with_read_only_arrays(TrainingRows(self.X[kept], self.y[kept], self.origins[kept]))

    def only(self, names: Collection[str]) -> TrainingRows:
        """Return the rows of the utterances ``names``."""
        kept = np.isin(self.origins.names, list(names))
        return with_read_only_arrays(TrainingRows(self.X[kept], self.y[kept], self.origins[kept]))

    def as_recorded(self) -> FeatureRows:
        """Return the rows of the utterances themselves, without those of their copies."""
        recorded = self.origins.variants == 0
        return FeatureRows(self.X[recorded], self.y[recorded], self.origins.names[recorded])


def training_rows(
    loaded: LoadedCorpus, extracted: ExtractedCorpus, names: Collection[str] | None = None
) -> TrainingRows:
    """Return the rows of the utterances ``names`` (``None``: all) and of their copies.

    Rows have the order of the utterances; the rows of an utterance precede those of its copies.
    """
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
    columns = len(extracted.feature_names)

    def each_row(values: Sequence[Any], dtype: type[T]) -> NDArray[T]:
        return np.repeat(np.array(values, dtype), counts)

    return with_read_only_arrays(
        TrainingRows(
            X=np.concatenate([np.empty((0, columns), np.float32), *(c for *_, c in chosen)]),
            y=each_row([classes[utterance.code] for utterance, *_ in chosen], np.int64),
            origins=Origins(
                each_row([utterance.speaker for utterance, *_ in chosen], np.str_),
                each_row([utterance.name for utterance, *_ in chosen], np.str_),
                each_row([variant for _, variant, _ in chosen], np.int64),
                each_row([utterance.group for utterance, *_ in chosen], np.str_),
                each_row([utterance.corpus for utterance, *_ in chosen], np.str_),
            ),
        )
    )


def with_read_only_arrays(rows: TrainingRows) -> TrainingRows:
    """Return ``rows`` with all arrays made read-only."""
    for array in (rows.X, rows.y, *vars(rows.origins).values()):
        array.setflags(write=False)
    return rows
