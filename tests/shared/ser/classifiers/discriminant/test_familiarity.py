"""The familiarity: uniform for new speakers of the training's kind, low for other recordings."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from ser.classifiers import DiscriminantClassifier, Origins
from ser.classifiers.discriminant._adaptation import HALF_TRUST
from ser.classifiers.discriminant._familiarity import Familiarity
from ser.classifiers.discriminant._fitted import FittedDiscriminant

COLUMNS = 40
MIXING = np.random.default_rng(3).normal(0, 1, (COLUMNS, COLUMNS)) / COLUMNS**0.5
"""Correlates the features, in the same way in all recordings."""


def recordings(
    seed: int, speakers: int = 20, utterances: int = 20, room: float = 0.0
) -> tuple[NDArray[np.float32], Origins]:
    """Features of speakers in a room; 0 is the room of the training."""
    random = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), utterances)
    voices = random.normal(0, 0.5, (speakers, COLUMNS))
    X = (voices[speaker] + random.normal(0, 1, (len(speaker), COLUMNS))) @ MIXING
    X += room * np.random.default_rng(5).choice([-1, 1], COLUMNS)
    names = np.arange(len(speaker)).astype(str)
    origins = Origins(speaker.astype(str), names, np.zeros(len(speaker), np.int64), names)
    return (X * np.geomspace(0.01, 300, COLUMNS)).astype(np.float32), origins


def labels(origins: Origins) -> NDArray[np.int64]:
    """A label for each utterance."""
    return np.asarray(np.unique(origins.names, return_inverse=True)[1] % 3)


def fit(X: NDArray[np.float32], origins: Origins) -> Familiarity:
    found = familiarity_of(X, labels(origins), origins)
    assert found
    return found


def familiarity_of(
    X: NDArray[np.float32], y: NDArray[np.int64], origins: Origins
) -> Familiarity | None:
    fitted = DiscriminantClassifier(random_state=0).fit(X, y, origins=origins).fitted_
    assert isinstance(fitted, FittedDiscriminant)
    return fitted.familiarity


@cache
def learned() -> Familiarity:
    return fit(*recordings(0))


def test_new_speakers_of_the_same_kind_have_a_uniform_familiarity() -> None:
    found = np.concatenate([learned().of(recordings(seed)[0]) for seed in range(1, 6)])
    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert np.mean(found < share) == pytest.approx(share, abs=0.06)


def test_left_out_speakers_are_the_measure_and_not_those_of_the_training() -> None:
    X, _ = recordings(0)
    assert np.mean(learned().of(X) > 0.5) > 0.6


def test_sounds_of_another_room_are_less_familiar_the_more_it_differs() -> None:
    medians = [float(np.median(learned().of(recordings(9, room=room)[0]))) for room in (0, 1, 2, 4)]
    assert medians == sorted(medians, reverse=True)
    assert medians[-1] < 1e-3


def test_the_graph_measures_the_mean_of_the_chunks_and_moves_with_the_domain() -> None:
    X, origins = recordings(0)
    classifier = DiscriminantClassifier(random_state=0).fit(X, labels(origins), origins=origins)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(classifier.to_onnx().SerializeToString(), options)
    chunks, _ = recordings(2, speakers=1, utterances=3, room=1)
    sound = chunks.mean(axis=0, keepdims=True).astype(np.float64)
    (found,) = session.run(["familiarity"], {"features": chunks})
    assert found.shape == ()
    # The axes are in half precision in the graph.
    assert found == pytest.approx(learned().of(sound)[0], rel=1e-2)
    room, _ = recordings(8, room=1)
    inputs = {"domain_mean": room.mean(axis=0), "domain_count": np.array(24, np.float32)}
    (found,) = session.run(["familiarity"], {"features": chunks, **inputs})
    distance = learned().distance
    known = 24 / (24 + HALF_TRUST)
    centres = known * room.mean(axis=0) + (1 - known) * distance.centres
    moved = replace(learned(), distance=replace(distance, centres=centres))
    assert found == pytest.approx(moved.of(sound)[0], rel=1e-3)
    assert found > 10 * learned().of(sound)[0]


def test_sounds_of_each_corpus_are_familiar_and_those_between_them_are_not() -> None:
    (A, first), (B, second) = recordings(0), recordings(1, room=6)
    both = Origins(
        np.concatenate([first.speakers, np.char.add("b", second.speakers)]),
        np.concatenate([first.names, np.char.add("b", second.names)]),
        np.concatenate([first.variants, second.variants]),
        np.concatenate([first.takes, np.char.add("b", second.takes)]),
        np.repeat(["a", "b"], [len(A), len(B)]),
    )
    found = fit(np.concatenate([A, B]), both)
    for room, familiar in ((0, True), (6, True), (3, False)):
        median = np.median(found.of(recordings(4, room=room)[0]))
        assert (median > 0.2) == familiar, room


def test_copies_of_recordings_are_not_familiar_by_themselves() -> None:
    (X, origins), (copies, _) = recordings(0), recordings(0, room=5)
    twice = np.tile(np.arange(len(X)), 2)
    everything = replace(origins[twice], variants=np.repeat([0, 1], len(X)))
    found = fit(np.concatenate([X, copies]), everything)
    np.testing.assert_allclose(found.of(X), learned().of(X), atol=1e-5)


def test_the_chunks_of_an_utterance_count_once() -> None:
    X, origins = recordings(0)
    names = np.array([str(row // 2) for row in range(len(X))])
    pairs = replace(origins, names=names, takes=names)
    means = X.reshape(-1, 2, COLUMNS).mean(axis=1)
    sounds, _ = recordings(4)
    found, expected = fit(X, pairs).of(sounds), fit(means, origins[::2]).of(sounds)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("value", [0.0, 1e12, -1e12])
def test_impossible_features_have_a_familiarity_of_almost_0(value: float) -> None:
    found = learned().of(np.full((1, COLUMNS), value))
    assert 0 <= found[0] < 1e-3 or value == 0


def test_few_utterances_and_constant_features_give_a_number() -> None:
    X, origins = recordings(0, speakers=1, utterances=3)
    X[:, 5] = 0.1
    assert np.isfinite(fit(X, origins).of(X)).all()
    assert np.isfinite(fit(np.ones_like(X), origins).of(X)).all()


def test_one_recording_has_no_familiarity() -> None:
    X, origins = recordings(0, speakers=1, utterances=2)
    same = replace(origins, takes=np.array(["x", "x"]))
    assert familiarity_of(X, np.array([0, 1]), same) is None
