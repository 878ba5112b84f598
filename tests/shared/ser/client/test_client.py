"""The client against the real stack: both functions behind the gateway, with keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import graphs
import made
import ser
from examples import FACTS
from ser.client import Job
from ser.errors import Conflict, InvalidInput, NotFound, RemoteFailed
from ser.registry import new_model_id, open_registry
from ser.service.keys import line_of, new_key
from stacks import serving

FOUND = {
    **FACTS,
    "classes": [str(label) for label in graphs.LABELS],
    "labels": [
        {"code": label.code, "name": label.name, "emotion": label.emotion}
        for label in graphs.LABELS
    ],
}


class Place(NamedTuple):
    """A server with its registry and its keys."""

    url: str
    folder: Path
    key: str
    """Allows everything."""
    weak_key: str
    """Allows predictions alone."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("client")
    registry = open_registry(folder / "model")
    for alias in ("production", "latest"):
        model_id = new_model_id()
        data = graphs.model(takes_domain=True, measures_familiarity=True)
        registry.publish(model_id, {"model.onnx": data}, {"samples": {}, **FOUND})
        registry.move(alias, model_id)
    made.corpus(folder / "corpus.zip", made.names(("03", "08", "09"), "FTW"))
    keys = new_key(), new_key()
    lines = [line_of(keys[0], "all", "predict,train,manage"), line_of(keys[1], "weak", "predict")]
    settings = {
        "SER_MODEL_SAVE_PATH": str(folder / "model"),
        "SER_JOBS_URI": str(folder / "jobs"),
        "SER_ALLOWED_PATHS": str(folder),
        "SER_API_KEYS": "\n".join(lines),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SER_DATA_PATHS", raising=False)
        with serving(**settings) as served:
            yield Place(served.stack.url, folder, *keys)


@pytest.fixture
def client(place: Place) -> Iterator[ser.Client]:
    with ser.Client(place.url, place.key) as client:
        yield client


@pytest.fixture
def model(place: Place) -> ser.Model:
    return ser.load_model("production", registry=place.folder / "model")


SAMPLES = np.tile(made.signal("03a01Wa.wav", 44_100), 4)
SOUND = made.sound(np.stack([SAMPLES, SAMPLES], axis=1), 44_100)


def test_a_prediction_is_that_of_the_local_model(
    client: ser.Client, model: ser.Model, bounds: Path
) -> None:
    (bounds / "speech.wav").write_bytes(SOUND)
    expected = model.predict("speech.wav")
    for found in (client.predict("speech.wav"), client.predict(SOUND)):
        assert found == expected or repr(found) == repr(expected)
        np.testing.assert_array_equal(found.probabilities.array, expected.probabilities.array)
        assert (found.label, found.familiarity) == (expected.label, expected.familiarity)


@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
def test_an_array_is_judged_as_by_the_local_model(
    client: ser.Client, model: ser.Model, dtype: str
) -> None:
    scale = np.iinfo(np.int16).max if dtype == "int16" else 1
    samples = (SAMPLES * scale).astype(dtype)
    np.testing.assert_array_equal(
        client.predict(samples, 44_100).probabilities.array,
        model.predict(samples, 44_100).probabilities.array,
    )


def test_options_mean_what_they_mean_locally(client: ser.Client, model: ser.Model) -> None:
    other = made.sound(np.tile(made.signal("08a01Ta.wav"), 3))
    options: dict[str, Any] = {
        "profile": model.enrol([other]),
        "domain": model.enrol_domain([other]),
        "abstain_below": 1.0,
    }
    found, expected = client.predict(SOUND, **options), model.predict(SOUND, **options)
    assert (found.label, found.reason) == (None, expected.reason)
    assert dict(found.probabilities) == dict(expected.probabilities)
    silence = client.predict(np.zeros(16_000, np.float32), 16_000)
    assert (silence.speech, silence.emotion) == (False, None)


def test_a_time_line_comes_segment_by_segment_and_is_the_local_one(
    client: ser.Client, model: ser.Model
) -> None:
    found = client.timeline(SOUND, window=0.5, step=0.25)
    with pytest.raises(TypeError, match="once the time line has ended"):
        len(found)
    expected = model.timeline(SOUND, window=0.5, step=0.25)
    assert next(iter(found)).begin == 0.0
    assert [*map(repr, found)] == [*map(repr, expected)]
    assert len(found) == len(expected)
    assert found.to_csv() == expected.to_csv()
    assert found.to_vtt() == expected.to_vtt()
    assert found.note == expected.note
    assert repr(found.prediction) == repr(expected.prediction)
    with pytest.raises(InvalidInput, match="timeline"):
        [*client.timeline(SOUND, window=99)]
    with pytest.raises(InvalidInput):
        [*client.timeline(b"no sound")]


def test_many_sounds_keep_their_order_and_errors_their_place(
    client: ser.Client, model: ser.Model
) -> None:
    sounds = [made.sound(np.tile(made.signal(name), 2)) for name in made.names(codes="W")]
    sounds.insert(2, b"no sound")
    found = [*client.predict_many(sounds)]
    expected = [*model.predict_many(sounds)]
    assert [*map(repr, found[:2]), *map(repr, found[3:])] == [
        *map(repr, expected[:2]),
        *map(repr, expected[3:]),
    ]
    assert isinstance(found[2], InvalidInput)
    assert isinstance(expected[2], InvalidInput)
    assert expected[2].faults[0].msg in found[2].detail


def test_problems_are_the_errors_of_the_library(client: ser.Client, place: Place) -> None:
    with pytest.raises(NotFound, match="no model or alias 'none'"):
        client.predict(SOUND, model="none")
    with pytest.raises(NotFound, match=r"There is no sound file 'missing\.wav'"):
        client.predict("missing.wav")
    with pytest.raises(InvalidInput, match="abstain_below") as refused:
        client.predict(SOUND, abstain_below=7)
    assert refused.value.faults[0].loc == ("abstain_below",)
    with pytest.raises(NotFound):
        client.jobs.get("20261122T193834Z-ef40734d")
    with pytest.raises(InvalidInput, match="allowed: several sounds"):
        client.predict_many(SOUND)  # type: ignore[arg-type]


def test_a_key_is_wanted_and_its_scopes_decide(place: Place) -> None:
    with ser.Client(place.url) as stranger, pytest.raises(InvalidInput, match="api_key"):
        stranger.predict(SOUND)
    with ser.Client(place.url, place.weak_key) as weak:
        assert weak.predict(SOUND).speech
        with pytest.raises(InvalidInput, match=r"api_key: .*manage"):
            weak.models.rollback("production")
        assert place.weak_key not in repr(weak)


def test_models_are_listed_shown_moved_and_deleted(client: ser.Client, place: Place) -> None:
    registry = open_registry(place.folder / "model")
    assert [*client.models.list()] == [*registry.summaries()]
    assert [*client.models.list(limit=1)] == [*registry.summaries(limit=1)]
    assert client.models.aliases() == registry.aliases()
    production, latest = (registry.resolve(alias) for alias in ("production", "latest"))
    assert client.models.show("latest")["model_id"] == latest
    # Without held-out utterances no model passes.
    with pytest.raises(Conflict, match="alias production was not moved: only 0 utterances"):
        client.models.promote("latest", promote_if={"tolerance": 0.1})
    assert registry.resolve("production") == production
    assert client.models.promote("latest", "candidate", promote_if={}) == latest
    assert client.models.promote("latest") == latest
    with pytest.raises(Conflict, match="cannot be deleted"):
        client.models.delete(production)
    assert client.models.rollback() == production
    assert registry.resolve("production") == production
    unused = graphs.publish(place.folder / "model", graphs.model())
    assert client.models.delete(unused) == unused
    with pytest.raises(NotFound):
        client.models.show(unused)


def test_a_training_shows_its_progress_and_is_a_job(client: ser.Client, place: Place) -> None:
    seen: list[tuple[str, float]] = []
    answer = client.train(
        str(place.folder / "corpus.zip"),
        progress=lambda step, share: seen.append((step, share)),
        data_path=str(place.folder / "data"),
        model_type="RandomForestClassifier",
        model_config={"n_estimators": 5},
        dataset_feature_extract_methods={"MFCC": {"num_cepstral": 5}},
        alias="trained",
    )
    assert answer["model_id"] == client.models.aliases()["trained"]
    assert all(0 <= share <= 1 for _, share in seen)
    assert len(seen) > 1
    job = client.jobs.get(answer["model_id"])
    assert (job.status, job.ended, job.result) == ("succeeded", True, answer)
    assert [each.job_id for each in client.jobs.list(limit=5)] == [job.job_id]
    with pytest.raises(Conflict):
        client.jobs.delete(job.job_id)


def test_a_training_that_fails_raises_its_error(client: ser.Client, place: Place) -> None:
    made.archive(place.folder / "empty.zip", {"readme.txt": b"no sounds"})
    job = client.jobs.submit(
        str(place.folder / "empty.zip"), data_path=str(place.folder / "data"), preset="light"
    )
    (*_, last) = client.jobs.follow(job.job_id, seconds=0.1)
    assert last.status == "failed"
    assert isinstance(last.error, ser.SerError)
    with pytest.raises(InvalidInput, match="preset"):
        client.train("corpus.zip", preset="best")


def test_jobs_can_be_cancelled(client: ser.Client, place: Place) -> None:
    job = client.jobs.submit(
        str(place.folder / "corpus.zip"), data_path=str(place.folder / "other"), preset="light"
    )
    cancelled = client.jobs.delete(job.job_id)
    assert isinstance(cancelled, Job)
    (*_, last) = client.jobs.follow(job.job_id, seconds=0.1)
    assert last.status == "cancelled"


@pytest.mark.parametrize("url", ["localhost:5000", "ftp://x", "", "http://x/?key=1"])
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="allowed: http://host:port"):
        ser.Client(url)


def test_a_server_that_is_not_there_is_a_failed_remote() -> None:
    with pytest.raises(RemoteFailed, match="cannot be reached"):
        ser.Client("http://127.0.0.1:9").predict(SOUND)
