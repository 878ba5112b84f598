"""The importance of families of features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ser._labels import Label
from ser.classifiers import ArrayRows, DiscriminantClassifier, Origins, RandomForestClassifier
from ser.evaluation import family_importance, family_of

LABELS = (Label("T", "Trauer", "sadness"), Label("W", "Wut", "anger"))
NAMES = (
    *("Functionals.voiced.pitch.mean", "Functionals.active.energy.mean"),
    *("Functionals.active.mfcc3.mean", "Functionals.modulation.band0.3hz"),
)


@pytest.mark.parametrize(
    ("feature", "family"),
    [
        ("Functionals.voiced.pitch.p50", "pitch"),
        ("Functionals.active.delta_mfcc0.slope", "energy"),
        ("Functionals.active.mfcc1.slope", "spectrum"),
        ("Functionals.voiced.delta_hnr.p10", "voice quality"),
        ("Functionals.active.rhythm.rate", "tempo"),
        ("Functionals.modulation.band5.16hz", "tempo"),
        ("Functionals.voiced.pitch~mfcc2", "correlations"),
        ("MFCC.3", "spectrum"),
        ("Encoder.17", "encoder"),
        ("Another.1", "Another"),
    ],
)
def test_each_feature_has_a_family(feature: str, family: str) -> None:
    assert family_of(feature) == family


def rows(seed: int, count: int = 200) -> ArrayRows:
    """Utterances of which pitch, and less so energy, are higher in anger."""
    random = np.random.default_rng(seed)
    y = np.arange(count) % 2
    X = random.normal(0, 1, (count, 4))
    X[:, 0] += 3 * y
    X[:, 1] += y
    return ArrayRows(X.astype(np.float32), y, Origins.unknown(count))


def test_the_shares_of_a_discriminant_are_those_of_the_mean_difference_of_its_scores() -> None:
    classifier = DiscriminantClassifier()
    classifier.fit_rows(rows(1))
    found: dict[str, Any] = family_importance(classifier, LABELS, NAMES, rows(1), rows(2))
    assert found["method"] == "contribution"
    (pair,) = found["pairs"]
    shares = {each["family"]: each["share"] for each in pair["families"]}
    assert sum(shares.values()) == pytest.approx(1)
    assert [*shares][:2] == ["pitch", "energy"]
    X, y = rows(1).as_arrays()
    Z, weight = classifier.standardise(X), classifier.weights[:, 0] - classifier.weights[:, 1]
    scores = Z * weight
    difference = scores[y == 0].mean(axis=0) - scores[y == 1].mean(axis=0)
    assert shares["pitch"] == pytest.approx(difference[0] / difference.sum())


def test_other_classifiers_lose_recall_without_the_families_that_they_use() -> None:
    classifier = RandomForestClassifier()
    classifier.fit_rows(rows(1))
    found: dict[str, Any] = family_importance(classifier, LABELS, NAMES, rows(1), rows(2))
    assert found["method"] == "permutation"
    for shares in found["emotions"].values():
        assert shares[0]["family"] == "pitch"
        assert shares[0]["share"] > 0.2
        lost = {each["family"]: each["share"] for each in shares}
        assert abs(lost["tempo"]) < 0.1
