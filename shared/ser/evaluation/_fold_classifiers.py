"""Classifiers of an evaluation, each fitted to a part of the utterances."""

from __future__ import annotations

from collections.abc import Collection
from copy import copy

import numpy as np
from numpy.typing import NDArray

from ser._domain_profile import DomainProfile, takes_domain_profile
from ser._progress import ProgressCallback, ignore_share
from ser._sessions import open_session
from ser._speaker_profile import SpeakerProfile, takes_profile
from ser.classifiers import Classifier, LeaveOut, Rows
from ser.errors import within
from ser.evaluation._splits import Folds
from ser.parallel import THIS_MACHINE, Workers

FeatureMatrix = NDArray[np.float32]


def fit_classifier(
    classifier: Classifier,
    rows: Rows,
    random_state: int,
    on_progress: ProgressCallback = ignore_share,
) -> Classifier:
    """Return a copy of ``classifier`` fitted to ``rows``."""
    # A copy, because threads may share the classifier, and a fit changes it.
    estimator = copy(classifier).set_params(random_state=random_state)
    with within("model_config"):
        return estimator.fit_rows(rows, on_progress=on_progress)


class FoldClassifier:
    """The graph of a fitted classifier, which is applied to features as in a model.

    Parameters
    ----------
    graph
        An ONNX file from features, float32 of shape (chunks, features), to probabilities.
    """

    def __init__(self, graph: bytes) -> None:
        self._graph = graph
        self._session = open_session(graph)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name
        self.takes_profile = takes_profile(self._session)
        self.takes_domain = takes_domain_profile(self._session)

    def __reduce__(self) -> tuple[type[FoldClassifier], tuple[bytes]]:
        # A session cannot be pickled, so another process opens a new one.
        return type(self), (self._graph,)

    def probabilities(
        self,
        features: FeatureMatrix,
        profile: SpeakerProfile | None = None,
        domain: DomainProfile | None = None,
    ) -> NDArray[np.float32]:
        """Return the probabilities of a sound, float32 of shape (classes,); they sum to 1.

        The probabilities are the mean over the chunks of the sound. ``features`` have the shape
        (chunks, features).
        """
        pooled = self.of_rows(features, profile, domain).mean(axis=0)
        # As in the graph of a model: a mean of many float32 rows does not sum to exactly 1.
        return np.asarray(pooled / pooled.sum(), np.float32)

    def of_rows(
        self,
        features: FeatureMatrix,
        profile: SpeakerProfile | None = None,
        domain: DomainProfile | None = None,
    ) -> NDArray[np.float32]:
        """Return the probabilities of each row of ``features``, float32 of (rows, classes)."""
        inputs = {
            self._input: features,
            **(profile.inputs() if profile else {}),
            **(domain.inputs() if domain else {}),
        }
        return np.asarray(self._session.run([self._output], inputs)[0])


def fit_classifiers(
    classifier: Classifier,
    rows: Rows,
    trainings: Collection[frozenset[str]],
    *,
    random_state: int = 42,
    leave_out: LeaveOut = "exact",
    on_progress: ProgressCallback = ignore_share,
    workers: Workers = THIS_MACHINE,
) -> tuple[dict[frozenset[str], FoldClassifier], list[str]]:
    """Return a classifier for each of ``trainings``, and the notes of all, without repetitions.

    A training is the set of the names of its utterances. Scaling, classifier and calibration are
    fitted to these utterances and their copies alone; but if ``leave_out`` is ``"differences"``,
    scaling is fitted to all of ``rows``.
    """
    chosen = [*dict.fromkeys(trainings)]
    parts = [np.isin(rows.origins.names, [*names]) for names in chosen]
    estimator = copy(classifier).set_params(random_state=random_state)
    with within("model_config"):
        fitted = estimator.fit_parts(
            rows, parts, leave_out=leave_out, on_progress=on_progress, workers=workers
        )
    notes = dict.fromkeys(note for each in fitted for note in each.notes)
    classifiers = {
        names: FoldClassifier(each.graph) for names, each in zip(chosen, fitted, strict=True)
    }
    return classifiers, [*notes]


def fit_fold_classifiers(
    classifier: Classifier,
    rows: Rows,
    folds: Folds,
    *,
    random_state: int = 42,
    leave_out: LeaveOut = "exact",
    on_progress: ProgressCallback = ignore_share,
    workers: Workers = THIS_MACHINE,
) -> tuple[dict[str, FoldClassifier], list[str]]:
    """Return a classifier for each fold, fitted without the utterances of the fold, and notes.

    ``leave_out`` is that of :func:`fit_classifiers`.
    """
    everything = frozenset(rows.origins.names.tolist())
    others = {fold: everything - names for fold, names in folds.items()}
    classifiers, notes = fit_classifiers(
        classifier,
        rows,
        others.values(),
        random_state=random_state,
        leave_out=leave_out,
        on_progress=on_progress,
        workers=workers,
    )
    return {fold: classifiers[names] for fold, names in others.items()}, notes
