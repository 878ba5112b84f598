"""ser.train and ser.evaluate through the public door."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import numpy as np
import pytest

import made
import ser
from ser import Evaluation
from ser.corpora import open_sources
from ser.errors import Conflict, InvalidInput
from ser.evaluation import Adapted, Transfer
from ser.frontends import FrontEnds
from ser.training import LATEST, Recipe, train_recipe

SMALL: dict[str, Any] = {
    "model_type": "RandomForestClassifier",
    "model_config": {"n_estimators": 5},
    "dataset_feature_extract_methods": {"MFCC": {"num_cepstral": 2}},
    "dataset_load_split_at": "max",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus as a folder of sounds, outside the working directory."""
    corpus = tmp_path_factory.mktemp("elsewhere") / "corpus"
    for name in made.names():
        sound = corpus / "wav" / name
        sound.parent.mkdir(parents=True, exist_ok=True)
        sound.write_bytes(made.sound(made.signal(name)))
    return corpus


@pytest.fixture(scope="module")
def table(folder: Path) -> Path:
    """A CSV table beside its sounds."""
    rows = [f"wav/{name},{name[5]},{name[:2]}" for name in made.names()]
    file = folder / "labels.csv"
    file.write_text("\n".join(["file,emotion,speaker", *rows]))
    return file


@pytest.fixture(scope="module")
def evaluation(folder: Path) -> Evaluation:
    """A full evaluation of the folder."""
    return ser.evaluate(folder, **SMALL, evaluation="full")


@pytest.mark.parametrize("kind", ["zip", "folder", "table"])
def test_a_model_is_trained_on_files_anywhere(
    kind: str, corpus_zip: Path, table: Path, bounds: Path
) -> None:
    source = {"zip": corpus_zip, "folder": table.parent, "table": table}[kind]
    trained = ser.train(source, bounds / "registry", **SMALL, alias="tested")
    registry = ser.open_registry(bounds / "registry")
    assert registry.aliases() == {LATEST: trained["model_id"], "tested": trained["model_id"]}
    assert trained["metrics"]["uar"] > 0.5
    assert sorted(bounds.iterdir()) == [bounds / "registry"]


def test_archive_and_folder_of_the_same_sounds_give_the_same_figures(
    corpus_zip: Path, evaluation: Evaluation
) -> None:
    assert ser.evaluate(corpus_zip, **SMALL).figures == evaluation.figures


