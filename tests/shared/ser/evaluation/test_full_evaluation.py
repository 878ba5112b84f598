"""What a recipe is worth to those it never met, through a training as a whole."""

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
    """The request of our recipe: nothing but where from, where to and which one."""
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
    assert trained["metrics"]["uar"] > 0.9  # the tones of the corpus differ plainly


def test_a_field_that_is_given_goes_before_that_of_the_recipe(body: dict[str, Any]) -> None:
    trained = answer(
        body | {"dataset_feature_extract_methods": {"MFCC": {}}, "dataset_load_split_at": "max"}
    )
    manifest = open_registry("model").model(trained["model_id"]).manifest
    assert list(manifest["request"]["dataset_feature_extract_methods"]) == ["MFCC"]


def test_the_full_evaluation_tells_all_figures(body: dict[str, Any]) -> None:
    trained = answer(body | {"evaluation": "full"})
    loso = trained["loso"]
    assert sorted(loso["per_speaker"]) == sorted(made.SPEAKERS)
    assert sum(map(sum, loso["confusion_matrix"])) == SPEAKERS * OF_EACH
    assert list(trained["degraded"]) == list(DEGRADATIONS)
    for degraded in trained["degraded"].values():
        assert degraded["lost"] == pytest.approx(loso["uar"] - degraded["uar"])
    # No more clips are enrolled than leave some to judge.
    assert [each["clips"] for each in trained["enrolment"]] == [5, 10, None]
    assert any("20 sounds were not enrolled" in note for note in trained["notes"])
    assert any("no text was left out" in note for note in trained["notes"])
    assert [each["draws"] for each in trained["enrolment"]] == [5, 5, 1]
    # All of these tones say one text.
    assert "leave_one_text_out" not in trained


def test_each_text_is_left_out_where_texts_are_known(body: dict[str, Any], bounds: Path) -> None:
    names = [name.replace("a01", text) for name in made.names() for text in ("a01", "b02")]
    sounds = {f"wav/{n}": made.sound(made.signal(n)) for n in names}
    made.archive(bounds / "corpus.zip", sounds)
    trained = answer(body | {"evaluation": "full"})
    assert sum(map(sum, trained["leave_one_text_out"]["confusion_matrix"])) == len(names)


def test_the_speaker_left_out_is_judged_as_by_a_model_that_never_met_him(
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
    # As many utterances of each emotion: the mean of the recalls is the share of what is right.
    assert np.mean(right) == pytest.approx(trained["loso"]["per_speaker"][speaker])


def test_types_that_do_not_ask_who_speaks_have_no_figures_of_enrolment(
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
    for figures in ("metrics", "loso", "enrolment", "degraded"):
        assert first[figures] == second[figures]


def test_copies_are_trained_on_and_never_judged(body: dict[str, Any]) -> None:
    plain = answer(body | {"evaluation": "loso"})
    augmented = answer(
        body | {"evaluation": "loso", "dataset_augmentation": {"Telephone": {"copies": 2}}}
    )
    judged = [sum(map(sum, each["loso"]["confusion_matrix"])) for each in (plain, augmented)]
    assert judged == [SPEAKERS * OF_EACH] * 2
    assert plain["loso"]["reliability"] != augmented["loso"]["reliability"]
