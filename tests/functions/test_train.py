"""POST /train through functions-framework: the real process, the real folder."""

from __future__ import annotations

import json
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

import made
from clients import Client
from ser import Model, open_registry
from stacks import ROOT


def locations(problem: dict[str, Any]) -> set[str]:
    return {".".join(map(str, error["loc"])) for error in problem["errors"]}


def refused(client: Client, body: dict[str, Any], status: int = 422) -> dict[str, Any]:
    """Return the problem document that refuses ``body``."""
    response = client.post("/train", json=body)
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    problem: dict[str, Any] = response.json
    assert problem["status"] == status
    assert problem["instance"]
    return problem


def published(folder: Path) -> list[str]:
    return list(open_registry(folder).ids())


def test_a_training_publishes_a_model_and_moves_latest_to_it(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    response = train.post("/train", json=train_body)
    assert response.status_code == 200
    answer = response.json
    assert published(bounds / "model") == [answer["model_id"]]
    registry = open_registry(bounds / "model")
    assert registry.resolve("latest") == answer["model_id"]
    assert len(answer["classes"]) == 7
    assert set(answer["metrics"]) >= {"uar", "wa", "macro_f1", "per_class"}
    # The pitch of the tones depends on the emotion, so any working classifier beats chance.
    assert answer["metrics"]["uar"] > 2 / 7
    model = registry.model("latest")
    assert sorted(model.manifest["samples"]) == answer["test_samples"]
    assert [str(label) for label in Model(model.read("model.onnx")).labels] == answer["classes"]


def test_at_least_one_utterance_of_every_emotion_is_held_out(
    train: Client, train_body: dict[str, Any]
) -> None:
    answer = train.post("/train", json=train_body).json
    assert sorted(name[5] for name in answer["test_samples"]) == list(made.CODES)


def test_the_samples_are_the_files_of_the_archive(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    answer = train.post("/train", json=train_body).json
    model = open_registry(bounds / "model").model(answer["model_id"])
    name = answer["test_samples"][0]
    assert model.read(f"samples/{name}") == made.sound(made.signal(name))


def test_the_published_samples_are_limited_and_the_metrics_use_all_held_out_utterances(
    train: Client, train_body: dict[str, Any], bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_SAMPLES", "2")
    answer = train.post("/train", json=train_body).json
    samples = open_registry(bounds / "model").model(answer["model_id"]).manifest["samples"]
    assert sorted(samples) == answer["test_samples"]
    assert len(samples) == 2
    held_out = sum(map(sum, answer["metrics"]["confusion_matrix"]))
    assert held_out >= len(made.CODES)
    (note,) = (note for note in answer["notes"] if "SER_MAX_SAMPLES" in note)
    assert f"2 of {held_out} held-out samples" in note


@pytest.mark.parametrize("most", [0, 1])
def test_no_more_misheard_utterances_can_be_played_than_samples_are_published(
    train: Client,
    train_body: dict[str, Any],
    bounds: Path,
    monkeypatch: pytest.MonkeyPatch,
    most: int,
) -> None:
    monkeypatch.setenv("SER_MAX_SAMPLES", str(most))
    # One tree of two leaves mishears most of seven emotions.
    body = train_body | {
        "model_type": "RandomForestClassifier",
        "model_config": {"n_estimators": 1, "max_depth": 1},
        "evaluation": "loso",
    }
    answer = train.post("/train", json=body).json
    model = open_registry(bounds / "model").model(answer["model_id"])
    assert len(model.manifest["misheard"]["utterances"]) > most
    assert model.read_report().decode().count("<audio ") == most


@pytest.mark.parametrize("kind", ["KerasClassifier", "RandomForestClassifier", "XGBoostClassifier"])
def test_the_same_seed_gives_the_same_metrics_twice(
    train: Client, train_body: dict[str, Any], kind: str
) -> None:
    body = train_body | {"model_type": kind, "model_config": {}}
    first, second = (train.post("/train", json=body).json for _ in range(2))
    assert first["model_id"] != second["model_id"]
    for fact in ("metrics", "test_samples"):
        assert first[fact] == second[fact]


def test_another_seed_holds_out_other_utterances(train: Client, train_body: dict[str, Any]) -> None:
    answers = [train.post("/train", json=train_body | {"random_state": n}).json for n in (1, 2)]
    assert answers[0]["test_samples"] != answers[1]["test_samples"]


def test_objects_and_booleans_are_accepted_as_strings(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    methods = {"SpeakerAndGenderAndTextType": {"text": False}, "MFCC": {"num_cepstral": 5}}
    body = train_body | {
        "dataset_feature_extract_methods": json.dumps(methods),
        "model_config": '{"n_estimators": "5"}',
        "dataset_load_normalize": "false",
        "dataset_load_split_at": "250",
        "random_state": "7",
    }
    answer = train.post("/train", json=body).json
    manifest = open_registry(bounds / "model").model(answer["model_id"]).manifest
    assert manifest["request"]["dataset_load_normalize"] is False
    assert manifest["request"]["dataset_load_split_at"] == 250
    assert manifest["request"]["random_state"] == 7
    assert manifest["model_config"]["n_estimators"] == 5
    properties = Model(
        open_registry(bounds / "model").model("latest").read("model.onnx")
    ).properties
    assert properties.gain == 1.0
    assert properties.chunk_samples == 4000
    assert list(properties.metadata.values) == ["speaker", "gender"]


def test_split_by_speaker_holds_out_whole_speakers(
    train: Client, train_body: dict[str, Any]
) -> None:
    answer = train.post("/train", json=train_body | {"split": "speaker"}).json
    speakers = {name[:2] for name in answer["test_samples"]}
    assert len(speakers) == 1
    assert len(answer["test_samples"]) == 14


def test_leaving_speakers_out_reports_each_of_them(
    train: Client, train_body: dict[str, Any]
) -> None:
    answer = train.post("/train", json=train_body | {"evaluation": "loso"}).json
    assert set(answer["loso"]["per_speaker"]) == set(made.SPEAKERS)
    assert sum(c["support"] for c in answer["loso"]["per_class"].values()) == 56


def tones_in_folders(archive: Path) -> None:
    """Three speakers whose joy is high and whose rage is low, all files called alike."""
    made.archive(
        archive,
        {
            f"set/speaker{speaker}/{label}/{take}.wav": made.sound(made.signal(f"{name}{take}"))
            for speaker, start in enumerate(made.SPEAKERS[:3])
            for label, name in (("happy", f"{start}a01W"), ("rage", f"{start}a01A"))
            for take in range(4)
        },
    )


def test_a_corpus_in_folders_is_trained_on_and_its_samples_are_predicted(
    train: Client, predict: Client, bounds: Path
) -> None:
    tones_in_folders(bounds / "corpus.zip")
    body = json.loads((ROOT / "requests" / "corpus-in-folders.json").read_text())
    answer = train.post("/train", json=body | {"corpus": json.dumps(body["corpus"])}).json
    assert answer["classes"] == ["happy - happy", "rage - rage"]
    assert set(answer["loso"]["per_speaker"]) == {"speaker0", "speaker1", "speaker2"}
    assert answer["speaker_dependent"] is True
    manifest = open_registry("model").model("latest").manifest
    assert manifest["request"]["corpus"] == {"label_pattern": None} | body["corpus"]
    assert {label["emotion"] for label in manifest["labels"]} == {"happiness", "rage"}
    (name, *_) = answer["test_samples"]
    assert name.startswith("set_speaker")
    asked = {"model_id": "latest", "model_save_path": "model", "sample_name": name}
    assert predict.post("/predict", json=asked).json["ground_truth"] == [name.split("_")[2]]


def test_a_corpus_without_known_speakers_can_be_trained_on_but_not_split_by_speaker(
    train: Client, predict: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    tones_in_folders(bounds / "corpus.zip")
    # The default features include the speaker, which is unknown here.
    del train_body["dataset_feature_extract_methods"]
    body = train_body | {"corpus": {"label": "folder"}}
    answer = train.post("/train", json=body).json
    assert answer["speaker_dependent"] is True
    asked = {"model_id": "latest", "model_save_path": "model"}
    names = answer["test_samples"]
    assert predict.post("/predict", json=asked | {"sample_name": names}).status_code == 200
    for field in ({"split": "speaker"}, {"evaluation": "loso"}):
        (error,) = refused(train, body | field)["errors"]
        assert error["loc"] == ["corpus"]
        assert "are unknown" in error["msg"]
        assert "speaker_pattern" in error["msg"]


def test_folders_named_by_emotions_are_recognised_as_labels_and_noted(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    labels = {"W": "angry", "L": "bored"}
    sounds = {
        f"{labels[name[5]]}/{number}.wav": made.sound(made.signal(name))
        for number, name in enumerate(made.names(codes="WL"))
    }
    made.archive(bounds / "corpus.zip", sounds)
    answer = train.post("/train", json=train_body).json
    assert answer["classes"] == ["angry - angry", "bored - bored"]
    assert answer["speaker_dependent"] is True
    assert "the folders are the labels (angry, bored)" in answer["notes"][0]


def test_a_corpus_twice_in_one_archive_gives_the_figures_of_the_corpus_once(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    once = {
        f"{name[:2]}/{name[5]}/{part}/{name}": made.sound(made.signal(name))
        for name, part in zip(made.names(codes="WLT"), cycle(("train", "test")), strict=False)
    }
    twice = {f"data/{name}": sound for name, sound in once.items()}
    made.archive(bounds / "once.zip", once)
    made.archive(bounds / "twice.zip", once | twice)
    body = train_body | {
        "corpus": {
            "label": "folder",
            "label_pattern": "([^/]+)/[^/]+/[^/]+$",
            "speaker_pattern": "([0-9]+)/[^/]+/[^/]+/[^/]+$",
        }
    }
    first, second = (
        train.post("/train", json=body | {"data_path": f"./{n}", "remote_url": f"{n}.zip"}).json
        for n in ("once", "twice")
    )
    assert first["classes"] == ["L - L", "T - T", "W - W"]
    assert first["notes"] == first["rejected"] == []
    for field in ("metrics", "test_samples", "classes"):
        assert second[field] == first[field]
    assert {entry["file"]: entry["reason"] for entry in second["rejected"]} == {
        f"data/{name}": f"the same sound as {name}" for name in once
    }
    assert second["notes"] == [
        f"copies of other sounds: {len(once)}; each sound is used once, see rejected"
    ]


def test_a_split_by_speaker_is_speaker_independent(
    train: Client, train_body: dict[str, Any]
) -> None:
    assert train.post("/train", json=train_body).json["speaker_dependent"] is True
    answer = train.post("/train", json=train_body | {"split": "speaker"}).json
    assert answer["speaker_dependent"] is False


def test_a_corpus_with_a_table_is_trained_on(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    names = made.names(codes="WL")
    rows = ["file;emotion;speaker", *(f"{n};{n[5]};{n[:2]}" for n in names), "lost.wav;W;03"]
    sounds = {f"set/{name}": made.sound(made.signal(name)) for name in names}
    table = {"set/labels.csv": "\n".join(rows).encode()}
    made.archive(bounds / "corpus.zip", sounds | table)
    body = train_body | {"corpus": {"table": "set/labels.csv"}, "split": "speaker"}
    answer = train.post("/train", json=body).json
    assert answer["classes"] == ["L - L", "W - W"]
    assert [entry["file"] for entry in answer["rejected"]] == ["lost.wav"]
    assert answer["speaker_dependent"] is False


def test_all_bad_fields_are_reported_at_once(train: Client, train_body: dict[str, Any]) -> None:
    problem = refused(
        train,
        {
            "data_path": "/etc",
            "model_type": "SupportVectorMachine",
            "model_save_path": "http://example.com/models",
            "random_state": "many",
            "dataset_force": "perhaps",
            "dataset_load_split_at": "median",
            "dataset_load_normalize": 3,
            "dataset_feature_extract_methods": {"MFCC": {"num_cepstral": 0, "ceps": 1}, "LPC": {}},
            "split": "random",
            "colour": "red",
        },
    )
    assert locations(problem) == {
        "colour",
        "data_path",
        "dataset_feature_extract_methods.LPC",
        "dataset_feature_extract_methods.MFCC.ceps",
        "dataset_feature_extract_methods.MFCC.num_cepstral",
        "dataset_force",
        "dataset_load_normalize",
        "dataset_load_split_at",
        "model_save_path",
        "model_type",
        "random_state",
        "remote_url",
        "split",
    }


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("dataset_load_split_at", 0, ">= 100"),
        ("dataset_load_split_at", -5, ">= 100"),
        ("dataset_load_split_at", 3_600_000, "the longest utterance"),
        ("dataset_load_split_at", "median", "'min'"),
        ("dataset_load_split_at", None, "grow with the duration"),
        ("corpus", "librispeech", "ravdess"),
        ("corpus", {"label": "folder", "speaker_pattern": "spk"}, "has no group"),
        ("model_config", {"n_estimators": 0}, ">= 1"),
        ("model_config", {"trees": 5}, "unknown field"),
        ("model_type", "SVM", "'XGBoostClassifier'"),
        ("random_state", 1.5, "an integer"),
        ("remote_url", "ftp://example.com/x.zip", "https://"),
        ("remote_url", "missing.zip", "missing.zip"),
        ("remote_url", "http://127.0.0.1:9/x.zip", "SER_ALLOWED_HOSTS"),
        ("remote_url", "s3://bucket", "s3://bucket/key"),
        ("data_path", "../elsewhere", "SER_ALLOWED_PATHS"),
        ("model_save_path", "corpus.zip", "corpus.zip"),
        ("dataset_feature_extract_methods", {}, "MFCC"),
        ("dataset_feature_extract_methods", "MFCC", "an object"),
    ],
)
def test_a_bad_value_is_reported_with_the_allowed_values(
    train: Client, train_body: dict[str, Any], bounds: Path, field: str, value: Any, message: str
) -> None:
    problem = refused(train, train_body | {field: value})
    (error,) = problem["errors"]
    assert error["loc"][0] == field
    assert message in error["msg"]
    assert not (bounds / "model").is_dir() or not published(bounds / "model")


def test_input_dim_above_the_maximum_is_refused_with_the_maximum(
    train: Client, train_body: dict[str, Any]
) -> None:
    body = train_body | {"model_type": "KerasClassifier", "model_config": {"input_dim": 5000}}
    (error,) = refused(train, body)["errors"]
    assert error["loc"] == ["model_config", "input_dim"]
    assert "at most" in error["msg"]


@pytest.mark.parametrize(
    ("utterances", "message"),
    [
        (made.names(codes="W"), "the same emotion"),
        (made.names(speakers=["03"], codes="WL", versions="a"), "is left for training"),
        (["letter.wav", "03a01Xa.wav", "99a01Wa.wav"], "to any known corpus"),
    ],
)
def test_a_corpus_without_enough_data_is_refused(
    train: Client,
    train_body: dict[str, Any],
    bounds: Path,
    utterances: list[str],
    message: str,
) -> None:
    tone = made.signal("03a01Wa.wav")
    sounds = {f"wav/{name}": made.sound(tone[cut:]) for cut, name in enumerate(utterances)}
    made.archive(bounds / "corpus.zip", sounds)
    (error,) = refused(train, train_body)["errors"]
    assert error["loc"] == ["remote_url"]
    assert message in error["msg"]


def test_an_archive_without_sounds_is_refused(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    made.archive(bounds / "corpus.zip", {"erkennung.txt": b"no sounds"})
    (error,) = refused(train, train_body)["errors"]
    assert "no sounds" in error["msg"]


def test_a_file_that_is_not_a_zip_archive_is_refused_and_removed(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    (bounds / "corpus.zip").write_bytes(b"<html>not found</html>")
    (error,) = refused(train, train_body)["errors"]
    assert "zip" in error["msg"]
    made.corpus(bounds / "corpus.zip")
    assert train.post("/train", json=train_body).status_code == 200


def test_unusable_sounds_are_reported_by_name_and_not_trained_on(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    files = {f"wav/{name}": made.sound(made.signal(name)) for name in made.names()}
    files |= {
        "wav/03a02Wa.wav": b"RIFF broken",
        "wav/03a04Wa.wav": made.sound(made.signal("03a01Wa.wav") * 0),
        "wav/laughter.wav": made.sound(made.signal("03a01Wa.wav")),
        "copies/03a01Wa.wav": made.sound(made.signal("03a01Wa.wav")),
    }
    made.archive(bounds / "corpus.zip", files)
    answer = train.post("/train", json=train_body).json
    assert {entry["file"] for entry in answer["rejected"]} == {
        "wav/03a02Wa.wav",
        "wav/03a04Wa.wav",
        "wav/laughter.wav",
        "wav/03a01Wa.wav",
    }
    assert all(entry["reason"] for entry in answer["rejected"])


def test_the_archive_of_another_url_is_never_silently_reused(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    assert train.post("/train", json=train_body).status_code == 200
    made.corpus(bounds / "other.zip", made.names(codes="WLN"))
    other = train_body | {"remote_url": "other.zip"}
    assert "corpus.zip" in refused(train, other, status=409)["detail"]
    forced = train.post("/train", json=other | {"dataset_force": True}).json
    assert len(forced["classes"]) == 3


def test_steps_done_for_the_same_url_are_not_done_again(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    assert train.post("/train", json=train_body).status_code == 200
    (bounds / "corpus.zip").unlink()
    assert train.post("/train", json=train_body).status_code == 200
    assert refused(train, train_body | {"dataset_force": True})["errors"][0]["loc"] == [
        "remote_url"
    ]
    # The refusal has not removed the corpus.
    assert train.post("/train", json=train_body).status_code == 200


def test_dataset_force_repairs_a_damaged_working_folder(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    assert train.post("/train", json=train_body).status_code == 200
    for file in (bounds / "data" / "working").rglob("*.wav"):
        file.unlink()
    refused(train, train_body)
    assert train.post("/train", json=train_body | {"dataset_force": True}).status_code == 200


def test_the_setting_provides_a_missing_model_save_path(
    train: Client, train_body: dict[str, Any], bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del train_body["model_save_path"]
    assert locations(refused(train, train_body)) == {"model_save_path"}
    monkeypatch.setenv("SER_MODEL_SAVE_PATH", str(bounds / "default"))
    answer = train.post("/train", json=train_body).json
    assert published(bounds / "default") == [answer["model_id"]]


def test_a_model_is_answered_even_if_its_alias_cannot_be_moved(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    (bounds / "model" / "aliases").mkdir(parents=True)
    (bounds / "model" / "aliases" / "latest.json").write_text("damaged")
    response = train.post("/train", json=train_body)
    assert response.status_code == 200
    assert published(bounds / "model") == [response.json["model_id"]]
    assert "latest" in response.json["notes"][0]


def test_a_refused_request_leaves_no_file_behind(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    refused(train, train_body | {"model_type": "SVM"})
    assert sorted(path.name for path in bounds.iterdir()) == ["corpus.zip"]


def test_a_corpus_with_a_single_speaker_cannot_leave_speakers_out(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    made.corpus(bounds / "corpus.zip", made.names(speakers=["03"]))
    assert "only one" in refused(train, train_body | {"evaluation": "loso"})["detail"]
    assert train.post("/train", json=train_body).status_code == 200


def test_a_data_path_in_use_is_refused_without_waiting(
    train: Client, train_body: dict[str, Any], bounds: Path
) -> None:
    from ser.corpora import CorpusFolder

    with CorpusFolder(bounds / "data").exclusively():
        response = train.post("/train", json=train_body)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert train.post("/train", json=train_body).status_code == 200


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        ("{no json", "application/json", 400),
        ("[1, 2]", "application/json", 400),
        ("", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        ("data_path=data", "application/x-www-form-urlencoded", 415),
    ],
)
def test_a_body_that_is_not_a_json_object_is_refused(
    train: Client, data: str | bytes, content_type: str, status: int
) -> None:
    response = train.post("/train", data=data, content_type=content_type)
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"


def test_a_body_above_the_limit_is_refused(
    train: Client, train_body: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_MAX_BODY_MB", "0.001")
    problem = refused(train, train_body | {"colour": "r" * 2000}, status=413)
    assert "SER_MAX_BODY_MB" in problem["detail"]


def test_health_status_and_description_are_served(train: Client) -> None:
    for path in ("/healthz", "/train/healthz"):
        assert train.get(path).json == {"status": "ok"}
    assert train.get("/train/openapi.json").json == train.get("/openapi.json").json
    assert train.get("/").json == {"Status": "OK!", "Available Endpoints": ["/events", "/train"]}
    document = train.get("/openapi.json").json
    properties = document["components"]["schemas"]["TrainRequest"]["properties"]
    assert properties["dataset_load_split_at"]["default"] == "min"
    schemas = document["components"]["schemas"]
    assert "crema-d" in schemas["CorpusChoice"]["anyOf"][0]["enum"]
    assert set(schemas["FolderCorpus"]["properties"]) == {
        *("label", "label_pattern", "speaker_pattern")
    }
    assert set(schemas["TableCorpus"]["properties"]) == {"table"}
    assert train.delete("/train").status_code == 405
    assert train.get("/nowhere").status_code == 404
