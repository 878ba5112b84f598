"""How sure the discriminant is, and what enrolled sounds of a speaker change."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ser.classifiers import DiscriminantClassifier, Origins
from ser.classifiers.discriminant._calibration import FOLDS, Lesson, calibrated
from ser.classifiers.discriminant._classifier import NO_ENROLMENT, UNCALIBRATED, FittedDiscriminant
from ser.classifiers.discriminant._enrolment import (
    HALF_TRUST,
    expected,
    learn_enrolment,
    recordings,
)
from ser.classifiers.discriminant._linear import softmax

EMOTIONS, COLUMNS = 4, 60
seeds = st.integers(0, 2**32 - 1)


def speech(
    seed: int, speakers: int = 8, utterances: int = 24, voice: float = 1.0
) -> tuple[NDArray[np.float32], NDArray[np.int64], Origins]:
    """Features in which emotions, voices (of the deviation ``voice``) and chance add up."""
    centres = np.random.default_rng(7).normal(0, 0.5, (EMOTIONS, COLUMNS))
    random = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), utterances)
    y = np.arange(len(speaker)) % EMOTIONS
    voices = random.normal(0, voice, (speakers, COLUMNS))
    X = centres[y] + voices[speaker] + random.normal(0, 1, (len(y), COLUMNS))
    names = np.arange(len(y)).astype(str)
    origins = Origins(speaker.astype(str), names, np.zeros(len(y), np.int64))
    return (X * np.geomspace(0.01, 300, COLUMNS)).astype(np.float32), y, origins


def fit(seed: int = 0, **kinds: Any) -> FittedDiscriminant:
    X, y, origins = speech(seed, **kinds)
    return DiscriminantClassifier().fit(X, y, origins=origins, random_state=0)


def session_of(fitted: FittedDiscriminant) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it warns of inputs that may be left out
    return onnxruntime.InferenceSession(fitted.to_onnx().SerializeToString(), options)


def told_of(X: NDArray[np.float32], count: float) -> dict[str, NDArray[np.float32]]:
    """What the graph is told of a speaker whose sounds have the features ``X``."""
    return {
        "speaker_mean": X.mean(axis=0),
        "speaker_deviation": X.std(axis=0),
        "speaker_count": np.array(count, np.float32),
    }


def cross_entropy(probabilities: NDArray[np.floating], y: NDArray[np.int64]) -> float:
    return float(-np.log(probabilities[np.arange(len(y)), y]).mean())


@pytest.mark.parametrize("voice", [0.0, 1.0])
def test_of_speakers_never_heard_it_is_as_often_right_as_it_is_sure(voice: float) -> None:
    fitted = fit(voice=voice)
    X, y, _ = speech(1, speakers=60, voice=voice)
    probabilities = fitted.predict_proba(X)
    right = probabilities.argmax(axis=1) == y
    assert abs(probabilities.max(axis=1).mean() - right.mean()) < 0.06
    assert right.mean() > 0.6


def test_that_a_speaker_is_left_out_as_a_whole_makes_it_less_sure() -> None:
    X, y, origins = speech(0, voice=2)
    nobody = origins._replace(speakers=np.full(len(y), ""))
    asked, truth, _ = speech(1, speakers=60, voice=2)
    by_speaker, by_utterance = (
        DiscriminantClassifier().fit(X, y, origins=each, random_state=0).predict_proba(asked)
        for each in (origins, nobody)
    )
    assert cross_entropy(by_speaker, truth) < cross_entropy(by_utterance, truth) - 0.05


def test_copies_are_learned_from_but_do_not_say_how_sure_to_be() -> None:
    X, y, origins = speech(0)
    wrong = np.arange(len(y)) % 5 == 0
    mislabelled = np.where(wrong, (y + 1) % EMOTIONS, y)
    copies = origins._replace(variants=wrong.astype(np.int64))
    surer, less_sure = (
        DiscriminantClassifier().fit(X, mislabelled, origins=each, random_state=0).predict_proba(X)
        for each in (copies, origins)
    )
    np.testing.assert_array_equal(surer.argmax(axis=1), less_sure.argmax(axis=1))
    assert surer.max(axis=1).mean() > less_sure.max(axis=1).mean() + 0.05


def test_utterances_whose_names_take_the_emotions_in_turn_are_calibrated() -> None:
    y = np.arange(200) % FOLDS
    X = np.random.default_rng(0).normal(0, 1, (200, 5)).astype(np.float32)
    names = np.array([f"{row:03}" for row in range(200)])
    origins = Origins(np.full(200, ""), names, np.zeros(200, np.int64))
    fitted = DiscriminantClassifier().fit(X, y, origins=origins, random_state=0)
    assert UNCALIBRATED not in fitted.notes


def test_what_leaves_an_emotion_unlearned_is_not_judged() -> None:
    X, y, origins = speech(0, speakers=4)
    only_one_is_afraid = (y != 3) | (origins.speakers == "0")
    lesson = Lesson.of(
        X[only_one_is_afraid],
        y[only_one_is_afraid],
        Origins(*(each[only_one_is_afraid] for each in origins)),
        random_state=0,
    )
    assert calibrated(lesson.X / lesson.X.std(axis=0), lesson, shrinkage=0.6) is not None


def test_utterances_too_few_to_leave_any_out_are_learned_from_without_a_temperature() -> None:
    X, y, origins = speech(0, speakers=1, utterances=EMOTIONS)
    fitted = DiscriminantClassifier().fit(X, y, origins=origins, random_state=0)
    assert fitted.notes == [UNCALIBRATED, NO_ENROLMENT]
    np.testing.assert_array_equal(fitted.predict_proba(X).argmax(axis=1), y)


def test_the_same_seed_gives_the_same_answer() -> None:
    X, _, _ = speech(1)
    np.testing.assert_array_equal(fit().predict_proba(X), fit().predict_proba(X))


def test_without_known_speakers_there_is_nothing_to_tell_of_one() -> None:
    fitted = fit(speakers=2)
    assert fitted.notes == [NO_ENROLMENT]
    assert [value.name for value in fitted.to_onnx().graph.input] == ["features"]


def test_without_enrolled_sounds_the_answer_is_the_ordinary_one() -> None:
    fitted, (X, _, _) = fit(), speech(1)
    session = session_of(fitted)
    assert fitted.notes == []
    (ordinary,) = session.run(None, {"features": X})
    (unmoved,) = session.run(None, {"features": X, **told_of(X[:9], count=0)})
    np.testing.assert_array_equal(ordinary, unmoved)
    np.testing.assert_allclose(ordinary, fitted.predict_proba(X), atol=1e-5)


@given(seed=seeds, count=st.integers(0, 300))
@settings(deadline=None, max_examples=20)
def test_the_graph_treats_the_enrolled_as_the_training_did(seed: int, count: int) -> None:
    fitted = fit()
    assert fitted.enrolment
    X, _, _ = speech(seed, speakers=1)
    own = expected(fitted.enrolment.everyone, X.astype(np.float64), count)
    enrolled = fitted.enrolment.discriminant.scores(own.standardised(X))
    ordinary = fitted.ordinary.scores(fitted.scaler.standardised(X))
    known = count / (count + HALF_TRUST)
    (answered,) = session_of(fitted).run(None, {"features": X, **told_of(X, count)})
    np.testing.assert_allclose(
        answered, softmax(known * enrolled + (1 - known) * ordinary), atol=1e-4
    )


def test_the_more_sounds_are_enrolled_the_better_a_strange_voice_is_understood() -> None:
    session = session_of(fit(speakers=12, voice=1.5))
    losses = []
    for count in (0, 4, 20, 96):
        loss = []
        for seed in range(1, 13):
            X, y, _ = speech(seed, speakers=1, utterances=192, voice=1.5)
            asked = {"features": X[96:], **told_of(X[: count or 1], count)}
            loss.append(cross_entropy(session.run(None, asked)[0], y[96:]))
        losses.append(float(np.mean(loss)))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.25 * losses[0]


def test_rows_of_unknown_speakers_teach_nothing_of_speakers() -> None:
    X, y, origins = speech(0)
    unknown = np.arange(len(y)) % 6 == 0
    hidden = origins._replace(speakers=np.where(unknown, "", origins.speakers))
    lesson = Lesson.of(X, y, hidden, random_state=0)
    garbled = Lesson.of(np.where(unknown[:, None], 9 * X[::-1], X), y, hidden, random_state=0)
    mean = lesson.X.mean(axis=0)
    first, second = (learn_enrolment(each, mean, 2.0, 0.6) for each in (lesson, garbled))
    assert first
    assert second
    np.testing.assert_array_equal(first.discriminant.weights, second.discriminant.weights)


def test_speakers_vary_about_their_own_means_not_about_each_other() -> None:
    X, y, origins = speech(0, voice=9)
    lesson = Lesson.of(X, y, origins, random_state=0)
    enrolment = learn_enrolment(lesson, lesson.X.mean(axis=0), 2.0, 0.6)
    assert enrolment
    own = lesson.X.reshape(8, 24, COLUMNS)
    within = (own - own.mean(axis=1, keepdims=True)).reshape(-1, COLUMNS).std(axis=0)
    np.testing.assert_allclose(enrolment.everyone.deviation, within)


def test_each_variant_of_a_speaker_is_normalised_by_itself_and_chunks_are_one_sound() -> None:
    origins = Origins(
        np.array(["a", "a", "a", "b", "a", "a"]),
        np.array(["x", "x", "y", "z", "x", "y"]),
        np.array([0, 0, 0, 0, 1, 1]),
    )
    found = {tuple(rows.tolist()): count for rows, count in recordings(origins)}
    assert found == {(0, 1, 2): 2, (3,): 1, (4, 5): 2}


def test_a_feature_that_never_varies_and_speakers_of_one_utterance_do_no_harm() -> None:
    X, y, origins = speech(0, speakers=40, utterances=1)
    X[:, 5] = 0.1
    fitted = DiscriminantClassifier().fit(X, y, origins=origins, random_state=0)
    (answered,) = session_of(fitted).run(None, {"features": X, **told_of(X[:3], 3)})
    np.testing.assert_allclose(answered.sum(axis=1), 1, atol=1e-5)
