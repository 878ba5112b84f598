"""Classifiers of a cross-validation, one for each fold, fitted without its utterances."""

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

FeatureMatrix = NDArray[np.float32]


def fit_classifier(
    classifier: Classifier,
    rows: TrainingRows,
    random_state: int,
    on_progress: ProgressCallback = ignore_share,
) -> Classifier:
    """Return a copy of ``classifier`` fitted to ``rows``."""
    X, y, origins = rows
    # A copy, because threads may share the classifier, and a fit changes it.
    estimator = copy(classifier).set_params(random_state=random_state)
    with within("model_config"):
        return estimator.fit(X, y, origins=origins, on_progress=on_progress)


class FoldClassifier:
    """The graph of a fitted classifier, which is applied to features as in a model.

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
        self, features: FeatureMatrix, profile: SpeakerProfile | None = None
    ) -> NDArray[np.float32]:
        """Return the probabilities of a sound, float32 of shape (classes,); they sum to 1.

        The probabilities are the mean over the chunks of the sound. ``features`` have the shape
        (chunks, features).
        """
        inputs = {self._input: features, **(profile.inputs() if profile else {})}
        pooled = np.asarray(self._session.run([self._output], inputs)[0]).mean(axis=0)
        # As in the graph of a model: a mean of many float32 rows does not sum to exactly 1.
        return np.asarray(pooled / pooled.sum(), np.float32)


class FittedFold(NamedTuple):
    """The graph of a fitted classifier, and the notes of its training."""

    graph: bytes
    notes: list[str]


def fit_without(
    classifier: Classifier, rows: TrainingRows, random_state: int, left_out: Collection[str]
) -> FittedFold:
    """Return ``classifier``, fitted to ``rows`` without those of the utterances ``left_out``."""
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
    """Return a classifier for each fold, fitted without the utterances of the fold, and notes.

    Scaling, classifier and calibration are fitted without these utterances and their copies. The
    notes are those of all trainings, without repetitions.
    """
    work = partial(fit_without, classifier, rows, random_state)
    fitted = workers.map(work, [*folds.values()], by="processes", on_progress=on_progress)
    notes = dict.fromkeys(note for fold in fitted for note in fold.notes)
    classifiers = {
        name: FoldClassifier(fold.graph) for name, fold in zip(folds, fitted, strict=True)
    }
    return classifiers, [*notes]
