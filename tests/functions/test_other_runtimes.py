"""The file of a model with an encoder, run by POST /predict, onnxruntime and onnxruntime-web."""

from __future__ import annotations

import json
import re
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

import graphs
import made
import node
import small_encoder
from clients import ROOT, Client

Inputs = dict[str, NDArray[np.float32]]
SIGNAL = np.concatenate([made.signal(f"03a01{code}a.wav") for code in "WNF"])
ENROLLED = made.signal("03a01Na.wav")
GUIDE = ROOT / "docs" / "runtimes.md"
RUN_SECONDS = 60
TOLERANCE = 1e-5
LEVELS = ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_ALL")


@pytest.fixture(scope="module")
def file() -> bytes:
    return small_encoder.model()


@pytest.fixture
def profile(file: bytes, bounds: Path, predict: Client) -> dict[str, Any]:
    """The answer of POST /predict to a sound and an enrolled one of its speaker."""
    return ask(predict, bounds, file, enrolment=[encoded(ENROLLED)])


def encoded(signal: NDArray[np.float32]) -> str:
    return b64encode(made.sound(signal, subtype="FLOAT")).decode()


def ask(predict: Client, bounds: Path, file: bytes, **fields: Any) -> dict[str, Any]:
    body = {
        "model_id": graphs.publish(bounds / "model", file),
        "model_save_path": "model",
        "audio": [encoded(SIGNAL)],
        **fields,
    }
    response = predict.post("/predict", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json
    return answer


def probabilities(answer: Mapping[str, Any]) -> list[float]:
    (found,) = answer["probabilities"]
    return list(found.values())


def speaker_inputs(profile: Mapping[str, Any]) -> Inputs:
    """The inputs of the graph for a ``speaker_profile``, as docs/runtimes.md describes them."""
    return {
        "speaker_mean": np.frombuffer(b64decode(profile["mean"]), "<f4"),
        "speaker_deviation": np.frombuffer(b64decode(profile["deviation"]), "<f4"),
        "speaker_count": np.array(profile["count"], np.float32),
    }


@pytest.mark.parametrize("level", LEVELS)
def test_onnxruntime_alone_gives_the_answer_of_predict(
    file: bytes, level: str, bounds: Path, predict: Client, profile: dict[str, Any]
) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(file, options)
    plain = ask(predict, bounds, file)
    assert probabilities(plain) != probabilities(profile)
    for answer, inputs in ((plain, {}), (profile, speaker_inputs(profile["speaker_profile"]))):
        (found,) = session.run(["probabilities"], {"waveform": SIGNAL, **inputs})
        assert found == pytest.approx(probabilities(answer), abs=TOLERANCE)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of Node.js that runs models with onnxruntime-web."""
    return node.install(
        ROOT / "tests" / "onnxruntime-web", tmp_path_factory.mktemp("onnxruntime-web")
    )


def test_onnxruntime_web_gives_the_answer_of_predict(
    file: bytes,
    project: Path,
    bounds: Path,
    predict: Client,
    profile: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("model.onnx").write_bytes(file)
    code = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), flags=re.DOTALL)
    (make_inputs_required,) = code
    exec(make_inputs_required, {})
    waveform = {"waveform": SIGNAL}
    enrolled = speaker_inputs(profile["speaker_profile"])
    no_domain = {
        "domain_mean": np.zeros_like(enrolled["speaker_mean"]),
        "domain_count": np.zeros((), np.float32),
    }
    zeros = {name: np.zeros_like(value) for name, value in enrolled.items()}
    alone, refused, with_zeros, with_profile = run_in_node(
        project,
        ("model.onnx", waveform),
        ("model.onnx", waveform | enrolled),
        ("model-all-inputs.onnx", waveform | zeros | no_domain),
        ("model-all-inputs.onnx", waveform | enrolled | no_domain),
    )
    plain = probabilities(ask(predict, bounds, file))
    assert alone["probabilities"] == pytest.approx(plain, abs=TOLERANCE)
    assert with_zeros["probabilities"] == pytest.approx(plain, abs=TOLERANCE)
    assert with_profile["probabilities"] == pytest.approx(probabilities(profile), abs=TOLERANCE)
    # If this no longer holds, docs/runtimes.md can be shorter.
    assert refused == {"error": "invalid input 'speaker_mean'"}


def run_in_node(project: Path, *cases: tuple[str, Inputs]) -> list[dict[str, Any]]:
    """Return the result of onnxruntime-web for each model and its inputs."""
    described = [
        {
            "model": str(Path(model).resolve()),
            "inputs": {
                name: {"data": value.ravel().tolist(), "shape": value.shape}
                for name, value in inputs.items()
            },
        }
        for model, inputs in cases
    ]
    given = project / "cases.json"
    given.write_text(json.dumps(described))
    done = subprocess.run(
        ["node", "program.js", given.name],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results
