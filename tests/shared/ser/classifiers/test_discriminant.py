"""Calibration of the discriminant, and its adaptation to enrolled speakers and domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ser.classifiers import DiscriminantClassifier, Origins
from ser.classifiers.discriminant._adaptation import (
    DEVIATION_HALF_TRUST,
    EMOTIONAL_SHARE,
    HALF_TRUST,
    Adaptation,
    speaker_scaler,
)
from ser.classifiers.discriminant._calibration import FOLDS
from ser.classifiers.discriminant._fitted import FittedDiscriminant
from ser.classifiers.discriminant._fitting import NO_ENROLMENT, UNCALIBRATED
from ser.classifiers.discriminant._linear import softmax
from ser.classifiers.discriminant._scaling import Scaler
from ser.classifiers.discriminant._sums import Statistics

EMOTIONS, COLUMNS = 4, 60
seeds = st.integers(0, 2**32 - 1)


def speech(
    seed: int, speakers: int = 8, utterances: int = 24, voice: float = 1.0
) -> tuple[NDArray[np.float32], NDArray[np.int64], Origins]:
    """Features that are sums of an emotion, a voice (with the deviation ``voice``) and noise."""
    centres = np.random.default_rng(7).normal(0, 0.5, (EMOTIONS, COLUMNS))
    random = np.random.default_rng(seed)
    speaker = np.repeat(np.arange(speakers), utterances)
    y = np.arange(len(speaker)) % EMOTIONS
    voices = random.normal(0, voice, (speakers, COLUMNS))
    X = centres[y] + voices[speaker] + random.normal(0, 1, (len(y), COLUMNS))
    names = np.arange(len(y)).astype(str)
    origins = Origins(speaker.astype(str), names, np.zeros(len(y), np.int64), names)
    return (X * np.geomspace(0.01, 300, COLUMNS)).astype(np.float32), y, origins


def fit(seed: int = 0, **options: Any) -> DiscriminantClassifier:
    X, y, origins = speech(seed, **options)
    return DiscriminantClassifier().fit(X, y, origins=origins)


def learned(classifier: DiscriminantClassifier) -> FittedDiscriminant:
    assert isinstance(classifier.fitted_, FittedDiscriminant)
    return classifier.fitted_


def session_of(fitted: DiscriminantClassifier) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # optional inputs cause warnings
    return onnxruntime.InferenceSession(fitted.to_onnx().SerializeToString(), options)


def answer(session: onnxruntime.InferenceSession, **inputs: Any) -> NDArray[np.float32]:
    (found,) = session.run(["probabilities"], inputs)
    return np.asarray(found)


def speaker_inputs(X: NDArray[np.float32], count: float) -> dict[str, NDArray[np.float32]]:
    """The inputs of the graph about a speaker whose enrolled sounds have the features ``X``."""
    return {
        "speaker_mean": X.mean(axis=0),
        "speaker_deviation": X.std(axis=0),
        "speaker_count": np.array(count, np.float32),
    }


def domain_inputs(X: NDArray[np.float32], count: float) -> dict[str, NDArray[np.float32]]:
    """The inputs of the graph about a domain whose enrolled sounds have the features ``X``."""
    return {"domain_mean": X.mean(axis=0), "domain_count": np.array(count, np.float32)}


def cross_entropy(probabilities: NDArray[np.floating], y: NDArray[np.int64]) -> float:
    return float(-np.log(probabilities[np.arange(len(y)), y]).mean())


@pytest.mark.parametrize("voice", [0.0, 1.0])
def test_the_confidence_equals_the_accuracy_on_unknown_speakers(voice: float) -> None:
    fitted = fit(voice=voice)
    X, y, _ = speech(1, speakers=60, voice=voice)
    probabilities = fitted.predict_proba(X)
    right = probabilities.argmax(axis=1) == y
    assert abs(probabilities.max(axis=1).mean() - right.mean()) < 0.06
    assert right.mean() > 0.6


def test_leaving_out_whole_speakers_calibrates_better_than_leaving_out_utterances() -> None:
    X, y, origins = speech(0, voice=2)
    unknown = replace(origins, speakers=np.full(len(y), ""))
    unseen, truth, _ = speech(1, speakers=60, voice=2)
    by_speaker, by_utterance = (
        DiscriminantClassifier().fit(X, y, origins=each).predict_proba(unseen)
        for each in (origins, unknown)
    )
    assert cross_entropy(by_speaker, truth) < cross_entropy(by_utterance, truth) - 0.05


def test_copies_are_trained_on_but_not_used_for_calibration() -> None:
    X, y, origins = speech(0)
    wrong = np.arange(len(y)) % 5 == 0
    mislabelled = np.where(wrong, (y + 1) % EMOTIONS, y)
    copies = replace(origins, variants=wrong.astype(np.int64))
    confident, doubtful = (
        DiscriminantClassifier().fit(X, mislabelled, origins=each).predict_proba(X)
        for each in (copies, origins)
    )
    np.testing.assert_array_equal(confident.argmax(axis=1), doubtful.argmax(axis=1))
    assert confident.max(axis=1).mean() > doubtful.max(axis=1).mean() + 0.05


def test_utterances_whose_sorted_names_cycle_through_the_emotions_are_calibrated() -> None:
    y = np.arange(200) % FOLDS
    X = np.random.default_rng(0).normal(0, 1, (200, 5)).astype(np.float32)
    names = np.array([f"{row:03}" for row in range(200)])
    origins = Origins(np.full(200, ""), names, np.zeros(200, np.int64), names)
    fitted = DiscriminantClassifier().fit(X, y, origins=origins)
    assert UNCALIBRATED not in fitted.notes


def test_a_fold_that_contains_all_rows_of_an_emotion_is_skipped() -> None:
    X, y, origins = speech(0, speakers=4)
    one_speaker_is_afraid = (y != 3) | (origins.speakers == "0")
    fitted = DiscriminantClassifier().fit(
        X[one_speaker_is_afraid], y[one_speaker_is_afraid], origins=origins[one_speaker_is_afraid]
    )
    assert UNCALIBRATED not in fitted.notes


def test_utterances_too_few_for_calibration_are_trained_on_with_a_note() -> None:
    X, y, origins = speech(0, speakers=1, utterances=EMOTIONS)
    fitted = DiscriminantClassifier().fit(X, y, origins=origins)
    assert fitted.notes == [UNCALIBRATED, NO_ENROLMENT]
    np.testing.assert_array_equal(fitted.predict_proba(X).argmax(axis=1), y)


def test_the_same_seed_gives_the_same_probabilities() -> None:
    X, _, _ = speech(1)
    np.testing.assert_array_equal(fit().predict_proba(X), fit().predict_proba(X))


def test_with_two_known_speakers_the_graph_has_no_inputs_about_a_speaker() -> None:
    fitted = fit(speakers=2)
    assert fitted.notes == [NO_ENROLMENT]
    inputs = [value.name for value in fitted.to_onnx().graph.input]
    assert inputs == ["features", "domain_mean", "domain_count"]


def test_without_enrolled_sounds_the_graph_gives_the_ordinary_probabilities() -> None:
    fitted, (X, _, _) = fit(), speech(1)
    session = session_of(fitted)
    assert fitted.notes == []
    ordinary = answer(session, features=X)
    unmoved = answer(
        session, features=X, **speaker_inputs(X[:9], count=0), **domain_inputs(X[9:], count=0)
    )
    np.testing.assert_array_equal(ordinary, unmoved)
    np.testing.assert_allclose(ordinary, fitted.predict_proba(X), atol=1e-5)


@given(seed=seeds, count=st.integers(0, 300), heard=st.integers(0, 300))
@settings(deadline=None, max_examples=20)
def test_the_graph_compares_sounds_with_a_speaker_inside_a_domain(
    seed: int, count: int, heard: int
) -> None:
    classifier = fit()
    fitted = learned(classifier)
    adaptation = fitted.adaptation
    assert adaptation
    X, _, _ = speech(seed, speakers=1)
    others, _, _ = speech(seed + 1, speakers=3)
    domain = heard / (heard + HALF_TRUST)
    prior = domain * others.mean(axis=0, dtype=np.float64) + (1 - domain) * fitted.scaler.mean
    own = scaler_of_enrolled(adaptation, prior, X, count)
    known = 1 - (1 - domain) * (1 - count / (count + HALF_TRUST))
    expected = known * adaptation.discriminant.scores(own.standardise(X))
    moved = replace(fitted.scaler, mean=own.mean)
    expected += (1 - known) * fitted.ordinary.scores(moved.standardise(X))
    inputs = speaker_inputs(X, count) | domain_inputs(others, heard)
    found = answer(session_of(classifier), features=X, **inputs)
    np.testing.assert_allclose(found, softmax(expected), atol=1e-4)


def scaler_of_enrolled(
    adaptation: Adaptation, prior: NDArray[np.float64], X: NDArray[np.float32], count: int
) -> Scaler:
    """As in a training, but a share of the offset that emotions can explain is left out."""
    offset = (X.mean(axis=0) - prior) / adaptation.population.deviation
    explained = offset @ adaptation.directions.T @ adaptation.directions
    moved = X - EMOTIONAL_SHARE * explained * adaptation.population.deviation
    return speaker_scaler(adaptation.population, prior, enrolled(moved, count))


def enrolled(X: NDArray[np.floating], count: int) -> Statistics:
    """The statistics of the features ``X`` of ``count`` sounds."""
    wide = X.astype(np.float64)
    return Statistics(len(X), count, wide.mean(axis=0), wide.std(axis=0).astype(np.float32))


def test_enrolled_sounds_weigh_as_much_as_the_population_at_half_trust() -> None:
    population = Scaler(np.zeros(1), np.ones(1), limit=3.0)
    own, prior = np.array([[3.0], [5.0]]), np.array([1.0])
    mean = speaker_scaler(population, prior, enrolled(own, int(HALF_TRUST))).mean
    assert mean == pytest.approx((4 + 1) / 2)
    wide = enrolled(3 * own, int(DEVIATION_HALF_TRUST))
    deviation = speaker_scaler(population, prior, wide).deviation
    assert deviation == pytest.approx(np.sqrt(5))


def test_ten_enrolled_sounds_of_a_single_emotion_do_no_harm() -> None:
    session = session_of(fit(speakers=12, voice=0.5))
    losses: dict[int, list[float]] = {0: [], 10: []}
    for seed in range(1, 13):
        X, y, _ = speech(seed, speakers=1, utterances=192, voice=0.5)
        for count, loss in losses.items():
            enrolled = X[y == seed % EMOTIONS][:10]
            inputs = {"features": X[96:], **speaker_inputs(enrolled, count)}
            loss.append(cross_entropy(answer(session, **inputs), y[96:]))
    assert np.mean(losses[10]) < np.mean(losses[0]) + 0.05


@given(seed=seeds)
@settings(deadline=None, max_examples=10)
def test_neither_the_unit_nor_the_origin_of_a_feature_matters(seed: int) -> None:
    X, y, origins = speech(0)
    random = np.random.default_rng(seed)
    changed = X * random.uniform(0.5, 2, COLUMNS) + random.normal(0, 1, COLUMNS)
    first, second = (
        DiscriminantClassifier().fit(each, y, origins=origins).predict_proba(each)
        for each in (X, changed)
    )
    np.testing.assert_allclose(first, second, atol=1e-3)


@given(order=st.permutations(range(EMOTIONS)))
@settings(deadline=None, max_examples=10)
def test_the_order_of_the_labels_does_not_matter(order: list[int]) -> None:
    X, y, origins = speech(0)
    renamed = np.array(order)[y]
    first, second = (
        DiscriminantClassifier().fit(X, each, origins=origins).predict_proba(X)
        for each in (y, renamed)
    )
    np.testing.assert_allclose(second[:, order], first, atol=1e-5)


def test_more_enrolled_sounds_lower_the_cross_entropy_of_an_unusual_voice() -> None:
    session = session_of(fit(speakers=12, voice=1.5))
    losses = []
    for count in (0, 4, 20, 96):
        loss = []
        for seed in range(1, 13):
            X, y, _ = speech(seed, speakers=1, utterances=192, voice=1.5)
            inputs = {"features": X[96:], **speaker_inputs(X[: count or 1], count)}
            loss.append(cross_entropy(answer(session, **inputs), y[96:]))
        losses.append(float(np.mean(loss)))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.5 * losses[0]


def test_rows_of_unknown_speakers_do_not_affect_the_enrolment() -> None:
    X, y, origins = speech(0)
    unknown = np.arange(len(y)) % 6 == 0
    hidden = replace(origins, speakers=np.where(unknown, "", origins.speakers))
    # In another order, with other labels: the mean of all rows, which counts, is the same.
    scrambled = X.copy()
    scrambled[unknown] = X[unknown][::-1]
    first, second = (
        learned(DiscriminantClassifier().fit(each, y, origins=hidden)) for each in (X, scrambled)
    )
    assert first.adaptation
    assert second.adaptation
    weights = first.adaptation.discriminant.weights
    np.testing.assert_allclose(weights, second.adaptation.discriminant.weights, rtol=1e-6)
    assert np.abs(first.ordinary.weights - second.ordinary.weights).max() > 1e-3


def test_the_deviation_is_that_from_the_mean_of_the_own_speaker() -> None:
    X, y, origins = speech(0, voice=9)
    adaptation = learned(DiscriminantClassifier().fit(X, y, origins=origins)).adaptation
    assert adaptation
    own = X.astype(np.float64).reshape(8, 24, COLUMNS)
    within = (own - own.mean(axis=1, keepdims=True)).reshape(-1, COLUMNS).std(axis=0)
    np.testing.assert_allclose(adaptation.population.deviation, within)


def test_a_constant_feature_and_speakers_with_one_utterance_give_valid_probabilities() -> None:
    X, y, origins = speech(0, speakers=40, utterances=1)
    X[:, 5] = 0.1
    fitted = DiscriminantClassifier().fit(X, y, origins=origins)
    found = answer(session_of(fitted), features=X, **speaker_inputs(X[:3], 3))
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def corpora_of(
    seeds: Sequence[int], speakers: int = 6, strangeness: float = 1.5
) -> tuple[NDArray[np.float32], NDArray[np.int64], Origins]:
    """Speech of several corpora, each with an offset of its own."""
    parts = []
    for seed in seeds:
        X, y, origins = speech(seed, speakers=speakers, voice=0.3)
        offset = np.random.default_rng(100 + seed).normal(0, strangeness, COLUMNS)
        X += (offset * np.geomspace(0.01, 300, COLUMNS)).astype(np.float32)
        prefix = f"{seed}:"
        names = np.char.add(prefix, origins.names)
        corpus = np.full(len(y), str(seed))
        speaker = np.char.add(prefix, origins.speakers)
        parts.append((X, y, Origins(speaker, names, origins.variants, names, corpus)))
    Xs, ys, origin = zip(*parts, strict=True)
    fields = ("speakers", "names", "variants", "takes", "corpora")
    joined = Origins(*(np.concatenate([getattr(o, name) for o in origin]) for name in fields))
    return np.concatenate(Xs), np.concatenate(ys), joined


@pytest.mark.parametrize("known", ["corpora and speakers", "corpora", "nothing"])
def test_more_unlabelled_sounds_lower_the_cross_entropy_in_a_new_domain(known: str) -> None:
    X, y, origins = corpora_of(range(4))
    if known != "corpora and speakers":
        origins = replace(origins, speakers=np.full(len(y), ""))
    if known == "nothing":
        origins = replace(origins, corpora=np.full(len(y), ""))
    session = session_of(DiscriminantClassifier().fit(X, y, origins=origins))
    losses = []
    for count in (0, 5, 20, 72):
        loss = []
        for seed in range(20, 28):
            sounds, truth, _ = corpora_of([seed])
            shuffled = np.random.default_rng(seed).permutation(len(truth))
            heard, asked = shuffled[: count or 1], shuffled[72:]
            inputs = domain_inputs(sounds[heard], count)
            loss.append(
                cross_entropy(answer(session, features=sounds[asked], **inputs), truth[asked])
            )
        losses.append(float(np.mean(loss)))
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.6 * losses[0]


def test_a_temperature_of_several_corpora_is_that_of_a_new_one() -> None:
    X, y, origins = corpora_of(range(4), strangeness=0.6)
    unknown = replace(origins, corpora=np.full(len(y), ""))
    new, truth, _ = corpora_of(range(20, 26), strangeness=0.6)
    by_corpus, by_speaker = (
        DiscriminantClassifier().fit(X, y, origins=each).predict_proba(new)
        for each in (origins, unknown)
    )
    gaps = [
        abs(each.max(axis=1).mean() - (each.argmax(axis=1) == truth).mean())
        for each in (by_corpus, by_speaker)
    ]
    assert gaps[0] < 0.6 * gaps[1]


def test_a_speaker_is_compared_with_the_mean_of_the_enrolled_domain() -> None:
    X, y, origins = corpora_of(range(4))
    session = session_of(DiscriminantClassifier().fit(X, y, origins=origins))
    losses: dict[str, list[float]] = {"domain": [], "speaker": [], "both": []}
    for seed in range(20, 32):
        sounds, truth, _ = corpora_of([seed], speakers=8)
        domain = domain_inputs(sounds[24:], 20)
        speaker = speaker_inputs(sounds[:8], 8)
        options = {"domain": domain, "speaker": speaker, "both": domain | speaker}
        for name, inputs in options.items():
            found = answer(session, features=sounds[8:24], **inputs)
            losses[name].append(cross_entropy(found, truth[8:24]))
    means = {name: np.mean(loss) for name, loss in losses.items()}
    assert means["both"] < min(means["domain"], means["speaker"])
