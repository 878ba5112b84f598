"""Trainings with extreme values in bounds end with a model or a refusal."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from resilience import trainings
from resilience.trainings import config, fields_of, request, train_all, value
from ser.classifiers import MODEL_TYPES
from ser.errors import InvalidInput
from ser.frontends import AUGMENTATIONS, METHODS
from ser.service.settings import Settings
from ser.service.training.request import read_train_request

COUNT = 8
"""Number of trainings here; ``make fuzz`` runs 1,000."""


def test_random_trainings_have_no_internal_error() -> None:
    report = train_all(COUNT, processes=1)
    assert not report.problems
    assert sum(report.figures.values()) == COUNT
    assert report.figures["models"]


def test_other_errors_than_refusals_are_defects(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ArithmeticError("overflow")

    monkeypatch.setattr(trainings, "execute", fail)
    ends, defects = trainings.train_part(seed=0, count=3)
    assert ends["ArithmeticError"] == len(defects) > 0
    assert "model_type" in defects[0]


def test_every_number_of_a_configuration_has_bounds_on_both_sides() -> None:
    random = Random(0)
    for kinds in (METHODS, AUGMENTATIONS, {n: kind.config_type for n, kind in MODEL_TYPES.items()}):
        for name, kind in kinds.items():
            if name != "Encoder":
                for field, info in fields_of(kind).items():
                    value(info, random, f"{name}.{field}")
    assert config(METHODS["MFCC"], random) != config(METHODS["MFCC"], random)


def test_random_requests_are_often_valid(bounds: Path) -> None:
    random = Random(0)
    places = {"data_path": "data", "remote_url": "a.zip", "model_save_path": "model"}
    valid = 0
    for _ in range(200):
        try:
            read_train_request(request(random) | places, Settings.from_environment())
        except InvalidInput:
            continue
        valid += 1
    assert valid > 50


@pytest.mark.parametrize(
    ("model_type", "field", "given"),
    [
        ("DiscriminantClassifier", "shrinkage", 1e-300),
        ("DiscriminantClassifier", "limit", 1e-300),
        ("RandomForestClassifier", "min_samples_leaf", 2**62),
        ("RandomForestClassifier", "max_features", 1e-300),
        ("XGBoostClassifier", "max_depth", 64),
        ("XGBoostClassifier", "learning_rate", 1e-300),
        ("XGBoostClassifier", "max_bin", 65_536),
        ("KerasClassifier", "lr", 1e-300),
        ("KerasClassifier", "dropout", 1 - 1e-16),
        ("KerasClassifier", "input_dim", 2**62),
    ],
)
def test_an_extreme_value_is_refused_with_its_bounds(
    bounds: Path, model_type: str, field: str, given: Any
) -> None:
    body = {
        "data_path": "data",
        "remote_url": "a.zip",
        "model_save_path": "model",
        "model_type": model_type,
        "model_config": {field: given},
    }
    with pytest.raises(InvalidInput) as error:
        read_train_request(body, Settings.from_environment())
    (fault,) = error.value.faults
    assert fault.loc == ("model_config", field)
    assert "allowed:" in fault.msg
    assert ">=" in fault.msg or "<=" in fault.msg
