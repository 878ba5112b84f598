"""The discriminant classifier, before and after training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from ser._progress import ProgressCallback, ignore_share
from ser.classifiers._base import (
    DEFAULT_RANDOM_STATE,
    Classifier,
    FittedGraph,
    LeaveOut,
    unsuitable,
)
from ser.classifiers._rows import Rows
from ser.classifiers.discriminant._fitted import FittedDiscriminant
from ser.classifiers.discriminant._fitting import (
    DiscriminantConfig,
    fit_by_differences,
    fit_everything,
    fit_exactly,
    fit_scores,
)
from ser.parallel import THIS_MACHINE, Workers

DEFAULTS = DiscriminantConfig()


class DiscriminantClassifier(Classifier):
    """Scaler, limit, and calibrated linear discriminant analysis with a shrunken covariance.

    The covariance within the classes is mixed with that of independent features with equal
    variances (Friedman, Regularized discriminant analysis, JASA 84, 1989). All emotions have the
    same prior probability, however often they occur in the training data. If speakers are known,
    a second discriminant is trained on features normalised by their speaker; the more sounds of a
    speaker or of a domain are enrolled, the larger its share in the scores of the graph. The graph
    also has the familiarity of a sound (:mod:`ser.classifiers.discriminant._familiarity`).

    Parameters
    ----------
    shrinkage, limit
        See :class:`DiscriminantConfig`.
    random_state
        Seed of the folds used for calibration.
    """

    config_type = DiscriminantConfig
    forms = ("exact", "differences")

    def __init__(
        self,
        *,
        shrinkage: float = DEFAULTS.shrinkage,
        limit: float = DEFAULTS.limit,
        random_state: int = DEFAULT_RANDOM_STATE,
    ) -> None:
        self.shrinkage = shrinkage
        self.limit = limit
        self.random_state = random_state

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weight of each standardised feature in each score, shape (features, classes)."""
        return self._discriminant.ordinary.weights

    @property
    def standardise(self) -> Callable[[NDArray[np.float32]], NDArray[np.float64]]:
        """The function from features to the standardised features of the scores."""
        return self._discriminant.scaler.standardise

    @property
    def _discriminant(self) -> FittedDiscriminant:
        fitted = self._fitted()
        assert isinstance(fitted, FittedDiscriminant)
        return fitted

    def _fit(
        self,
        config: DiscriminantConfig,
        rows: Rows,
        on_progress: ProgressCallback,
    ) -> FittedDiscriminant:
        with one_thread():
            return fit_everything(config, rows, self.random_state, on_progress)

    def fit_parts(
        self,
        rows: Rows,
        parts: Sequence[NDArray[np.bool_]],
        *,
        leave_out: LeaveOut = "exact",
        on_progress: ProgressCallback = ignore_share,
        workers: Workers = THIS_MACHINE,
    ) -> list[FittedGraph]:
        del workers  # the rows have their own
        config = self._checked_config()
        if not parts:
            return []
        fit = fit_by_differences if leave_out == "differences" else fit_exactly
        with one_thread(), unsuitable():
            fitted = fit(config, rows, parts, self.random_state, on_progress)
        return [FittedGraph(each.to_onnx().SerializeToString(), each.notes) for each in fitted]


class DiscriminantScores(DiscriminantClassifier):
    """A discriminant for what needs its scores alone.

    It has no familiarity, whose fit takes longer than everything else.
    """

    def _fit(
        self, config: DiscriminantConfig, rows: Rows, on_progress: ProgressCallback
    ) -> FittedDiscriminant:
        with one_thread():
            return fit_scores(config, rows, self.random_state, on_progress)


def one_thread() -> AbstractContextManager[object]:
    """Return a context in which matrices are multiplied on the thread of the caller.

    The products of a block are so small that several threads would mostly wait for each other,
    which takes twice the processor time and is no faster.
    """
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1, user_api="blas")
    return limits