def test_fields_that_are_left_out_have_the_values_of_the_preset(folder: Path, bounds: Path) -> None:
    trained = ser.train(folder, bounds / "registry", preset="light")
    manifest = ser.open_registry(bounds / "registry").model(trained["model_id"]).manifest
    assert manifest["request"]["model_type"] == "DiscriminantClassifier"
    assert manifest["request"]["dataset_load_split_at"] is None
    assert list(manifest["request"]["dataset_feature_extract_methods"]) == ["Functionals"]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"model_type": "Oracle"}, "model_type"),
        ({"preset": "best"}, "preset"),
        ({"preset": "light"}, "model_type"),
        ({"modeltype": "Oracle"}, "modeltype"),
        ({"random_state": -1}, "random_state"),
        ({"corpus": "librispeech"}, "corpus"),
        ({"model_config": {"n_estimators": 0}}, "model_config"),
        ({"dataset_load_split_at": 60_000}, "dataset_load_split_at"),
        ({"dataset_feature_extract_methods": {"LPC": {}}}, "dataset_feature_extract_methods"),
        ({"alias": "../latest"}, "alias"),
        ({"registry": "gs://bucket"}, "registry"),
        ({"registry": 3}, "registry"),
        ({"registry": None}, "registry"),
        ({"corpus": "\udcff"}, "corpus"),
        ({"dataset_augmentation": {1: {}}}, "dataset_augmentation"),
        ({"dask_scheduler": "host"}, "dask_scheduler"),
        ({"dask_scheduler": 3}, "dask_scheduler"),
        ({"progress": 3}, "progress"),
    ],
)
def test_a_bad_value_is_reported_by_the_name_of_its_argument(
    folder: Path, arguments: dict[str, Any], name: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        ser.train(folder, **{**SMALL, **arguments})
    assert {fault.loc[0] for fault in caught.value.faults} == {name}


@pytest.mark.parametrize("source", ["nowhere.zip", "ftp://host/corpus.zip", ""])
def test_a_bad_source_is_reported_as_source(source: str) -> None:
    for call in (ser.train, ser.evaluate):
        with pytest.raises(InvalidInput) as caught:
            call(source, **SMALL)
        assert [fault.loc for fault in caught.value.faults] == [("source",)]
        assert "remote_url" not in str(caught.value)


def test_an_evaluation_publishes_nothing(folder: Path, bounds: Path) -> None:
    trained = ser.train(folder, "model", **SMALL)
    before = {file: file.read_bytes() for file in sorted(bounds.rglob("*")) if file.is_file()}
    ser.evaluate(folder, **SMALL)
    after = {file: file.read_bytes() for file in sorted(bounds.rglob("*")) if file.is_file()}
    assert after == before
    assert ser.open_registry("model").resolve(LATEST) == trained["model_id"]


def test_an_evaluation_has_the_figures_of_a_training(folder: Path, evaluation: Evaluation) -> None:
    trained = ser.train(folder, "model", **SMALL, evaluation="full")
    assert evaluation.figures == trained["loso"]
    assert evaluation.degraded == trained["degraded"]
    assert evaluation.heard == trained["heard"]


def test_the_figures_follow_from_the_predictions(evaluation: Evaluation) -> None:
    assert [Path(each.file).name for each in evaluation.predictions] == sorted(made.names())
    correct = [each.true == each.predicted for each in evaluation.predictions]
    assert np.mean(correct) == pytest.approx(evaluation.figures["wa"])
    matrix = evaluation.confusion_matrix
    assert np.trace(matrix.counts) == sum(correct)
    assert matrix.counts.sum() == len(made.names())
    assert [label.code for label in matrix.labels] == [label.code for label in evaluation.labels]
    for each in evaluation.predictions:
        assert each.fold == each.speaker == Path(each.file).name[:2]
        assert sum(each.probabilities.values()) == pytest.approx(1, abs=1e-6)
        assert max(each.probabilities, key=lambda e: each.probabilities[e]) == each.predicted
        assert set(each.probabilities) == {label.emotion for label in evaluation.labels}


def test_two_labels_with_the_same_english_word_are_kept_apart(tmp_path: Path) -> None:
    for speaker in made.SPEAKERS[:3]:
        for emotion, code in (("joy", "F"), ("happy", "W"), ("sad", "T")):
            for take in "ab":
                sound = tmp_path / "corpus" / f"speaker{speaker}" / emotion / f"{take}.wav"
                sound.parent.mkdir(parents=True, exist_ok=True)
                sound.write_bytes(made.sound(made.signal(f"{speaker}a01{code}{take}.wav")))
    evaluation = ser.evaluate(
        tmp_path / "corpus",
        corpus={"label": "folder", "speaker_pattern": "(speaker[0-9]+)"},
        **SMALL,
    )
    names = ("happiness (happy)", "happiness (joy)", "sadness")
    assert tuple(evaluation.predictions[0].probabilities) == names


def test_two_types_are_compared_on_the_same_features_split_and_rows(folder: Path) -> None:
    methods = {"dataset_feature_extract_methods": SMALL["dataset_feature_extract_methods"]}
    fields: dict[str, Any] = {
        **methods,
        "dataset_load_split_at": "max",
        "dataset_augmentation": {"Clipping": {"copies": 1}},
    }
    first = ser.evaluate(folder, model_type="DiscriminantClassifier", **fields)
    second = ser.evaluate(folder, model_type="RandomForestClassifier", **fields)
    assert first.comparison == second.comparison
    for part in ("MFCC num_cepstral=2", "Clipping 1", "each of 4 speakers", "56 utterances"):
        assert part in first.comparison
    fields["dataset_augmentation"] = {}
    other = ser.evaluate(folder, model_type="DiscriminantClassifier", **fields)
    assert other.comparison != first.comparison


def test_an_evaluation_needs_known_speakers(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="speaker_pattern") as caught:
        ser.evaluate(folder, corpus={"label": "folder"}, **SMALL)
    assert [fault.loc for fault in caught.value.faults] == [("corpus",)]


def test_a_message_about_speakers_names_remedies_of_the_caller_at_hand(folder: Path) -> None:
    with pytest.raises(InvalidInput) as evaluated:
        ser.evaluate(folder, corpus={"label": "folder"}, **SMALL)
    with pytest.raises(InvalidInput) as trained:
        ser.train(folder, corpus={"label": "folder"}, **SMALL, split="speaker")
    # An evaluation always leaves speakers out.
    assert "holdout" not in str(evaluated.value)
    assert "or split 'utterance' and evaluation 'holdout'" in str(trained.value)


def test_speakers_are_left_out_in_folds(folder: Path) -> None:
    evaluation = ser.evaluate(folder, **SMALL, speaker_folds=2)
    assert {each.fold for each in evaluation.predictions} == {"03 + 09", "08 + 10"}
    assert all(each.speaker in each.fold for each in evaluation.predictions)
    assert set(evaluation.figures["per_speaker"]) == {*made.SPEAKERS}
    assert evaluation.split == "each of 4 speakers left out once, in 2 folds"
    with pytest.raises(InvalidInput, match="speaker_folds"):
        ser.evaluate(folder, **SMALL, speaker_folds=1)


def test_speakers_are_left_out_by_differences_of_sums_and_the_split_says_so(folder: Path) -> None:
    discriminant = {**SMALL, "model_type": "DiscriminantClassifier", "model_config": {}}
    evaluation = ser.evaluate(folder, **discriminant, leave_out="differences")
    assert evaluation.split == "each of 4 speakers left out once, by differences of sums"
    assert {each.fold for each in evaluation.predictions} == {*made.SPEAKERS}
    with pytest.raises(InvalidInput, match=r"RandomForestClassifier; allowed: exact") as caught:
        ser.evaluate(folder, **SMALL, leave_out="differences")
    assert [fault.loc for fault in caught.value.faults] == [("leave_out",)]


def test_an_evaluation_of_held_out_utterances_alone_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^evaluation: .*'full', 'loso'"):
        ser.evaluate(folder, **SMALL, evaluation="holdout")  # type: ignore[arg-type]


def test_a_table_cannot_be_another_corpus(table: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^corpus: the table 'labels\.csv'"):
        ser.evaluate(table, **SMALL, corpus="emodb")


def test_features_are_kept_in_data_path_only(folder: Path, bounds: Path) -> None:
    ser.evaluate(folder, **SMALL)
    assert [*bounds.iterdir()] == []
    ser.evaluate(folder, **SMALL, data_path="kept")
    assert len([*(bounds / "kept" / "features").iterdir()]) == 1


def test_a_held_out_sound_that_changes_before_its_publication_is_a_conflict(
    folder: Path, bounds: Path
) -> None:
    corpus = Path(shutil.copytree(folder, bounds / "corpus"))

    def change() -> None:
        for sound in (corpus / "wav").iterdir():
            sound.write_bytes(made.sound(made.signal(sound.name) * 0.5))

    registry = ser.open_registry(bounds / "registry")
    recipe = Recipe(
        **{
            **SMALL,
            "dataset_feature_extract_methods": FrontEnds.parse(
                SMALL["dataset_feature_extract_methods"]
            ),
        }
    )
    with pytest.raises(Conflict, match=r"'wav/.*' has changed since the corpus was loaded"):
        train_recipe(
            recipe,
            open_sources(str(corpus), bounds / "data"),
            registry,
            before_publishing=change,
        )
    assert [*registry.ids()] == []
    assert not [file for file in (bounds / "registry").rglob("*") if file.is_file()]


def test_the_report_of_an_evaluation_mentions_no_model(
    evaluation: Evaluation, bounds: Path
) -> None:
    page = evaluation.report(bounds / "reports" / "page.html").read_text()
    assert f"{evaluation.figures['uar']:.3f}" in page
    assert "Model id" not in page
    assert "Held-out utterances" not in page
    assert evaluation.rows in page


def test_an_evaluation_is_readable_when_printed(evaluation: Evaluation) -> None:
    assert repr(evaluation).startswith("Evaluation(RandomForestClassifier on emodb: UAR 0.")
    for part in (evaluation.comparison, "anger (W)", "predicted"):
        assert part in str(evaluation)


def test_the_history_of_the_recipe_appears_for_its_own_corpus_only(
    folder: Path, table: Path
) -> None:
    recipe: dict[str, Any] = {**SMALL, "model_type": "DiscriminantClassifier", "model_config": {}}
    assert "660 recipes" in ser.evaluate(folder, **recipe).recipe_history
    assert ser.evaluate(table, **recipe).recipe_history == ""


def test_a_frame_without_pandas_is_a_clear_error(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        evaluation.to_frame()


def test_the_matrix_of_corpora_is_a_frame_too(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = ModuleType("pandas")
    stub.DataFrame = list  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", stub)
    adapted = Adapted(sounds=20, draws=5, uar=0.6, deviation=0.1, ece=0.05, without=0.5)
    cell = Transfer(
        train="a", test="b", emotions=("x", "y"), utterances=30, uar=0.5, ece=0.2, adapted=adapted
    )
    plain = msgspec.structs.replace(cell, test="a", adapted=None)
    rows: Any = dataclasses.replace(evaluation, transfer=(plain, cell)).transfer_to_frame()
    assert [row["adapted_uar"] for row in rows] == [None, 0.6]
    assert list(rows[0]) == list(rows[1])
    assert rows[1] | {"train": "a", "test": "b", "emotions": "x, y", "uar": 0.5} == rows[1]


def test_a_frame_has_a_row_for_each_utterance(
    evaluation: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = ModuleType("pandas")
    stub.DataFrame = list  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pandas", stub)
    rows: Any = evaluation.to_frame()
    assert len(rows) == len(made.names())
    columns = ["file", "speaker", "gender", "text", "fold", "true", "predicted"]
    assert list(rows[0]) == columns + [label.emotion for label in evaluation.labels]


@pytest.mark.parametrize("data_path", [3, b"kept", ""])
def test_a_bad_data_path_is_reported_once(folder: Path, data_path: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        ser.evaluate(folder, **SMALL, data_path=data_path)
    assert [fault.loc for fault in caught.value.faults] == [("data_path",)]


@pytest.mark.parametrize("encoding", ["file", "folder", "zip"])
def test_names_that_are_not_utf8_do_no_harm(
    encoding: str, folder: Path, corpus_zip: Path, tmp_path: Path
) -> None:
    source = tmp_path / os.fsdecode(b"gr\xfc\xdfe.zip" if encoding != "file" else b"corpus")
    if encoding == "zip":
        shutil.copy(corpus_zip, source)
    else:
        shutil.copytree(folder, source, ignore=shutil.ignore_patterns("*.csv"))
    if encoding == "file":
        shutil.copy(source / "wav" / "03a01Wa.wav", source / "wav" / os.fsdecode(b"\xfc.wav"))
    trained = ser.train(source, "model", **SMALL)
    rejected = [{"file": "wav/\\udcfc.wav", "reason": "its path is not in UTF-8"}]
    assert trained["rejected"] == (rejected if encoding == "file" else [])


def test_numbers_of_numpy_are_numbers(folder: Path) -> None:
    fields = {**SMALL, "model_config": {"n_estimators": np.int64(5)}, "random_state": np.int64(42)}
    manifest_id = ser.train(folder, "model", **fields)["model_id"]
    request = ser.open_registry("model").model(manifest_id).manifest["request"]
    assert (request["model_config"], request["random_state"]) == ({"n_estimators": 5}, 42)


def test_an_emotion_named_as_a_column_of_the_frame_keeps_its_own(tmp_path: Path) -> None:
    for name in made.names(codes="TW"):
        emotion = {"T": "true", "W": "predicted"}[name[5]]
        sound = tmp_path / "corpus" / emotion / name
        sound.parent.mkdir(parents=True, exist_ok=True)
        sound.write_bytes(made.sound(made.signal(name)))
    stated = {"label": "folder", "speaker_pattern": "/([0-9]{2})"}
    frame = ser.evaluate(tmp_path / "corpus", corpus=stated, **SMALL).to_frame()
    assert set(frame["true"]) == {"true", "predicted"}
    sums = frame["probability of true"] + frame["probability of predicted"]
    np.testing.assert_allclose(sums, 1, atol=1e-6)
