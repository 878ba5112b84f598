"""The parts of the calibration: folds, moments of the other rows, and the temperature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from ser.classifiers import ArrayRows, Origins
from ser.classifiers.discriminant._calibration import (
    FEWEST_SPEAKERS,
    FOLDS,
    LOGARITHMS,
    Training,
    assign_folds,
    best_temperature,
    cross_entropies,
    fit_with_folds,
)
from ser.classifiers.discriminant._linear import Discriminant, Moments, softmax
from ser.classifiers.discriminant._scaling import Scaler
from ser.classifiers.discriminant._sums import StandardiseRows

seeds = st.integers(0, 2**32 - 1)


@given(speakers=st.integers(1, 6), unknown=st.booleans(), seed=seeds)
def test_all_rows_of_a_speaker_or_else_of_a_take_share_a_fold(
    speakers: int, unknown: bool, seed: int
) -> None:
    rows, utterances = 60, 25
    names = np.char.add("utterance ", (np.arange(rows) % utterances).astype(str))
    speaker = np.random.default_rng(seed).integers(0, speakers, utterances).astype(str)
    speaker = np.where(unknown & (speaker == "0"), "", speaker)[np.arange(rows) % utterances]
    # Two utterances are one take.
    takes = np.where(names == "utterance 1", "utterance 0", names)
    folds = assign_folds(Origins(speaker, names, np.arange(rows) // utterances, takes), seed)
    by_speaker = len(set(speaker) - {""}) >= FEWEST_SPEAKERS
    groups = np.where((speaker != "") & by_speaker, speaker, takes)
    assert len(set(folds)) == min(FOLDS, len(set(groups)))
    for group in set(groups):
        assert len(set(folds[groups == group])) == 1


@given(seed=seeds, left_out=st.integers(1, 30))
@settings(deadline=None)
def test_subtracting_the_moments_of_some_rows_leaves_those_of_the_others(
    seed: int, left_out: int
) -> None:
    random = np.random.default_rng(seed)
    Z, y = random.normal(0, 1, (40, 5)), random.integers(0, 3, 40)
    rest = Moments.of(Z, y, 3) - Moments.of(Z[:left_out], y[:left_out], 3)
    direct = Moments.of(Z[left_out:], y[left_out:], 3)
    np.testing.assert_array_equal(rest.counts, direct.counts)
    np.testing.assert_allclose(rest.sums, direct.sums, atol=1e-9)
    np.testing.assert_allclose(rest.products, direct.products, rtol=1e-5, atol=1e-4)


@given(seed=seeds, factor=st.floats(0.2, 20))
@settings(deadline=None, max_examples=30)
def test_the_temperature_has_the_lowest_cross_entropy(seed: int, factor: float) -> None:
    random = np.random.default_rng(seed)
    scores = random.normal(0, 1, (300, 3))
    y = (random.random((300, 1)) > softmax(scores).cumsum(axis=1)).sum(axis=1).clip(max=2)
    multiplied = scores * factor

    def cross_entropy(logarithm: float) -> float:
        probabilities = softmax(multiplied / np.exp(logarithm))
        return float(-np.log(probabilities[np.arange(300), y]).sum())

    exact = minimize_scalar(
        cross_entropy, bounds=(-3, 8), method="bounded", options={"xatol": 1e-8}
    )
    found = best_temperature(cross_entropies(multiplied, y))
    assert found is not None
    assert found == pytest.approx(np.exp(exact.x), rel=1e-4)
    assert 0.6 < found / factor < 1.7


@given(seed=seeds, first=st.integers(1, 29))
@settings(deadline=None, max_examples=20)
def test_the_cross_entropy_of_all_rows_is_the_sum_of_those_of_parts(seed: int, first: int) -> None:
    random = np.random.default_rng(seed)
    scores, y = random.normal(0, 1, (30, 4)), random.integers(0, 4, 30)
    parts = cross_entropies(scores[:first], y[:first]) + cross_entropies(scores[first:], y[first:])
    np.testing.assert_allclose(parts, cross_entropies(scores, y))


def test_scores_without_errors_have_the_lowest_temperature_and_wrong_ones_the_highest() -> None:
    scores, y = 50 * np.eye(3), np.arange(3)
    lowest, highest = np.exp(LOGARITHMS[[0, -1]])
    assert best_temperature(cross_entropies(scores, y)) == pytest.approx(lowest)
    assert best_temperature(cross_entropies(scores, (y + 1) % 3)) == pytest.approx(highest)
    assert best_temperature(np.zeros(len(LOGARITHMS))) is None


@pytest.mark.parametrize("shared", [True, False])
def test_corpora_are_left_out_whole_if_no_emotion_occurs_in_one_alone(shared: bool) -> None:
    rows = 60
    y = np.arange(rows) % 3
    names = np.arange(rows).astype(str)
    corpora = np.array(["a", "b", "c"])[np.arange(rows) // 20]
    if not shared:
        y[corpora != "c"] %= 2
    speakers = np.char.add(corpora, (np.arange(rows) % 4).astype(str))
    origins = Origins(speakers, names, np.zeros(rows, np.int64), names, corpora)
    training = Training.of(y, origins, 0)
    assert len(set(training.folds)) == (3 if shared else FOLDS)
    for speaker in set(speakers):
        assert len(set(training.folds[speakers == speaker])) == 1


def test_each_fold_is_left_out_of_its_training_alone() -> None:
    random = np.random.default_rng(0)
    X = random.normal(0, 1, (90, 4)).astype(np.float32)
    y, folds = np.arange(90) % 3, np.arange(90) // 18
    rows = ArrayRows(X, y)
    scaler = Scaler(np.zeros(4), np.ones(4), limit=9.0)
    parts = [np.ones(90, bool), folds != 2, (folds != 1) & (y != 1)]
    trainings = [Training(np.where(part, folds, -1), np.unique(y[part])) for part in parts]
    fitted, left_out = fit_with_folds(rows, StandardiseRows(scaler), trainings, 0.5)

    def expected(kept: NDArray[np.bool_], classes: NDArray[np.int64]) -> NDArray[np.float64]:
        moments = Moments.of(
            X[kept].astype(np.float64), np.searchsorted(classes, y[kept]), len(classes)
        )
        return Discriminant.of(moments, 0.5).weights

    for part, training, calibrated, discriminants in zip(
        parts, trainings, fitted, left_out, strict=True
    ):
        assert calibrated
        weights = calibrated.discriminant.weights
        np.testing.assert_allclose(weights, expected(part, training.classes), atol=1e-5)
        assert {*discriminants} == {*folds[part].tolist()}
        for fold, discriminant in discriminants.items():
            others = expected(part & (folds != fold), training.classes)
            np.testing.assert_allclose(discriminant.weights, others, atol=1e-4)
