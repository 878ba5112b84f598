"""Families of features, and how much each of them matters to a classifier for each emotion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations
from typing import Any, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from ser._labels import Label
from ser.classifiers import Block, Classifier, DiscriminantClassifier, Rows, Table
from ser.evaluation._fold_classifiers import FoldClassifier

Matrix = NDArray[np.float64]

FAMILIES = {
    "pitch": "pitch",
    "energy": "energy",
    "mfcc0": "energy",
    "voicing": "voice quality",
    "hnr": "voice quality",
    "h1_h2": "voice quality",
    "h1_h3": "voice quality",
    "rhythm": "tempo",
}
"""Families of the descriptors of ``Functionals``; all others belong to the spectrum."""
METHODS = {
    "Encoder": "encoder",
    "SpeakerAndGenderAndTextType": "metadata",
    "MFCC": "spectrum",
    "Spectrum": "spectrum",
}
"""Families of methods whose features are of one kind."""
MOST_PAIRS = 45
"""Number of pairs of emotions, those of ten, above which pairs are not compared."""
REPEATS = 5
"""Number of permutations of each family."""
MOST_ROWS = 4_096
"""Number of rows, about, that are permuted."""


class Share(TypedDict):
    """The importance of a family."""

    family: str
    share: float
    """Share of the difference of the scores; or the recall that is lost without the family."""
    feature: str
    """The feature of the family that contributes most; empty for permutations."""
    deviation: float
    """The difference in this feature, in its standard deviations; 0 for permutations."""


def family_of(feature: str) -> str:
    """Return the family of a feature.

    >>> from ser.evaluation import family_of
    >>> family_of("Functionals.voiced.delta_pitch.p90")
    'pitch'
    >>> family_of("Functionals.active.flux~energy")
    'correlations'
    """
    method, *parts = feature.split(".")
    if method != "Functionals" or len(parts) < 2:
        return METHODS.get(method, method)
    kind, descriptor = parts[:2]
    if kind == "modulation":
        return "tempo"
    if "~" in descriptor:
        return "correlations"
    return FAMILIES.get(descriptor.removeprefix("delta_"), "spectrum")


def family_importance(
    classifier: Classifier,
    labels: Sequence[Label],
    feature_names: Sequence[str],
    trained_on: Rows,
    held_out: Rows,
    random_state: int = 42,
) -> dict[str, Any]:
    """Return the entry ``families`` of a manifest: what each family of features contributes.

    For the discriminant, ``method`` is ``contribution``: the score of an emotion is a sum over the
    features, so the mean difference of the scores of two groups of utterances is exactly the sum
    of weight times difference of the features. ``emotions`` compares the utterances of an emotion
    with the mean of all emotions, ``pairs`` those of two emotions; the shares of all families sum
    to 1, and a negative one speaks against the emotion.

    For other classifiers, ``method`` is ``permutation``: a share is the recall that is lost on the
    held-out utterances if the features of the family are exchanged between them
    (Breiman, Random forests, Machine Learning 45, 2001, 5-32).
    """
    families = [family_of(name) for name in feature_names]
    if isinstance(classifier, DiscriminantClassifier):
        names = [str(labels[index]) for index in classifier.classes_]
        return contributions(classifier, names, feature_names, families, trained_on)
    recordings = Recordings.of(held_out)
    return permutations(
        lambda features: classifier.classes_[
            most_probable(recordings.utterances, classifier.predict_proba(features))
        ],
        labels,
        families,
        recordings,
        random_state,
    )


def left_out_importance(
    classifiers: Mapping[str, FoldClassifier],
    folds: Sequence[str],
    labels: Sequence[Label],
    feature_names: Sequence[str],
    rows: Rows,
    random_state: int = 42,
) -> dict[str, Any]:
    """Return the entry ``families`` of an evaluation, with the method ``permutation``.

    As :func:`family_importance`; each utterance is predicted by the classifier of its fold, which
    was fitted without it. ``folds`` has the fold of each utterance.
    """
    recordings = Recordings.of(rows)
    fold_of = np.array(folds)[recordings.utterances]
    members = {fold: np.flatnonzero(fold_of == fold) for fold in np.unique(fold_of).tolist()}

    def predict(features: NDArray[np.float32]) -> NDArray[np.intp]:
        probabilities = np.empty((len(features), len(labels)), np.float32)
        for fold, indices in members.items():
            probabilities[indices] = classifiers[fold].of_rows(features[indices])
        return most_probable(recordings.utterances, probabilities)

    families = [family_of(name) for name in feature_names]
    return permutations(predict, labels, families, recordings, random_state)


def contributions(
    classifier: DiscriminantClassifier,
    names: Sequence[str],
    features: Sequence[str],
    families: Sequence[str],
    rows: Rows,
) -> dict[str, Any]:
    """Return the exact contributions to the scores of a discriminant."""
    sums = rows.sum(partial(class_sums, classifier.standardise, rows.y, int(rows.y.max()) + 1))
    means = (sums["sums"] / sums["counts"])[classifier.classes_]
    weights = classifier.weights.T

    def compared(weight: Matrix, difference: Matrix) -> list[Share]:
        return grouped(weight * difference, difference, features, families)

    found: dict[str, Any] = {
        "method": "contribution",
        "emotions": {
            name: compared(weights[k] - weights.mean(axis=0), means[k] - means.mean(axis=0))
            for k, name in enumerate(names)
        },
    }
    pairs = [*combinations(range(len(names)), 2)]
    if len(pairs) <= MOST_PAIRS:
        found["pairs"] = [
            {
                "classes": [names[a], names[b]],
                "families": compared(weights[a] - weights[b], means[a] - means[b]),
            }
            for a, b in pairs
        ]
    return found


def class_sums(
    standardise: Callable[[NDArray[np.float32]], Matrix],
    y: NDArray[np.int64],
    classes: int,
    block: Block,
) -> Table[str, Matrix]:
    """Return the sum of the standardised features of the recordings of each class, and counts."""
    recorded = block.recorded
    members = np.eye(classes)[y[recorded.utterances]]
    return Table(
        {"sums": members.T @ standardise(recorded.X), "counts": members.sum(axis=0)[:, None]}
    )


def grouped(
    contribution: Matrix, difference: Matrix, features: Sequence[str], families: Sequence[str]
) -> list[Share]:
    """Return the share of each family in the sum of ``contribution``, the largest first."""
    kinds, total = np.array(families), float(contribution.sum())
    found = []
    for family in dict.fromkeys(families):
        members = np.flatnonzero(kinds == family)
        best = int(members[contribution[members].argmax()])
        found.append(
            Share(
                family=family,
                share=float(contribution[members].sum()) / total if total else 0.0,
                feature=features[best],
                deviation=round(float(difference[best]), 3),
            )
        )
    return sorted(found, key=lambda each: -each["share"])


class Recordings(NamedTuple):
    """Rows of recordings, without those of copies."""

    X: NDArray[np.float32]
    """Features, shape (rows, features)."""
    utterances: NDArray[np.intp]
    """Index of the utterance of each row."""
    y: NDArray[np.int64]
    """Index of the class of each row."""

    @classmethod
    def of(cls, rows: Rows) -> Recordings:
        """Return about :data:`MOST_ROWS` recordings of ``rows``."""
        blocks, count = [], 0
        for block in rows.blocks():
            blocks.append(block.recorded)
            count += len(block.recorded.X)
            if count >= MOST_ROWS:
                break
        utterances = np.concatenate([block.utterances for block in blocks])
        return cls(np.concatenate([block.X for block in blocks]), utterances, rows.y[utterances])


def permutations(
    predict: Callable[[NDArray[np.float32]], NDArray[np.integer[Any]]],
    labels: Sequence[Label],
    families: Sequence[str],
    recordings: Recordings,
    random_state: int,
) -> dict[str, Any]:
    """Return the recall of each emotion that is lost without each family.

    ``predict`` returns the class of the utterance of each row, given the features of the rows.
    """
    X, _, y = recordings
    kinds, random = np.array(families), np.random.default_rng(random_state)

    def recalls(features: NDArray[np.float32]) -> dict[int, float]:
        answered = predict(features)
        return {int(k): float((answered[y == k] == k).mean()) for k in np.unique(y)}

    whole = recalls(X)
    lost: dict[str, dict[int, float]] = {}
    for family in dict.fromkeys(families):
        columns = np.flatnonzero(kinds == family)
        repeated = []
        for _ in range(REPEATS):
            changed = X.copy()
            changed[:, columns] = X[random.permutation(len(X))][:, columns]
            repeated.append(recalls(changed))
        lost[family] = {k: whole[k] - float(np.mean([each[k] for each in repeated])) for k in whole}
    return {
        "method": "permutation",
        "emotions": {
            str(labels[k]): sorted(
                (
                    Share(family=family, share=each[k], feature="", deviation=0.0)
                    for family, each in lost.items()
                ),
                key=lambda each: -each["share"],
            )
            for k in whole
        },
    }


def most_probable(
    utterances: NDArray[np.intp], probabilities: NDArray[np.float32]
) -> NDArray[np.intp]:
    """Return for each row the most probable class of its utterance."""
    _, index = np.unique(utterances, return_inverse=True)
    sums = np.zeros((int(index.max()) + 1, probabilities.shape[1]))
    np.add.at(sums, index, probabilities)
    return np.asarray(sums.argmax(axis=1)[index])
