"""A random forest on unscaled features, each of whose trees grows on a bounded number of rows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser._progress import ProgressCallback
from ser._schemas import Schema
from ser.classifiers._base import DEFAULT_RANDOM_STATE, OPSETS, Classifier
from ser.classifiers._rows import Block, ClassIndices, FeatureMatrix, Rows
from ser.classifiers._trees import Depth, FittedTrees, Share, Trees

SAMPLE_VALUES = 2**26
"""Maximum number of features in memory: 67,000 rows of 990 features, 256 MiB. With samples of half
of the rows the recall of a small corpus was lower, so all rows are used as long as possible."""
TREES_PER_SAMPLE = 10
"""Trees that share a sample of the rows if not all rows fit into memory."""
SAMPLED = (
    "each {trees} trees grow on another random sample of {drawn} training chunks, "
    "as {rows} do not fit into the memory that a forest may use"
)


class RandomForestConfig(Schema, frozen=True, kw_only=True):
    """The ``model_config`` of :class:`RandomForestClassifier`."""

    n_estimators: Trees = 100
    """Number of trees."""
    max_depth: Depth | None = None
    """Maximum depth of a tree; ``null``: trees grow until their leaves are pure."""
    min_samples_leaf: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    """Minimum number of chunks in a leaf."""
    max_features: Literal["sqrt", "log2"] | Share = "sqrt"
    """Number of features considered at each split, or their share."""


DEFAULTS = RandomForestConfig()


class RandomForestClassifier(Classifier):
    """scikit-learn's random forest (Breiman, Random forests, Machine Learning 45, 2001).

    If the rows are too many for the memory, every ten trees grow on another random sample of
    them (Breiman, Pasting small votes for classification in large databases and on-line, Machine
    Learning 36, 1999). This also bounds the size of a tree.

    Parameters
    ----------
    n_estimators, max_depth, min_samples_leaf, max_features
        See :class:`RandomForestConfig`; ``None`` is its ``null``.
    random_state
        Seed of the samples and of the features considered at each split.
    """

    config_type = RandomForestConfig

    def __init__(
        self,
        *,
        n_estimators: int = DEFAULTS.n_estimators,
        max_depth: int | None = DEFAULTS.max_depth,
        min_samples_leaf: int = DEFAULTS.min_samples_leaf,
        max_features: str | float = DEFAULTS.max_features,
        random_state: int = DEFAULT_RANDOM_STATE,
    ) -> None:
        self.n_estimators = n_estimators
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.max_features = max_features
        self.random_state = random_state

    def _fit(
        self,
        config: RandomForestConfig,
        rows: Rows,
        on_progress: ProgressCallback,
    ) -> FittedTrees:
        from sklearn import ensemble

        options = msgspec.to_builtins(config)
        forest = ensemble.RandomForestClassifier(
            **options, random_state=self.random_state, n_jobs=-1, warm_start=True
        )
        for sample in samples(rows, config.n_estimators, self.random_state):
            # A warm start keeps the trees that have grown, and adds the next ones.
            forest.set_params(n_estimators=sample.trees).fit(sample.X, sample.y)
            on_progress(sample.trees / config.n_estimators)
            drawn = len(sample.X)
            del sample  # before the next one is drawn
        note = SAMPLED.format(trees=TREES_PER_SAMPLE, drawn=drawn, rows=rows.count)
        notes = [note] if drawn < rows.count else []
        return FittedTrees(options, notes, rows.columns, forest, forest_to_onnx)


class Sample(NamedTuple):
    """Rows on which the next trees of a forest grow."""

    trees: int
    """Number of trees of the forest after they have grown."""
    X: FeatureMatrix
    """Features, shape (rows, features)."""
    y: ClassIndices
    """Class of each row, shape (rows,)."""


def samples(rows: Rows, trees: int, random_state: int) -> Iterator[Sample]:
    """Yield all rows for all ``trees``, or a sample for every :data:`TREES_PER_SAMPLE` of them.

    A sample has the classes in the proportions of all rows, and at least one row of each.
    """
    fitting = SAMPLE_VALUES // rows.columns
    if rows.count <= fitting:
        yield Sample(trees, *rows.as_arrays())
        return
    random = np.random.default_rng(random_state)
    counts = rows.sum(partial(count_classes, rows.y))
    sizes = np.maximum(counts * fitting // rows.count, 1)
    for grown in range(0, trees, TREES_PER_SAMPLE):
        yield Sample(min(grown + TREES_PER_SAMPLE, trees), *draw(rows, counts, sizes, random))


def count_classes(y: ClassIndices, block: Block) -> NDArray[np.int64]:
    """Return the number of rows of each class in ``block``; ``y`` has the class of utterances."""
    return np.bincount(y[block.utterances], minlength=int(y.max()) + 1)


def draw(
    rows: Rows, counts: NDArray[np.int64], sizes: NDArray[np.int64], random: np.random.Generator
) -> tuple[FeatureMatrix, ClassIndices]:
    """Return ``sizes`` rows of each class, drawn without replacement, and their classes.

    ``counts`` has the number of all rows of each class.
    """
    X = np.empty((sizes.sum(), rows.columns), np.float32)
    y = np.repeat(np.arange(len(sizes)), sizes)
    free = np.cumsum(sizes) - sizes
    unread, undrawn = counts.copy(), sizes.copy()
    for block in rows.blocks():
        classes = rows.y[block.utterances]
        for index in np.unique(classes):
            members = np.flatnonzero(classes == index)
            share = random.hypergeometric(
                undrawn[index], unread[index] - undrawn[index], len(members)
            )
            chosen = random.choice(members, share, replace=False)
            X[free[index] : free[index] + share] = block.X[chosen]
            free[index] += share
            undrawn[index] -= share
            unread[index] -= len(members)
    return X, y


def forest_to_onnx(forest: Any, columns: int) -> Any:
    import skl2onnx
    from skl2onnx.common.data_types import FloatTensorType

    return skl2onnx.to_onnx(
        forest,
        initial_types=[("features", FloatTensorType([None, columns]))],
        target_opset=OPSETS,
        options={"zipmap": False},
    )
