"""Answers of POST /predict as predictions of the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ser._labels import Label
from ser._prediction import Prediction, Probabilities, emotion_keys
from ser.client._errors import error_of
from ser.errors import RemoteFailed, SerError

SEPARATOR = " - "
"""Between the code and the name of a label, as in ``A - Angst``."""


def labels_of(texts: Sequence[str], emotions: Sequence[str]) -> tuple[Label, ...]:
    """Return the labels of a model from an answer of GET /models/<id>.

    Examples
    --------
    >>> from ser.client._answers import labels_of
    >>> labels_of(["A - Angst"], ["fear"])
    (Label(code='A', name='Angst', emotion='fear'),)
    """
    return tuple(
        Label(code, name, emotion)
        for (code, _, name), emotion in zip(
            (text.partition(SEPARATOR) for text in texts), emotions, strict=True
        )
    )


def prediction_of(
    answer: Mapping[str, Any], labels: Sequence[Label], index: int = 0
) -> Prediction | SerError:
    """Return the prediction for a sound of ``answer``, or the error that it reports.

    Parameters
    ----------
    labels
        The labels of the model, in any order.
    index
        Place of the sound in the request.
    """
    if "errors" in answer and (problem := answer["errors"][index]):
        return error_of(problem)
    try:
        shares: Mapping[str, float] = answer["probabilities"][index]
        # Objects of JSON have no order.
        ordered = [label for label in labels if str(label) in shares]
        array = np.array([shares[str(label)] for label in ordered], dtype=np.float32)
        chosen = answer["prediction"][index]
        code_to_label = {label.code: label for label in labels}
        return Prediction(
            label=None if chosen is None else code_to_label[chosen],
            probabilities=Probabilities(emotion_keys(ordered), array),
            speech=answer["speech"][index],
            too_short=answer["too_short"][index],
            familiarity=answer["familiarity"][index],
            reason=answer["reason"][index],
        )
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise RemoteFailed(
            f"the server answered without {error}; allowed: servers of this version"
        ) from error
