"""Utterances for which a model predicts another emotion than the corpus states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ser._labels import Label
from ser.corpora import Utterance

LIKELIEST = 3
"""Number of emotions of each utterance that are listed."""
MOST = 24
"""Maximum number of utterances that are listed."""


def misheard(
    labels: Sequence[Label],
    utterances: Sequence[Utterance],
    probabilities: NDArray[np.float32],
) -> dict[str, Any]:
    """Return the entry ``misheard`` of a manifest.

    ``count`` is the number of all misheard utterances. ``utterances`` lists up to :data:`MOST` of
    them with their likeliest emotions, the most confident errors first.
    """
    names = np.array([str(label) for label in labels])
    codes = np.array([label.code for label in labels])
    true = np.array([utterance.code for utterance in utterances])
    wrong = np.flatnonzero(codes[probabilities.argmax(axis=1)] != true)
    name_of = dict(zip(codes.tolist(), names.tolist(), strict=True))
    ranked = sorted(
        wrong.tolist(),
        key=lambda index: (-float(probabilities[index].max()), utterances[index].name),
    )
    listed = []
    for index in ranked[:MOST]:
        best = np.argsort(-probabilities[index], kind="stable")[:LIKELIEST]
        listed.append(
            {
                "name": utterances[index].name,
                "file": str(utterances[index].file),
                "speaker": utterances[index].speaker,
                "true": name_of[utterances[index].code],
                "likeliest": [
                    [str(names[each]), round(float(probabilities[index, each]), 4)] for each in best
                ],
            }
        )
    return {"count": len(wrong), "of": len(utterances), "utterances": listed}
