"""Classifiers that are each trained without the utterances of one fold."""

from __future__ import annotations

from collections.abc import Collection
from copy import copy
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser._progress import ProgressCallback, ignore_share
from ser._sessions import open_session
from ser._speaker_profile import SpeakerProfile, takes_profile
from ser.classifiers import Classifier
from ser.dataset import TrainingRows
from ser.errors import within
from ser.evaluation._splits import Folds
from ser.parallel import THIS_MACHINE, Workers

Features = NDArray[np.float32]


def fit_classifier(
    classifier: Classifier,
    rows: TrainingRows,
    random_state: int,
    on_progress: ProgressCallback = ignore_share,
) -> Classifier:
    """Return a copy of ``classifier`` fitted to ``rows``."""
    X, y, origins = rows
    # A copy: threads may share the classifier, and a fit changes it.
    estimator = copy(classifier).set_params(random_state=random_state)
    with within("model_config"):
        return estimator.fit(X, y, origins=origins, on_progress=on_progress)


class FoldClassifier:
    """The graph of a fitted classifier, applied to features as in a model behind its front-end.

    Parameters
    ----------
    graph
        An ONNX file from features, float32 of shape (chunks, features), to probabilities.
    """

    def __init__(self, graph: bytes) -> None:
        self._session = open_session(graph)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name
        self.takes_profile = takes_profile(self._session)

    def probabilities(
        self, features: Features, profile: SpeakerProfile | None = None
    ) -> NDArray[np.float32]:
        """Return the probabilities of a sound, float32 of shape (classes,), which sum to 1.

        They are the mean over its chunks, whose ``features`` are of shape (chunks, features).
        """
        inputs = {self._input: features, **(profile.inputs() if profile else {})}
        pooled = np.asarray(self._session.run([self._output], inputs)[0]).mean(axis=0)
        # As in the graph of a model: the mean of many float32 rows does not sum to 1 exactly.
        return np.asarray(pooled / pooled.sum(), np.float32)


class FittedFold(NamedTuple):
    """The graph of a fitted classifier, and the notes of its training."""

    graph: bytes
    notes: list[str]


def fit_without(
    classifier: Classifier, rows: TrainingRows, random_state: int, left_out: Collection[str]
) -> FittedFold:
    """Return ``classifier`` fitted to ``rows`` except those of the utterances ``left_out``."""
    fitted = fit_classifier(classifier, rows.without(left_out), random_state)
    return FittedFold(fitted.to_onnx().SerializeToString(), fitted.notes)


def fit_fold_classifiers(
    classifier: Classifier,
    rows: TrainingRows,
    folds: Folds,
    *,
    random_state: int = 42,
    on_progress: ProgressCallback = ignore_share,
    workers: Workers = THIS_MACHINE,
) -> tuple[dict[str, FoldClassifier], list[str]]:
    """Return a classifier for each fold, fitted without the utterances of the fold.

    Scaling, selection, classifier and calibration are all fitted without these utterances and
    without their copies. The second value holds the notes of all trainings, each once.
    """
    work = partial(fit_without, classifier, rows, random_state)
    fitted = workers.map(work, [*folds.values()], by="processes", on_progress=on_progress)
    notes = dict.fromkeys(note for fold in fitted for note in fold.notes)
    classifiers = {
        name: FoldClassifier(fold.graph) for name, fold in zip(folds, fitted, strict=True)
    }
    return classifiers, [*notes]
