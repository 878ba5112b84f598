"""No file that this software writes starts a training."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ser
from ser.registry import new_model_id, open_registry
from ser.service.events import is_own_output, object_kind, refuse_loops
from ser.service.settings import Settings, SettingsError

SETTINGS = Settings(
    jobs_uri="s3://store/jobs/",
    model_save_path="s3://models",
    train_defaults={"data_path": "/srv/data", "model_save_path": "/srv/models"},
)


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "s3://store/jobs/a.train.json",
            "s3://store/jobs/b/c.zip",
            "gs://store/jobs/a.train.json",
        ),
        *("s3://models/a.zip", "file:///srv/data/a.zip", "file:///srv/models/b/c.zip"),
        "file:///srv/inbox/../data/a.zip",
    ],
)
def test_every_object_below_a_configured_location_is_own_output(uri: str) -> None:
    assert is_own_output(uri, SETTINGS)


@pytest.mark.parametrize(
    "uri",
    [
        *(
            "s3://store/jobs.zip",
            "s3://store/jobs-old/a.zip",
            "s3://store/a.zip",
            "s3://model/a.zip",
        ),
        *("file:///srv/database/a.zip", "file:///srv/a.zip", "s3://srv/data/a.zip"),
        *("s3://storeroom/a.zip", "s3://store/aliases/a.zip", "s3://store/features.zip"),
    ],
)
def test_an_object_beside_a_configured_location_is_not_own_output(uri: str) -> None:
    assert not is_own_output(uri, SETTINGS)
    assert not is_own_output(uri, Settings())


@pytest.mark.parametrize("folder", ["pristine", "working", "features"])
def test_no_folder_in_a_bucket_counts_as_a_data_path(folder: str) -> None:
    assert not is_own_output(f"s3://store/{folder}/a/b.zip", Settings())


@given(key=st.text("/.ab", max_size=20))
def test_every_key_in_a_configured_bucket_is_own_output_and_no_key_in_another(key: str) -> None:
    assert is_own_output(f"s3://models/{key}", SETTINGS)
    assert not is_own_output(f"s3://uploads/{key}", SETTINGS)


def test_a_symbolic_link_to_an_output_location_is_followed(bounds: Path) -> None:
    (bounds / "jobs").mkdir()
    (bounds / "link").symlink_to("jobs")
    settings = Settings(jobs_uri="jobs")
    assert is_own_output((bounds / "link" / "a.zip").as_uri(), settings)
    assert not is_own_output((bounds / "a.zip").as_uri(), settings)


def triggers(folder: Path) -> list[str]:
    """The files below ``folder`` that would start a training."""
    return [
        str(file)
        for file in folder.rglob("*")
        if object_kind(str(file.relative_to(folder)))
        and not is_own_output(file.as_uri(), Settings())
    ]


def test_no_file_of_a_model_starts_a_training_wherever_a_request_publishes_it(bounds: Path) -> None:
    registry, model_id = open_registry(bounds), new_model_id()
    samples = {"samples/a.zip": b"", "samples/b/c.train.json": b""}
    registry.publish(model_id, {"model.onnx": b"", **samples}, {})
    registry.move("tricky.train", model_id)
    assert len(list(bounds.rglob("*.train.json"))) == 2
    assert triggers(bounds) == []


def test_no_file_of_an_extracted_corpus_starts_a_training(
    bounds: Path, corpus_zip: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    archive = bounds / "corpus.zip"
    archive.write_bytes(corpus_zip.read_bytes())
    with zipfile.ZipFile(archive, "a") as zipped:
        zipped.writestr("deep/nested.zip", b"")
        zipped.writestr("nested.train.json", b"{}")
    data_path = bounds / "inbox" / "data"
    ser.Dataset(data_path, str(archive)).prepare()
    assert len(list(data_path.rglob("nested.*"))) == 2
    assert triggers(bounds / "inbox") == []
    # The state after an interruption.
    (data_path / "working").rename(data_path / "incoming")
    assert triggers(bounds / "inbox") == []


def test_a_users_folder_that_is_named_like_a_data_folder_is_not_own_output(bounds: Path) -> None:
    for folder in ("working/incoming", "inbox/pristine", "inbox/working"):
        (bounds / folder).mkdir(parents=True)
        assert not is_own_output((bounds / folder / "a.zip").as_uri(), Settings())


@pytest.mark.parametrize(
    ("inbox", "reason"),
    [
        ("s3://store/jobs", "SER_JOBS_URI"),
        ("s3://store/", "SER_JOBS_URI"),
        ("gs://store", "SER_JOBS_URI"),
        ("s3://models/inbox", "SER_MODEL_SAVE_PATH"),
        ("/srv", "data_path of SER_TRAIN_DEFAULTS"),
        ("/srv/data/inbox", "data_path of SER_TRAIN_DEFAULTS"),
        ("/srv/models", "model_save_path of SER_TRAIN_DEFAULTS"),
        ("s3://other/20261122T143105Z-1a2b3c4d/", "among models"),
    ],
)
def test_an_inbox_that_overlaps_an_output_location_is_refused(inbox: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=f"SER_INBOX is '{inbox}'.*{reason}"):
        refuse_loops(SETTINGS, inbox)


def test_an_inbox_in_the_default_data_path_is_refused() -> None:
    with pytest.raises(SettingsError, match="data_path of SER_TRAIN_DEFAULTS is 'data'"):
        refuse_loops(Settings.from_environment({}), "data/inbox")


@pytest.mark.parametrize("inbox", ["s3://store/inbox", "s3://uploads", "/srv/inbox", "incoming"])
def test_a_separate_inbox_is_accepted(inbox: str) -> None:
    refuse_loops(SETTINGS, inbox)
