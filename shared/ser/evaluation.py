"""Which utterances are held out, and how well a model does on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ser.corpora import Label, Utterance
from ser.errors import InvalidInput

Split = Literal["utterance", "speaker"]

HELD_OUT_SHARE = 0.1
"""Share of the utterances of each emotion, or of the speakers, that is held out."""


def hold_out(utterances: Sequence[Utterance], split: Split, random_state: int) -> set[str]:
    """Return the names of the utterances that no model may learn from.

    ``"utterance"``: a tenth of those of each emotion, one at the least. ``"speaker"``: all those
    of a tenth of the speakers, one at the least.

    Raises
    ------
    InvalidInput
        There is one emotion or one speaker only, or an emotion would have nothing to learn from.
    """
    refuse_one_emotion(utterances)
    random = np.random.default_rng(random_state)
    if split == "speaker":
        held_out = draw(speakers_of(utterances), random)
        names = {u.name for u in utterances if u.speaker in held_out}
    else:
        codes = sorted({u.code for u in utterances})
        names = {
            name
            for code in codes
            for name in draw([u.name for u in utterances if u.code == code], random)
        }
    refuse_unlearnable(utterances, names)
    return names


def draw(values: Sequence[str], random: np.random.Generator) -> set[str]:
    """Return a tenth of ``values``, one at the least."""
    count = max(1, round(HELD_OUT_SHARE * len(values)))
    return {str(value) for value in random.choice(values, count, replace=False)}


def speaker_folds(utterances: Sequence[Utterance]) -> Iterator[tuple[str, set[str]]]:
    """Yield each speaker with the names of his utterances (leave one speaker out).

    Raises
    ------
    InvalidInput
        As :func:`hold_out`.
    """
    refuse_one_emotion(utterances)
    folds = {
        speaker: {u.name for u in utterances if u.speaker == speaker}
        for speaker in speakers_of(utterances)
    }
    for names in folds.values():
        refuse_unlearnable(utterances, names)
    yield from folds.items()


def speakers_of(utterances: Sequence[Utterance]) -> list[str]:
    """Return who speaks; raise :class:`InvalidInput` if it is one speaker only."""
    speakers = sorted({u.speaker for u in utterances})
    if len(speakers) < 2:
        raise InvalidInput(
            f"speaker {speakers[0]} is the only one of the corpus; "
            "allowed with one speaker: split 'utterance' and evaluation 'holdout'"
        )
    return speakers


def refuse_one_emotion(utterances: Sequence[Utterance]) -> None:
    codes = sorted({u.code for u in utterances})
    if len(codes) < 2:
        raise InvalidInput(
            f"all {len(utterances)} utterances are of one emotion, {codes[0]}; "
            "allowed: two emotions or more"
        )


def refuse_unlearnable(utterances: Sequence[Utterance], held_out: set[str]) -> None:
    learnt = {u.code for u in utterances if u.name not in held_out}
    if missing := sorted({u.code for u in utterances} - learnt):
        raise InvalidInput(
            f"nothing is left to learn {', '.join(missing)} from once {len(held_out)} of the "
            f"{len(utterances)} utterances are held out; "
            "allowed: two utterances or more of each emotion, by two speakers if speakers are "
            "held out"
        )


def metrics(
    labels: Sequence[Label], truth: Sequence[str], probabilities: NDArray[np.float32]
) -> dict[str, Any]:
    """Return how well ``probabilities``, shape (utterances, classes), tell the codes ``truth``.

    ``uar`` is the unweighted average recall, the mean of the recalls of the classes that occur;
    ``wa`` the weighted accuracy, the share of the utterances that are right; ``macro_f1`` the
    mean of the classes' F1. All by scikit-learn.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    codes = [label.code for label in labels]
    guesses = [codes[index] for index in probabilities.argmax(axis=1)]
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, guesses, labels=codes, zero_division=0.0
    )
    occurs = support > 0
    return {
        "uar": float(recall[occurs].mean()),
        "wa": float(np.mean(np.asarray(truth) == np.asarray(guesses))),
        "macro_f1": float(f1[occurs].mean()),
        "per_class": {
            str(label): {
                "recall": float(recall[index]),
                "precision": float(precision[index]),
                "f1": float(f1[index]),
                "support": int(support[index]),
            }
            for index, label in enumerate(labels)
        },
        "confusion_matrix": confusion_matrix(truth, guesses, labels=codes).tolist(),
    }
