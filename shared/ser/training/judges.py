"""Classifiers that have learned from all but some utterances, to be asked about those."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser.classifiers import Classifier
from ser.dataset import TrainingRows
from ser.evaluation import Folds
from ser.parallel import in_parallel
from ser.progress import Report
from ser.speaker_profile import SpeakerProfile

Features = NDArray[np.float32]

QUIET = 3
"""Of onnxruntime's log: errors, and not that some inputs may be left out."""


class Judge:
    """A classifier's graph at work on features: what a model does behind its front-end.

    Parameters
    ----------
    classifier
        The bytes of the graph.
    """

    def __init__(self, classifier: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = QUIET
        self._session = onnxruntime.InferenceSession(classifier, options)
        self._input = self._session.get_inputs()[0].name
        self._output = self._session.get_outputs()[-1].name
        self.takes_profile = bool(self._session.get_overridable_initializers())

    def probabilities(
        self, features: Features, profile: SpeakerProfile | None = None
    ) -> NDArray[np.float32]:
        """Return the probabilities, shape (classes,), of a sound: the mean over its chunks."""
        inputs = {self._input: features, **(profile.inputs() if profile else {})}
        return np.asarray(self._session.run([self._output], inputs)[0].mean(axis=0))


class Fit(NamedTuple):
    """A classifier, what there is to learn from, and what of it must not be learned from."""

    classifier: Classifier
    rows: TrainingRows
    left_out: frozenset[str]
    random_state: int


def fit(work: Fit) -> bytes:
    """Return the graph of the classifier once it has learned."""
    X, y, origins = work.rows.without(work.left_out)
    fitted = work.classifier.fit(X, y, origins=origins, random_state=work.random_state)
    return bytes(fitted.to_onnx().SerializeToString())


def judges(
    classifier: Classifier, rows: TrainingRows, folds: Folds, *, random_state: int, report: Report
) -> dict[str, Judge]:
    """Return for each fold the judge that has never met its utterances nor copies of them.

    Everything is fitted in the fold: scaler, selection, classifier and calibration.
    """
    fits = [Fit(classifier, rows, left_out, random_state) for left_out in folds.values()]
    graphs = in_parallel(fit, fits, by="processes", report=report)
    return {fold: Judge(graph) for fold, graph in zip(folds, graphs, strict=True)}
