"""Whole trainings from a request: the defaults of the recipe, and its evaluations."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made
from ser import Model, open_registry
from ser.evaluation._degradation import DEGRADATIONS
from ser.service.settings import Settings
from ser.service.training.execution import execute
from ser.service.training.request import read_train_request
from ser.sounds import SAMPLING_RATE, read_sound

SPEAKERS = 4
OF_EACH = 14


def answer(body: dict[str, Any]) -> dict[str, Any]:
    settings = Settings.from_environment()
    return execute(read_train_request(body, settings), settings)


@pytest.fixture
def body(bounds: Path, corpus_zip: Path) -> dict[str, Any]:
    """A request with the model type of our recipe and its places only."""
    shutil.copy(corpus_zip, bounds / "corpus.zip")
    return {
        "data_path": "data",
        "remote_url": "corpus.zip",
        "model_save_path": "model",
        "model_type": "DiscriminantClassifier",
    }


def test_the_recipe_needs_no_other_field(body: dict[str, Any]) -> None:
    trained = answer(body)
    manifest = open_registry("model").model(trained["model_id"]).manifest
    request = manifest["request"]
    assert request["dataset_load_split_at"] is None
    assert list(request["dataset_feature_extract_methods"]) == ["Functionals"]
    assert trained["metrics"]["uar"] > 0.8  # the voices of the corpus differ plainly


def test_a_given_field_overrides_the_default_of_the_recipe(body: dict[str, Any]) -> None:
    trained = answer(
        body | {"dataset_feature_extract_methods": {"MFCC": {}}, "dataset_load_split_at": "max"}
    )
    manifest = open_registry("model").model(trained["model_id"]).manifest
    assert list(manifest["request"]["dataset_feature_extract_methods"]) == ["MFCC"]


def test_the_full_evaluation_has_all_figures(body: dict[str, Any]) -> None:
    trained = answer(body | {"evaluation": "full"})
    loso = trained["loso"]
    assert sorted(loso["per_speaker"]) == sorted(made.SPEAKERS)
    assert sum(map(sum, loso["confusion_matrix"])) == SPEAKERS * OF_EACH
    assert list(trained["degraded"]) == list(DEGRADATIONS)
    for degraded in trained["degraded"].values():
        assert degraded["lost"] == pytest.approx(loso["uar"] - degraded["uar"])
    assert list(trained["heard"]) == ["0.5 s", "1 s", "2 s", "3 s"]
    for heard in trained["heard"].values():
        assert heard["lost"] == pytest.approx(loso["uar"] - heard["uar"])
    # No utterance is longer than 0.8 s.
    assert trained["heard"]["1 s"] == trained["heard"]["3 s"]
    # Some sounds of each speaker must remain to be predicted.
    assert [each["clips"] for each in trained["enrolment"]] == [5, 10, None]
    assert any("20 sounds were not enrolled" in note for note in trained["notes"])
    assert any("no text was left out" in note for note in trained["notes"])
    assert [each["draws"] for each in trained["enrolment"]] == [5, 5, 1]
    # All sounds of this corpus have the same text.
    assert "leave_one_text_out" not in trained


def test_each_text_is_left_out_where_texts_are_known(body: dict[str, Any], bounds: Path) -> None:
    names = [name.replace("a01", text) for name in made.names() for text in ("a01", "b02")]
    sounds = {f"wav/{n}": made.sound(made.signal(n)) for n in names}
    made.archive(bounds / "corpus.zip", sounds)
    trained = answer(body | {"evaluation": "full"})
    assert sum(map(sum, trained["leave_one_text_out"]["confusion_matrix"])) == len(names)


def test_a_model_trained_without_a_speaker_has_the_evaluated_figure_of_that_speaker(
    body: dict[str, Any],
) -> None:
    trained = answer(body | {"split": "speaker", "evaluation": "loso"})
    (speaker,) = {name[:2] for name in trained["test_samples"]}
    published = open_registry("model").model(trained["model_id"])
    model = Model(published.read("model.onnx"))
    right = [
        model.labels[model.predict(signal, SAMPLING_RATE).probabilities.array.argmax()].code
        == name[5]
        for name in trained["test_samples"]
        for signal in [read_sound(published.read(f"samples/{name}"))]
    ]
    # All emotions have the same number of utterances, so the UAR is the accuracy.
    assert np.mean(right) == pytest.approx(trained["loso"]["per_speaker"][speaker])


def test_types_without_speaker_profiles_have_no_figures_of_enrolment(
    body: dict[str, Any],
) -> None:
    fields = {"model_type": "RandomForestClassifier", "model_config": {"n_estimators": 5}}
    trained = answer(body | fields | {"evaluation": "full"})
    assert trained["enrolment"] == []


def test_the_same_request_has_the_same_figures_twice(body: dict[str, Any]) -> None:
    full = body | {
        "evaluation": "full",
        "dataset_augmentation": {"Noise": {"copies": 1}, "Resampling": {"factors": [0.9]}},
    }
    first, second = answer(full), answer(full)
    for figures in ("metrics", "loso", "enrolment", "degraded", "heard"):
        assert first[figures] == second[figures]


def test_copies_are_trained_on_and_not_predicted(body: dict[str, Any]) -> None:
    plain = answer(body | {"evaluation": "loso"})
    augmented = answer(
        body | {"evaluation": "loso", "dataset_augmentation": {"Telephone": {"copies": 2}}}
    )
    predicted = [sum(map(sum, each["loso"]["confusion_matrix"])) for each in (plain, augmented)]
    assert predicted == [SPEAKERS * OF_EACH] * 2
    assert plain["loso"]["reliability"] != augmented["loso"]["reliability"]
