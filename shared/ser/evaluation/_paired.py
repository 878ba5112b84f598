"""A paired comparison of two models on the same utterances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser._promote_if import PairedFigure

DRAWS = 5_000
"""Number of bootstrap samples; the bound then varies by less than 0.005."""
CONFIDENCE = 0.95
LEAST_SPEAKERS = 5
"""Number of speakers below which utterances are drawn in their place."""
SEED = 0


class Paired(NamedTuple):
    """A figure of two models on the same utterances."""

    old: float
    new: float
    lower: float
    """Lower bound of ``new - old`` with one-sided confidence :data:`CONFIDENCE`."""
    unit: Literal["speakers", "utterances"]
    """The units that were drawn."""


def compare_paired(
    true: Sequence[str],
    old: Sequence[str],
    new: Sequence[str],
    speakers: Sequence[str],
    figure: PairedFigure,
) -> Paired:
    """Return ``figure`` of the predictions ``old`` and ``new``, and a bound of their difference.

    The bound is a percentile of the paired bootstrap: both models are judged on the same draws
    with replacement, so that what is difficult for both does not count. Whole speakers are drawn
    if all are known and there are :data:`LEAST_SPEAKERS` or more, because the utterances of one
    are alike.

    Sources: Bisani, Ney, Bootstrap estimates for confidence intervals in ASR performance
    evaluation, ICASSP 2004; Liu, Peng, Statistical testing on ASR performance via blockwise
    bootstrap, 2019, arXiv:1912.09508.

    Parameters
    ----------
    true, old, new
        The true emotion of each utterance, and those that the models predict.
    speakers
        The speaker of each utterance; empty if unknown.
    """
    known = all(speakers) and len({*speakers}) >= LEAST_SPEAKERS
    groups = list(speakers) if known else [str(index) for index in range(len(true))]
    _, unit_of = np.unique(groups, return_inverse=True)
    classes, class_of = np.unique(np.array(true), return_inverse=True)
    size = (int(unit_of.max()) + 1, len(classes))

    def counted(weights: NDArray[np.bool_] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of ``weights`` by unit and class."""
        table = np.zeros(size)
        np.add.at(table, (unit_of, class_of), weights)
        return table

    total = counted(np.ones(len(true)))
    correct = [counted(np.array(each) == np.array(true)) for each in (old, new)]
    everything = np.ones((1, size[0]))
    before, after = (float(figures(everything, each, total, figure)[0]) for each in correct)
    generator = np.random.default_rng(SEED)
    draws = generator.multinomial(size[0], np.full(size[0], 1 / size[0]), DRAWS).astype(float)
    drawn = [figures(draws, each, total, figure) for each in correct]
    lower = float(np.quantile(drawn[1] - drawn[0], 1 - CONFIDENCE))
    return Paired(before, after, lower, "speakers" if known else "utterances")


def figures(
    draws: NDArray[np.float64],
    correct: NDArray[np.float64],
    total: NDArray[np.float64],
    figure: PairedFigure,
) -> NDArray[np.float64]:
    """Return the figure of each of ``draws``, counts of shape (draws, units); ``correct`` and
    ``total`` are numbers of utterances of shape (units, classes)."""
    found, right = draws @ total, draws @ correct
    if figure == "wa":
        return np.asarray(right.sum(axis=1) / found.sum(axis=1))
    recall = np.divide(right, found, out=np.full_like(right, np.nan), where=found > 0)
    return np.asarray(np.nanmean(recall, axis=1))
