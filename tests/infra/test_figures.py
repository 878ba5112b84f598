"""`make figures` on small synthetic corpora."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made
from figures import __main__ as figures
from figures.familiarity import area, artificial
from figures.measures import recall_without
from figures.targets import DEVELOPMENT, TARGETS, is_reached
from makes import make
from ser import Evaluation

CODES = "WFNT"
IN_RAVDESS = {"W": "05", "F": "03", "N": "01", "T": "04"}
NAMES = [target.name for target in TARGETS]


def ravdess(archive: Path) -> Path:
    """Write a corpus of three speakers with names as in RAVDESS."""
    files = {
        f"Actor_{actor}/03-01-{code}-01-01-0{take}-{actor}.wav": made.sound(
            made.signal(f"{actor}a01{letter}{take}")
        )
        for actor in ("03", "08", "09")
        for letter, code in IN_RAVDESS.items()
        for take in (1, 2)
    }
    return made.archive(archive, files)


@pytest.fixture
def corpora(bounds: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Two corpora, and a recipe that is quick."""
    recipe = {
        "model_type": "DiscriminantClassifier",
        "dataset_load_split_at": "max",
        "dataset_feature_extract_methods": {"MFCC": {"num_cepstral": 2}},
        "dataset_augmentation": {},
    }
    monkeypatch.setattr(figures, "PRESETS", {"accurate": recipe})
    monkeypatch.setattr(figures, "FOLDER", bounds / "kept")
    names = made.names(codes=CODES, versions="abc")
    return {
        "emodb": made.corpus(bounds / "emodb.zip", names),
        "ravdess": ravdess(bounds / "ravdess.zip"),
    }


def test_every_figure_has_a_row(corpora: dict[str, Path]) -> None:
    choices = figures.Choices(corpora, "accurate", "full")
    found = figures.measure(choices)
    expected = {
        *(f"UAR, {name}, speakers left out" for name in corpora),
        *(f"ECE, {name}, speakers left out" for name in corpora),
        "UAR, emodb, the five other speakers",
        "UAR, emodb → ravdess",
        "UAR lost by telephone, emodb",
        "UAR lost by white noise 20 dB, emodb",
        "UAR gained by 5 enrolled sounds, mean of corpora",
    }
    assert expected <= {*NAMES} & {*found}
    assert found["UAR, emodb → ravdess"] > 1 / len(CODES)
    # Rows for corpora that were not measured have no figure.
    table = figures.table_of(found, choices)
    measured = dict(zip(NAMES, table.columns[1].cells, strict=True))
    assert measured["UAR, emovo, speakers left out"] == "-"
    assert str(measured["UAR, emodb → ravdess"]).startswith(f"{found['UAR, emodb → ravdess']:.3f}")


def test_all_others_are_three_corpora_or_more_and_features_are_kept(
    corpora: dict[str, Path], bounds: Path
) -> None:
    choices = figures.Choices(corpora, "accurate", "loso")
    found = figures.measure(choices)
    assert not [name for name in found if "all others" in name or "enrolled" in name]
    kept = {file.relative_to(bounds) for file in (bounds / "kept").rglob("*.npz")}
    assert len(kept) == 4
    assert figures.measure(choices) == found
    assert {file.relative_to(bounds) for file in (bounds / "kept").rglob("*.npz")} == kept


def test_the_recall_without_speakers_is_that_of_their_utterances_left_out() -> None:
    class Prediction:
        def __init__(self, speaker: str, true: str, predicted: str) -> None:
            self.speaker, self.true, self.predicted = speaker, true, predicted

    class Evaluated:
        predictions = (
            Prediction("09", "anger", "anger"),
            Prediction("11", "anger", "fear"),
            Prediction("11", "fear", "fear"),
            *(Prediction(speaker, "fear", "anger") for speaker in DEVELOPMENT),
        )

    evaluated: Evaluation = Evaluated()  # type: ignore[assignment]
    assert recall_without(evaluated, DEVELOPMENT) == pytest.approx((0.5 + 1) / 2)


@pytest.mark.parametrize(
    ("name", "value", "reached"),
    [
        ("UAR, emodb, speakers left out", 0.9596, True),
        ("UAR, emodb, speakers left out", 0.956, False),
        ("UAR, emovo, speakers left out", 0.56, False),
        ("ECE, emodb, speakers left out", 0.0504, True),
        ("ECE, all others →, mean of corpora", 0.126, False),
        ("UAR lost by telephone, emodb", 0.031, False),
        ("AUROC of familiarity, noise, music, tones", 0.9984, False),
    ],
)
def test_a_target_is_reached_to_three_digits(name: str, value: float, reached: bool) -> None:
    (target,) = [each for each in TARGETS if each.name == name]
    assert is_reached(target, value) is reached


def test_strange_sounds_have_less_familiarity() -> None:
    assert area([0.9, 0.8], [0.1, 0.2]) == 1
    assert area([0.5], [0.5]) == 0.5
    sounds = [*artificial(np.random.default_rng(0))]
    assert {(len(each), each.dtype, round(float(np.abs(each).max()), 3)) for each in sounds} == {
        (48_000, np.dtype(np.float32), 0.5)
    }


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"EMODB_ZIP": "", "EMOVO_ZIP": ""}, "Name a corpus"),
        ({"EMODB_ZIP": "nowhere.zip"}, "EMODB_ZIP=nowhere.zip does not exist"),
        ({"EMODB_ZIP": "Makefile", "PRESET": "best"}, "PRESET=best; allowed: accurate, light"),
        ({"EMODB_ZIP": "Makefile", "EVALUATION": "all"}, "EVALUATION=all; allowed: full, loso"),
    ],
)
def test_a_bad_variable_is_named(variables: dict[str, Any], message: str) -> None:
    done = make("figures", **variables)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
