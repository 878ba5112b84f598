"""The explanations that a training publishes beside its model."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import made
import ser
from ser.registry import PublishedModel, open_registry

SMALL: dict[str, Any] = {
    "model_config": {},
    "dataset_feature_extract_methods": {"MFCC": {"num_cepstral": 2}},
    "dataset_load_split_at": "max",
    "evaluation": "loso",
}


@pytest.fixture(scope="module", params=["DiscriminantClassifier", "RandomForestClassifier"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model of a small corpus, of each kind of explanation."""
    folder = tmp_path_factory.mktemp(request.param)
    for name in made.names():
        sound = folder / "corpus" / "wav" / name
        sound.parent.mkdir(parents=True, exist_ok=True)
        sound.write_bytes(made.sound(made.signal(name)))
    trained = ser.train(
        folder / "corpus", folder / "model", model_type=request.param, corpus="emodb", **SMALL
    )
    return open_registry(folder / "model").model(trained["model_id"])


def table_of(model: PublishedModel) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(model.read("predictions.csv").decode()))]


def test_predictions_and_card_are_files_of_the_model_with_their_digests(
    model: PublishedModel,
) -> None:
    assert {"predictions.csv", "model_card.md"} <= model.manifest["files"].keys()
    assert model.is_whole()
    assert model.model_id in model.read("model_card.md").decode()


def test_predictions_have_a_row_for_each_utterance_and_evaluation(model: PublishedModel) -> None:
    rows = table_of(model)
    counts = Counter(row["evaluation"] for row in rows)
    assert counts == {
        "speakers left out": model.manifest["corpus"]["utterances"],
        "held out": len(model.manifest["samples"]),
    }
    for row in rows:
        chances = {
            name.removeprefix("probability of "): float(value)
            for name, value in row.items()
            if name.startswith("probability of ")
        }
        assert sum(chances.values()) == pytest.approx(1, abs=1e-5)
        assert chances[row["predicted"]] == max(chances.values())


def test_misheard_utterances_are_those_of_the_predictions(model: PublishedModel) -> None:
    wrong = {
        row["file"]
        for row in table_of(model)
        if row["evaluation"] == "speakers left out" and row["true"] != row["predicted"]
    }
    found = model.manifest["misheard"]
    assert found["count"] == len(wrong)
    assert {each["file"] for each in found["utterances"]} <= wrong
    assert model.read_report().decode().count("<audio ") == len(found["utterances"])


def test_the_manifest_has_statistics_families_and_intervals(model: PublishedModel) -> None:
    manifest = model.manifest
    counted = manifest["statistics"]["emotions"].values()
    assert sum(each["utterances"] for each in counted) == manifest["corpus"]["utterances"]
    assert manifest["families"]["emotions"].keys() == {*manifest["classes"]}
    for shares in manifest["families"]["emotions"].values():
        assert [each["family"] for each in shares] == ["spectrum"]
    assert manifest["loso"]["intervals"]["units"] > 1
    assert len(manifest["coverage"]) == 5


@pytest.mark.parametrize("model_type", ["DiscriminantClassifier", "RandomForestClassifier"])
def test_an_evaluation_explains_each_emotion_without_a_model(bounds: Path, model_type: str) -> None:
    # Recorded louder if angry; the order of the speakers says nothing.
    for number, name in enumerate(made.names(("03", "08", "09"), "TW")):
        signal = made.signal(name) * (0.9 if "W" in name else 0.2)
        sound = bounds / "corpus" / name
        sound.parent.mkdir(exist_ok=True)
        rate = 16_000 if number % 3 else 44_100
        sound.write_bytes(made.sound(signal, rate))
    evaluated = ser.evaluate(
        bounds / "corpus",
        model_type=model_type,
        model_config={},
        dataset_feature_extract_methods={
            "SpeakerAndGenderAndTextType": {"speaker": False},
            "MFCC": {"num_cepstral": 2},
        },
        dataset_load_split_at="max",
        dataset_load_normalize=False,
    )
    exact = model_type == "DiscriminantClassifier"
    assert evaluated.families["method"] == ("contribution" if exact else "permutation")
    assert len(evaluated.families["emotions"]) == 2
    for shares in evaluated.families["emotions"].values():
        assert {each["family"] for each in shares} == {"spectrum", "metadata"}
        assert shares[0]["family"] == "spectrum"
        assert shares[0]["share"] > 0.1
    count = len(evaluated.predictions)
    rates = evaluated.facts["statistics"]["sampling_rates"]
    assert rates == {"16000": count - len(range(0, count, 3)), "44100": len(range(0, count, 3))}
    report = evaluated.report(bounds / "report.html").read_text()
    assert "What drives each emotion" in report
    assert f"16 kHz ({rates['16000']}), 44.1 kHz ({rates['44100']})" in report
    assert f"{count} utterances" in report


@pytest.mark.parametrize("pattern", ["(sp[0-9])/", None], ids=["known", "unknown"])
def test_speakers_are_left_out_where_that_is_possible(folder: Path, pattern: str | None) -> None:
    corpus = {"label": "folder", **({"speaker_pattern": pattern} if pattern else {})}
    trained = ser.train(
        folder,
        folder.parent / "model",
        model_type="RandomForestClassifier",
        corpus=corpus,
        **{**SMALL, "evaluation": "auto"},
    )
    model = open_registry(folder.parent / "model").model(trained["model_id"])
    report = model.read_report().decode()
    noted = [note for note in trained["notes"] if "no speaker was left out" in note]
    if pattern:
        assert trained["loso"]["per_speaker"].keys() == {"sp1", "sp2", "sp3"}
        assert report.index("Unknown speakers") < report.index("Held-out utterances")
        assert noted == []
    else:
        assert "loso" not in trained
        assert len(noted) == 1
        assert "Unknown speakers" not in report


@pytest.fixture
def folder(bounds: Path) -> Path:
    """A corpus with a folder for each speaker and emotion."""
    for number, name in enumerate(made.names(("03", "08", "09"), "FTW")):
        emotion = {"F": "happiness", "T": "sadness", "W": "anger"}[name[5]]
        speaker = {"03": "sp1", "08": "sp2", "09": "sp3"}[name[:2]]
        sound = bounds / "corpus" / speaker / emotion / f"{number}.wav"
        sound.parent.mkdir(parents=True, exist_ok=True)
        sound.write_bytes(made.sound(made.signal(name)))
    return bounds / "corpus"
