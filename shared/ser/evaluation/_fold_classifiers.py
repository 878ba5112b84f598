"""Classifiers that have learned from all but some utterances, to be asked about those."""

from __future__ import annotations

from collections.abc import Collection
from copy import copy
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser._progress import Report
from ser._sessions import open_session
from ser._speaker_profile import SpeakerProfile, takes_profile
from ser.classifiers import Classifier
from ser.dataset import TrainingRows
from ser.errors import within
from ser.evaluation._splits import Folds
from ser.parallel import THIS_MACHINE, Workers

Features = NDArray[np.float32]


class Judge:
    """A classifier's graph at work on features: what a model does behind its front-end.

    Parameters
    ----------
    classifier
        The bytes of the graph.
    """

    def __init__(self, classifier: bytes) -> None:
        self._session = open_session(classifier)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name
        self.takes_profile = takes_profile(self._session)

    def probabilities(
        self, features: Features, profile: SpeakerProfile | None = None
    ) -> NDArray[np.float32]:
        """Return the probabilities, shape (classes,), of a sound: the mean over its chunks."""
        inputs = {self._input: features, **(profile.inputs() if profile else {})}
        return np.asarray(self._session.run([self._output], inputs)[0].mean(axis=0))


class Learned(NamedTuple):
    """The graph of a classifier that has learned, and what was decided on the way."""

    graph: bytes
    notes: list[str]


def learn(
    classifier: Classifier, rows: TrainingRows, random_state: int, left_out: Collection[str]
) -> Learned:
    """Return what ``classifier`` makes of ``rows`` without those of the utterances ``left_out``."""
    X, y, origins = rows.without(left_out)
    # A copy: threads may share the classifier, and a fit changes it.
    estimator = copy(classifier).set_params(random_state=random_state)
    with within("model_config"):
        fitted = estimator.fit(X, y, origins=origins)
    return Learned(fitted.to_onnx().SerializeToString(), fitted.notes)


def judges(
    classifier: Classifier,
    rows: TrainingRows,
    folds: Folds,
    *,
    random_state: int,
    report: Report,
    workers: Workers = THIS_MACHINE,
) -> tuple[dict[str, Judge], list[str]]:
    """Return for each fold the judge that has never met its utterances nor copies of them.

    Everything is fitted in the fold: scaler, selection, classifier and calibration. What was
    decided in any of them comes second.
    """
    without = partial(learn, classifier, rows, random_state)
    learned = workers.map(without, [*folds.values()], by="processes", report=report)
    notes = dict.fromkeys(note for each in learned for note in each.notes)
    return {fold: Judge(each.graph) for fold, each in zip(folds, learned, strict=True)}, [*notes]
