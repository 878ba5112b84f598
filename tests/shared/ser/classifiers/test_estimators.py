"""Classifiers work as scikit-learn's own do: in its cross-validation, pipelines and searches."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    LeaveOneGroupOut,
    cross_val_predict,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ser.classifiers import MODEL_TYPES, Classifier, DiscriminantClassifier, Origins
from ser.errors import InvalidInput

SPEAKERS = np.repeat(np.array(["03", "08", "09", "10"]), 15)
LABELS = np.array(["anger", "boredom", "sadness"])[np.arange(60) % 3]
NAMES = np.arange(60).astype(str)
ORIGINS = Origins(SPEAKERS, NAMES, np.zeros(60, np.int64), NAMES)
FEW: dict[str, dict[str, Any]] = {
    "KerasClassifier": {"epochs": 15, "lr": 0.02, "batch_size": 8},
    "RandomForestClassifier": {"n_estimators": 10},
    "XGBoostClassifier": {"n_estimators": 5, "colsample_bytree": 1.0},
}
"""Hyper-parameters for a short training."""


def features(seed: int = 0) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return random.normal(0, 1, (3, 8))[np.arange(60) % 3] * 2 + random.normal(0, 0.5, (60, 8))


X = features()


def estimator(kind: str) -> Classifier:
    return MODEL_TYPES[kind](**FEW.get(kind, {}))


@pytest.mark.parametrize("kind", MODEL_TYPES)
def test_cross_validation_leaves_speakers_out_with_string_labels_and_origins(kind: str) -> None:
    found = cross_validate(
        estimator(kind),
        X,
        LABELS,
        groups=SPEAKERS,
        cv=LeaveOneGroupOut(),
        params={"origins": ORIGINS},
        scoring=["balanced_accuracy", "neg_log_loss"],
        return_estimator=True,
        error_score="raise",
    )
    assert found["test_balanced_accuracy"].min() > 0.6
    assert [each.classes_.tolist() for each in found["estimator"]] == [sorted(set(LABELS))] * 4


@pytest.mark.parametrize("kind", MODEL_TYPES)
def test_a_pipeline_passes_origins_to_the_classifier(kind: str) -> None:
    found = cross_validate(
        make_pipeline(StandardScaler(), estimator(kind)),
        X,
        LABELS,
        groups=SPEAKERS,
        cv=GroupKFold(2),
        params={f"{kind.lower()}__origins": ORIGINS},
        error_score="raise",
    )
    assert found["test_score"].min() > 0.6


def test_origins_reach_the_training_of_each_fold() -> None:
    def notes(**params: Any) -> list[list[str]]:
        found = cross_validate(
            DiscriminantClassifier(), X, LABELS, groups=SPEAKERS, cv=GroupKFold(4), params=params,
            return_estimator=True,
        )  # fmt: skip
        return [each.notes for each in found["estimator"]]

    assert notes(origins=ORIGINS) == [[]] * 4  # three known speakers are left in each fold
    unknown = replace(ORIGINS, speakers=np.full(60, ""))
    assert all("cannot be enrolled" in note for (note,) in notes(origins=unknown))


def test_a_grid_search_chooses_among_hyper_parameters() -> None:
    outlying = X.copy()
    outlying[::7] *= 1000
    search = GridSearchCV(DiscriminantClassifier(), {"limit": np.array([1.5, 100.0])}, cv=3)
    assert search.fit(outlying, LABELS).best_params_ == {"limit": 1.5}
    assert is_classifier(search)


@pytest.mark.parametrize("kind", MODEL_TYPES)
def test_a_clone_has_the_same_parameters_and_is_not_fitted(kind: str) -> None:
    fitted = estimator(kind).fit(X, LABELS)
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert repr(copy) == repr(fitted)
    with pytest.raises(NotFittedError, match="not fitted"):
        copy.predict(X)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of keras
@pytest.mark.parametrize("kind", MODEL_TYPES)
def test_the_fitted_estimator_survives_pickling(kind: str) -> None:
    fitted = estimator(kind).fit(X, LABELS)
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_allclose(again.predict_proba(X), fitted.predict_proba(X), atol=1e-6)
    assert again.predict(X).tolist() == fitted.predict(X).tolist()


@pytest.mark.parametrize("kind", MODEL_TYPES)
def test_the_constructor_has_the_defaults_and_the_names_of_the_request(kind: str) -> None:
    request = MODEL_TYPES[kind].from_config({}, random_state=42)
    assert MODEL_TYPES[kind]().get_params() == request.get_params()
    assert MODEL_TYPES[kind]().get_params().keys() == {
        *MODEL_TYPES[kind].config_type.__struct_fields__,
        "random_state",
    }


def test_predictions_are_the_labels_with_the_highest_probabilities() -> None:
    classifier = DiscriminantClassifier()
    assert classifier.fit(X, LABELS) is classifier
    probabilities = classifier.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)
    assert (
        classifier.predict(X).tolist() == classifier.classes_[probabilities.argmax(axis=1)].tolist()
    )
    assert classifier.score(X, LABELS) == np.mean(classifier.predict(X) == LABELS)
    codes = DiscriminantClassifier().fit(X, 10 * (np.arange(60) % 3)).predict(X)
    assert set(codes) == {0, 10, 20}


def test_hyper_parameters_are_set_by_name_and_unknown_names_refused() -> None:
    classifier = DiscriminantClassifier().set_params(limit=2.0, random_state=1)
    assert classifier.get_params() == {"shrinkage": 0.5, "limit": 2.0, "random_state": 1}
    with pytest.raises(ValueError, match="unknown: limits; allowed: shrinkage, limit"):
        classifier.set_params(limits=1)


def test_fitting_refuses_invalid_hyper_parameters_by_name() -> None:
    with pytest.raises(InvalidInput) as caught:
        DiscriminantClassifier(shrinkage=0, limit=-1).fit(X, LABELS)
    assert [fault.loc for fault in caught.value.faults] == [("shrinkage",), ("limit",)]
    with pytest.raises(ValueError, match="random_state: -1"):
        DiscriminantClassifier(random_state=-1).fit(X, LABELS)


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (X[0], LABELS, "X has the shape"),
        (X[:0], LABELS[:0], "not empty"),
        (np.where(X > 2, np.nan, X), LABELS, "X contains NaN"),
        (X.astype(str).astype(object) + "!", LABELS, "X is not numeric"),
        (X, LABELS[:7], "y has 7 rows; allowed: 60"),
        (X, LABELS[:, None], "y has the shape"),
        (X, X[:, 0], "Unknown label type"),
        (X, np.full(60, np.inf), "Unknown label type"),
    ],
)
def test_fitting_refuses_data_that_do_not_match(features: Any, labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DiscriminantClassifier().fit(features, labels)


def test_fitting_refuses_origins_of_another_number_of_rows() -> None:
    with pytest.raises(ValueError, match="origins has 5 rows; allowed: 60"):
        DiscriminantClassifier().fit(X, LABELS, origins=ORIGINS[:5])


def test_predicting_refuses_another_number_of_features() -> None:
    fitted = DiscriminantClassifier().fit(X, LABELS)
    with pytest.raises(ValueError, match="X has 3 features; allowed: 8"):
        fitted.predict(X[:, :3])


def test_probabilities_of_rows_left_out_come_from_cross_validation() -> None:
    found = cross_val_predict(
        DiscriminantClassifier(),
        X,
        LABELS,
        groups=SPEAKERS,
        cv=GroupKFold(2),
        method="predict_proba",
    )
    assert found.shape == (60, 3)
