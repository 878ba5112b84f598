"""Clients that are generated from the OpenAPI document use the functions behind the gateway."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import made
import node
from stacks import ROOT, Client, serving

TYPESCRIPT = ROOT / "tests" / "typescript"
SOUND = made.sound(made.signal("03a01Wa.wav"))
EMOTIONS = {"anger", "boredom", "disgust", "fear", "happiness", "neutral", "sadness"}
RUN_SECONDS = 300


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a corpus, for all files of the functions."""
    folder = tmp_path_factory.mktemp("generated")
    made.corpus(folder / "corpus.zip")
    return folder


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Client]:
    """The running gateway with both functions."""
    with serving(SER_ALLOWED_PATHS=str(folder), SER_JOBS_URI=str(folder / "jobs")) as client:
        yield client


@pytest.fixture(scope="module")
def document(stack: Client, folder: Path) -> Path:
    """A file with the OpenAPI document of the gateway."""
    file = folder / "openapi.json"
    file.write_text(json.dumps(stack.get("/openapi.json").body))
    return file


def run(*command: str | Path, cwd: Path, timeout: float = RUN_SECONDS) -> str:
    """Return the standard output of ``command``; fail with its messages if it fails."""
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=timeout
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_generated_python_client_trains_and_predicts(
    stack: Client, folder: Path, document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The generator knows no media types of sounds; as binary data they are the same to it.
    kinds = ("wav", "flac", "ogg", "mpeg")
    overrides = {f"audio/{kind}": "application/octet-stream" for kind in kinds}
    configuration = folder / "generator.json"
    configuration.write_text(json.dumps({"content_type_overrides": overrides, "post_hooks": []}))
    run(
        *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
        *("--path", document, "--output-path", folder / "generated_ser_client"),
        *("--config", configuration, "--fail-on-warning"),
        cwd=folder,
    )
    monkeypatch.syspath_prepend(str(folder))
    client, models, types = (
        import_module(f"generated_ser_client.{name}") for name in ("client", "models", "types")
    )
    calls: dict[str, Any] = {
        name: import_module(f"generated_ser_client.api.{tag}.{name}")
        for tag, names in {
            "train": ("train", "list_jobs", "get_job"),
            "predict": ("predict", "get_prediction_job", "get_report"),
        }.items()
        for name in names
    }
    api = client.Client(base_url=stack.stack.url, timeout=RUN_SECONDS)
    request = models.TrainRequest(
        data_path=str(folder / "python"),
        remote_url=str(folder / "corpus.zip"),
        model_save_path=str(folder / "model"),
        model_type=models.TrainRequestModelType.RANDOMFORESTCLASSIFIER,
        model_config=models.RandomForestConfig(n_estimators=5),
        dataset_feature_extract_methods=models.FrontEnds.from_dict(
            {"SpeakerAndGenderAndTextType": {}}
        ),
    )
    with api as api:
        answer = calls["train"].sync(client=api, body=request)
        assert isinstance(answer, models.TrainAnswer), answer
        assert 0 <= answer.metrics.uar <= 1
        job = calls["train"].sync(client=api, body=request, prefer="respond-async")
        assert isinstance(job, models.JobAnswer), job
        assert calls["get_job"].sync(job.job_id, client=api).job_id == job.job_id
        assert job.job_id in [each.job_id for each in calls["list_jobs"].sync(client=api).jobs]
        place = {"model_id": answer.model_id, "model_save_path": str(folder / "model")}
        in_json = models.PredictRequest(audio=[b64encode(SOUND).decode()], **place)
        file = types.File(payload=BytesIO(SOUND), file_name="a.wav", mime_type="audio/wav")
        as_form = models.PredictForm(audio=[file], **place)
        first, second = (
            calls["predict"].sync(client=api, body=body) for body in (in_json, as_form)
        )
        assert [answer.sample_name for answer in (first, second)] == [[None], ["a.wav"]]
        assert first.probabilities == second.probabilities
        job = calls["predict"].sync(client=api, body=in_json, prefer="respond-async")
        assert isinstance(job, models.PredictJobAnswer), job
        assert calls["get_prediction_job"].sync(job.job_id, client=api).job_id == job.job_id
        assert set(first.emotions) <= EMOTIONS
        page = calls["get_report"].sync(**place, client=api)
        assert answer.model_id in page
        problem = calls["predict"].sync(client=api, body=models.PredictRequest(**place))
        assert problem.errors[0].loc == ["audio"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The TypeScript project with its packages."""
    return node.install(TYPESCRIPT, tmp_path_factory.mktemp("typescript"))


def test_a_generated_typescript_client_is_well_typed_and_trains_and_predicts(
    project: Path, stack: Client, folder: Path, document: Path
) -> None:
    tools = project / "node_modules" / ".bin"
    run(
        *(tools / "openapi-typescript", document, "--output", project / "schema.d.ts"),
        # Otherwise a field with a default would be required in requests.
        "--default-non-nullable=false",
        cwd=project,
    )
    run(tools / "tsc", cwd=project)
    given = {"url": stack.stack.url, "folder": str(folder), "sound": b64encode(SOUND).decode()}
    output = run("node", "built/program.js", json.dumps(given), cwd=project)
    found = json.loads(output)
    assert found["model_id"]
    assert 0 <= found["uar"] <= 1
    assert found["job"] in found["jobs"]
    assert len(set(found["emotions"])) == 1
    assert set(found["emotions"]) <= EMOTIONS
    assert found["beginning"] == "<!doctype html>"
    assert found["refused"] == ["audio"]
