"""POST /train with a list of sources: labels, figures, the report and predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import made
from clients import Client
from ser import open_registry
from stacks import ROOT

CODE_IN_RAVDESS = {"W": "05", "N": "01", "T": "04"}


def ravdess(archive: Path) -> Path:
    """Write a corpus of two speakers with names as in RAVDESS, whose tones are those of EmoDB."""
    return made.archive(
        archive,
        {
            f"Actor_{actor}/03-01-{code}-01-01-0{take}-{actor}.wav": made.sound(
                made.signal(f"{actor}a01{letter}{take}")
            )
            for actor in ("03", "08")
            for letter, code in CODE_IN_RAVDESS.items()
            for take in (1, 2)
        },
    )


@pytest.fixture
def several(train_body: dict[str, Any], bounds: Path) -> dict[str, Any]:
    """The sample request for several corpora, with two of them and the fastest training."""
    ravdess(bounds / "ravdess.zip")
    sample = json.loads((ROOT / "requests" / "several-corpora.json").read_text())
    emodb, other, _ = sample["remote_url"]
    sources = [emodb | {"remote_url": "corpus.zip"}, other | {"remote_url": "ravdess.zip"}]
    return {**sample, **train_body, "preset": None, "remote_url": sources}


def test_a_training_on_two_corpora_reports_each_and_leaves_each_out(
    train: Client, predict: Client, several: dict[str, Any], bounds: Path
) -> None:
    response = train.post("/train", json=several)
    assert response.status_code == 200, response.json
    answer = response.json
    assert answer["classes"] == ["anger - anger", "neutral - neutral", "sadness - sadness"]
    assert [(c["name"], c["utterances"], c["speakers"]) for c in answer["corpora"]] == [
        ("emodb", 24, 4),
        ("ravdess", 12, 2),
    ]
    assert set(answer["loso"]["per_speaker"]) == {
        *(f"emodb:{speaker}" for speaker in made.SPEAKERS),
        *("ravdess:03", "ravdess:08"),
    }
    for figures in ("loso_by_corpus", "leave_one_corpus_out"):
        assert list(answer[figures]) == ["emodb", "ravdess"]
        supports = [
            sum(each["support"] for each in metrics["per_class"].values())
            for metrics in answer[figures].values()
        ]
        assert supports == [24, 12]
        # The pitch of the tones depends on the emotion in both corpora.
        assert all(metrics["uar"] > 2 / 3 for metrics in answer[figures].values())
    corpora = ("emodb", "ravdess")
    transfer = {(each["train"], each["test"]): each for each in answer["transfer"]}
    assert set(transfer) == {(train, test) for train in corpora for test in corpora}
    for (_, test), each in transfer.items():
        assert each["emotions"] == ["anger", "neutral", "sadness"]
        assert each["utterances"] == {"emodb": 24, "ravdess": 12}[test]
        assert each["uar"] > 2 / 3
    # Of two corpora, the other one is all others.
    alone = transfer["emodb", "ravdess"]
    left_out = answer["leave_one_corpus_out"]["ravdess"]
    assert (alone["uar"], alone["ece"]) == (left_out["uar"], left_out["ece"])

    stored = open_registry(bounds / "model").model("latest")
    assert stored.manifest["corpus"]["name"] == "emodb + ravdess"
    assert [each["remote_url"] for each in stored.manifest["request"]["remote_url"]] == [
        "corpus.zip",
        "ravdess.zip",
    ]
    report = stored.read("report.html").decode()
    for part in (
        "Each corpus",
        "From corpus to corpus",
        "the corpus left out",
        "Confusion matrix of ravdess",
    ):
        assert part in report

    name = next(name for name in answer["test_samples"] if name.startswith("ravdess_"))
    body = {"model_id": "latest", "model_save_path": "model", "sample_name": name}
    predicted = predict.post("/predict", json=body).json
    assert predicted["ground_truth"][0] in {"anger", "neutral", "sadness"}


@pytest.mark.parametrize(
    ("changes", "location"),
    [
        ({"remote_url": []}, "remote_url"),
        ({"remote_url": ["corpus.zip", "/etc/passwd"]}, "remote_url.1"),
        ({"remote_url": ["corpus.zip", "corpus.zip"]}, "remote_url.1"),
        ({"remote_url": [{"remote_url": "corpus.zip", "grammar": "x"}]}, "remote_url.0.grammar"),
        ({"remote_url": [{"corpus": "emodb"}]}, "remote_url.0.remote_url"),
        ({"labels": "shared"}, "labels"),
        (
            {"remote_url": [{"remote_url": "corpus.zip", "labels": {"05": "anger"}}]},
            "remote_url.0.labels.05",
        ),
    ],
)
def test_a_bad_source_is_refused_with_its_index(
    train: Client, several: dict[str, Any], changes: dict[str, Any], location: str
) -> None:
    response = train.post("/train", json=several | changes)
    assert response.status_code == 422
    (error,) = response.json["errors"]
    assert ".".join(map(str, error["loc"])) == location
    assert "allowed: " in error["msg"]


def test_a_list_and_labels_may_arrive_as_json_in_a_string(
    train: Client, several: dict[str, Any]
) -> None:
    strings = {
        "remote_url": '["corpus.zip", {"remote_url": "ravdess.zip"}]',
        "labels": '{"nonsense": "anger"}',
    }
    (error,) = train.post("/train", json=several | strings).json["errors"]
    assert error["loc"] == ["labels", "nonsense"]
    assert "fear" in error["msg"]
