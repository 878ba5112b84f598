"""The graph of each classifier gives the probabilities of its training library."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from ser.classifiers import MODEL_TYPES, DiscriminantClassifier, KerasClassifier
from ser.errors import InvalidInput

TOLERANCE = 1e-5


def data(
    classes: int, rows: int = 150, columns: int = 40
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features on scales as different as those of speech, and classes they separate."""
    random = np.random.default_rng(classes)
    y = np.arange(rows) % classes
    centres = random.normal(0, 1, (classes, columns))
    X = centres[y] + random.normal(0, 1, (rows, columns))
    return (X * np.geomspace(0.01, 300, columns)).astype(np.float32), y


@pytest.mark.parametrize("classes", [2, 7])
@pytest.mark.parametrize("kind", MODEL_TYPES)
def test_the_graph_agrees_with_the_training_library(kind: str, classes: int) -> None:
    X, y = data(classes)
    fitted = MODEL_TYPES[kind](random_state=3).fit(X, y)
    session = onnxruntime.InferenceSession(fitted.to_onnx().SerializeToString())
    unseen, _ = data(classes, rows=400)
    (probabilities,) = session.run(["probabilities"], {"features": unseen})
    expected = fitted.predict_proba(unseen)
    assert expected.shape == (400, classes)
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=TOLERANCE)
    # The probabilities are not constant: they separate the classes.
    assert np.mean(expected.argmax(axis=1) == np.arange(400) % classes) > 1.5 / classes


@pytest.mark.parametrize("kind", sorted(MODEL_TYPES.keys() - {"DiscriminantClassifier"}))
def test_the_seed_determines_the_probabilities(kind: str) -> None:
    X, y = data(5)
    options = {"dropout": 0.3} if kind == "KerasClassifier" else {}
    first, second, other = (
        MODEL_TYPES[kind].from_config(options, random_state=seed).fit(X, y).predict_proba(X)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


def test_every_option_of_a_classifier_reaches_its_library() -> None:
    X, y = data(3)
    forest = MODEL_TYPES["RandomForestClassifier"].from_config(
        {"n_estimators": 7, "max_depth": 2, "min_samples_leaf": 4, "max_features": 0.5},
        random_state=5,
    )
    fitted: Any = forest.fit(X, y).fitted_
    library = fitted.ensemble.get_params()
    assert library | forest.config == library
    assert library["random_state"] == 5
    assert max(tree.get_depth() for tree in fitted.ensemble.estimators_) == 2


def test_the_discriminant_equals_that_of_scikit_learn_up_to_its_temperature() -> None:
    X, y = data(3)
    X[0] *= 1000  # clipped by the limit
    Z = np.clip((X - X.mean(axis=0)) / X.std(axis=0), -1.5, 1.5).astype(np.float64)
    reference = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3).fit(Z, y)
    fitted = DiscriminantClassifier(shrinkage=0.3, limit=1.5).fit(X, y)
    logarithms = np.log(fitted.predict_proba(X)), reference.predict_log_proba(Z)
    differences = [scores - scores[:, :1] for scores in logarithms]
    temperature = differences[1].std() / differences[0].std()
    np.testing.assert_allclose(differences[0] * temperature, differences[1], atol=1e-3)


def test_the_discriminant_assumes_equal_prior_probabilities() -> None:
    y = np.repeat([0, 1], [30, 10])
    X = (2.0 * y + np.where(np.arange(40) % 2, 0.5, -0.5))[:, None].astype(np.float32)
    # A low limit would move the mean of a class.
    fitted = DiscriminantClassifier(limit=100).fit(X, y)
    midway = fitted.predict_proba(np.ones((1, 1), np.float32))
    np.testing.assert_allclose(midway, [[0.5, 0.5]], atol=1e-5)


def test_the_discriminant_learns_from_one_utterance_per_emotion_and_a_constant_feature() -> None:
    X, y = data(4, rows=4)
    X[:, 7] = 0.1
    fitted = DiscriminantClassifier().fit(X, y)
    np.testing.assert_array_equal(fitted.predict_proba(X).argmax(axis=1), y)
    X[:, 7] = 1000
    np.testing.assert_array_equal(fitted.predict_proba(X).argmax(axis=1), y)


def test_the_network_reports_its_progress_after_each_epoch() -> None:
    X, y = data(3)
    shares: list[float] = []
    KerasClassifier(epochs=4).fit(X, y, on_progress=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


def test_a_default_input_dim_above_the_maximum_is_lowered_to_it_with_a_note() -> None:
    X, y = data(3)
    fitted = KerasClassifier(epochs=1).fit(X, y)
    assert fitted.config["input_dim"] == 40
    assert "40 instead of 500" in fitted.notes[0]
    assert KerasClassifier(epochs=1, input_dim=12).fit(X, y).notes == []


def test_an_explicit_input_dim_above_the_maximum_is_refused_and_the_maximum_named() -> None:
    X, y = data(3)
    with pytest.raises(InvalidInput, match="input_dim: 41; allowed: at most 40"):
        KerasClassifier(input_dim=41).fit(X, y)


@pytest.mark.parametrize(
    ("kind", "config", "field"),
    [
        ("KerasClassifier", {"lr": 0}, "lr"),
        ("KerasClassifier", {"dropout": 1}, "dropout"),
        ("KerasClassifier", {"epochs": "twenty"}, "epochs"),
        ("KerasClassifier", {"input_dim": 0}, "input_dim"),
        ("RandomForestClassifier", {"max_features": "all"}, "max_features"),
        ("XGBoostClassifier", {"learning_rate": 2}, "learning_rate"),
        ("XGBoostClassifier", {"lr": 0.1}, "lr"),
        ("DiscriminantClassifier", {"shrinkage": 0}, "shrinkage"),
        ("DiscriminantClassifier", {"limit": -1}, "limit"),
    ],
)
def test_an_invalid_config_is_refused_with_the_name_of_the_field(
    kind: str, config: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        MODEL_TYPES[kind].from_config(config)
    assert [fault.loc for fault in caught.value.faults] == [(field,)]
