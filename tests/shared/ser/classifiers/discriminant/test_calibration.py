"""The parts of the calibration: folds, moments of the other rows, and the temperature."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser.classifiers import ArrayRows, Origins
from ser.classifiers.discriminant._calibration import (
    FEWEST_SPEAKERS,
    FOLDS,
    TrainingSet,
    assign_folds,
    best_temperature,
)
from ser.classifiers.discriminant._linear import Moments, softmax

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
    np.testing.assert_allclose(rest.products, direct.products, atol=1e-9)


@given(seed=seeds, factor=st.floats(0.2, 20))
@settings(deadline=None, max_examples=30)
def test_multiplied_scores_have_a_temperature_multiplied_by_the_same_factor(
    seed: int, factor: float
) -> None:
    random = np.random.default_rng(seed)
    scores = random.normal(0, 1, (300, 3))
    y = (random.random((300, 1)) > softmax(scores).cumsum(axis=1)).sum(axis=1).clip(max=2)
    assert best_temperature(scores * factor, y) == pytest.approx(
        factor * best_temperature(scores, y), rel=1e-3
    )
    assert 0.6 < best_temperature(scores, y) < 1.7


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
    training = TrainingSet.of(ArrayRows(np.ones((rows, 1), np.float32), y, origins), 0)
    assert len(set(training.folds)) == (3 if shared else FOLDS)
    for speaker in set(speakers):
        assert len(set(training.folds[speakers == speaker])) == 1
