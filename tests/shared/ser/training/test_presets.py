"""Presets: the fields that they fill in, and the refusal where an encoder is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ser
import weights
from ser._schemas import parse
from ser.encoders import EncoderSources
from ser.errors import InvalidInput
from ser.training import PRESETS, Recipe, with_default_preset, with_defaults

GIVEN: dict[str, Any] = {
    "dataset_load_split_at": "max",
    "dataset_feature_extract_methods": {"MFCC": {}},
    "dataset_augmentation": {"Clipping": {"copies": 2}},
    "random_state": 7,
}


def recipe(**fields: Any) -> Recipe:
    return parse(Recipe, with_defaults(fields))


def faults(**fields: Any) -> dict[str, str]:
    """Return the messages by field of the error that ``fields`` raise."""
    with pytest.raises(InvalidInput) as caught:
        recipe(**fields)
    return {str(fault.loc[0]): fault.msg for fault in caught.value.faults}


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_a_whole_recipe(name: str) -> None:
    found = recipe(preset=name)
    assert found.preset == name
    assert found.model_type == "DiscriminantClassifier"
    assert found.dataset_load_split_at is None
    methods = PRESETS[name]["dataset_feature_extract_methods"]
    assert list(found.dataset_feature_extract_methods) == list(methods)


def test_the_presets_differ_in_their_front_end_and_their_note() -> None:
    accurate, light = recipe(preset="accurate"), recipe(preset="light")
    assert list(accurate.dataset_feature_extract_methods) == ["Encoder"]
    assert list(light.dataset_feature_extract_methods) == ["Functionals"]
    assert accurate.selection_note != light.selection_note
    assert "660 recipes" in light.selection_note


@given(fields=st.sets(st.sampled_from(sorted(GIVEN))), name=st.sampled_from(sorted(PRESETS)))
def test_fields_that_are_given_win(fields: set[str], name: str) -> None:
    given_fields = {field: GIVEN[field] for field in fields}
    found = with_defaults({"preset": name, **given_fields})
    assert {field: found[field] for field in given_fields} == given_fields
    rest = PRESETS[name].keys() - given_fields.keys()
    assert {field: found[field] for field in rest} == {
        field: PRESETS[name][field] for field in rest
    }


@pytest.mark.parametrize("options", [{"limit": 3.0}, '{"limit": 3.0}'])
def test_options_of_the_classifier_are_merged(options: object) -> None:
    expected = PRESETS["accurate"]["model_config"] | {"limit": 3.0}
    assert recipe(preset="accurate", model_config=options).model_config == expected


def test_a_type_of_its_own_is_refused_with_both_names() -> None:
    found = faults(preset="light", model_type="RandomForestClassifier", model_config={})
    assert list(found) == ["model_type"]
    for name in ("RandomForestClassifier", "'light'", "DiscriminantClassifier"):
        assert name.strip("'") in found["model_type"]


@pytest.mark.parametrize("empty", [{}, {"preset": None}, {"model_type": None, "preset": None}])
def test_without_a_preset_and_a_type_both_are_named(empty: dict[str, Any]) -> None:
    found = faults(**empty)
    assert set(found) == {"preset", "model_type"}
    assert "accurate, light" in found["preset"]
    assert "RandomForestClassifier" in found["model_type"]


@pytest.mark.parametrize("name", ["best", 3, ["light"], {}])
def test_an_unknown_preset_is_the_only_fault(name: object) -> None:
    assert list(faults(preset=name)) == ["preset"]


@pytest.mark.parametrize(
    "fields", [{"model_type": "SVM"}, {"model_config": "none"}, {"model_config": {"limit": 0}}]
)
def test_a_preset_hides_no_fault_of_other_fields(fields: dict[str, Any]) -> None:
    assert list(faults(preset="accurate", **fields)) == list(fields)


def test_the_discriminant_without_a_preset_has_the_fields_of_light() -> None:
    found = recipe(model_type="DiscriminantClassifier")
    assert found.preset is None
    light = recipe(preset="light")
    for field in PRESETS["light"]:
        assert getattr(found, field) == getattr(light, field)
    assert found.selection_note == light.selection_note


def test_other_types_have_the_fields_of_no_preset() -> None:
    found = recipe(model_type="RandomForestClassifier")
    assert list(found.dataset_feature_extract_methods) == ["SpeakerAndGenderAndTextType", "MFCC"]
    assert found.selection_note == ""


@pytest.mark.parametrize("fields", [{"preset": "light"}, {"model_type": "KerasClassifier"}])
def test_the_default_preset_is_for_fields_without_a_choice(fields: dict[str, str]) -> None:
    assert with_default_preset(fields) == fields
    assert with_default_preset({"split": "speaker"}) == {"split": "speaker", "preset": "accurate"}


@pytest.mark.parametrize("call", [ser.train, ser.evaluate])
def test_without_weights_the_default_is_refused_with_the_remedies(
    call: Any, corpus_zip: Path, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EncoderSources, "check", weights.refuse)
    with pytest.raises(InvalidInput) as caught:
        call(corpus_zip)
    ((loc, message),) = caught.value.faults
    assert loc == ("preset",)
    for part in ("'accurate'", "install the weights", "the preset 'light'"):
        assert part in message
    assert [*bounds.iterdir()] == []


def test_without_weights_an_encoder_that_is_given_is_named(
    corpus_zip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EncoderSources, "check", weights.refuse)
    with pytest.raises(InvalidInput) as caught:
        ser.train(
            corpus_zip,
            model_type="RandomForestClassifier",
            dataset_load_split_at=None,
            dataset_feature_extract_methods={"Encoder": {}},
        )
    assert [f.loc for f in caught.value.faults] == [("dataset_feature_extract_methods", "Encoder")]


@pytest.mark.skipif(not weights.found(), reason=weights.REASON)
def test_a_training_without_a_choice_has_the_preset_accurate(
    corpus_zip: Path, bounds: Path
) -> None:
    trained = ser.train(corpus_zip, bounds / "model", random_state=7)
    registry = ser.open_registry(bounds / "model")
    manifest = registry.model(trained["model_id"]).manifest
    request = manifest["request"]
    assert request["preset"] == "accurate"
    assert request["model_config"] == PRESETS["accurate"]["model_config"]
    assert list(request["dataset_feature_extract_methods"]) == ["Encoder"]
    assert "encoder" in manifest["chosen"]
    summary = registry.show("latest")
    assert (summary.preset, summary.model_type) == ("accurate", "DiscriminantClassifier")
    assert "accurate DiscriminantClassifier" in str(summary)
