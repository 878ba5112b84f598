"""Imports and memory of predict, the causes of its short cold start."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from os import environ
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import onnx
import pytest
import spox.opset.ai.onnx.v17 as op
import urllib3
from botocore.session import get_session
from spox import Tensor, argument, build

import graphs
import made
import small_encoder
from clients import ROOT
from ser import _graph as graph
from ser import sounds as audio
from ser._metadata import MetadataEncoding
from ser._s3 import create_client
from ser.frontends import FrontEnds
from stack import HOST, free_port, function_command, process

MIB = 2**20
SIGNAL = made.signal("03a01Wa.wav")

SCRIPT = """
import json, sys
import functions_framework
source, place, sound = sys.argv[1:]
client = functions_framework.create_app("predict", source).test_client()
before = set(sys.modules)
with open(sound, "rb") as file:
    response = client.post(
        "/predict", query_string=json.loads(place), data=file, content_type="audio/wav"
    )
assert response.status_code == 200, response.text
print(json.dumps([sorted(before), sorted(set(sys.modules) - before)]))
"""


def functionals_model() -> bytes:
    """Return a model with the features of the recipe and a classifier without training."""
    encoding = MetadataEncoding({})
    front_ends = FrontEnds.parse({"Functionals": {}})
    front_end = graph.front_end_model(front_ends, chunk_samples=None, gain=1.0, encoding=encoding)
    names = front_ends.feature_names(None, encoding)
    size = len(names)
    features = argument(Tensor(np.float32, ("rows", size)))
    weights = op.const(np.zeros((size, len(graphs.LABELS)), np.float32))
    probabilities = op.softmax(op.matmul(features, weights), axis=1)
    classifier = build({"features": features}, {"probabilities": probabilities})
    entries = onnx.load_from_string(graphs.model()).metadata_props
    properties = {each.key: json.loads(each.value) for each in entries}
    return graph.compose(front_end, classifier, properties | {"feature_names": names})


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    """The fields that name a model with the features of the recipe."""
    return {
        "model_id": graphs.publish(tmp_path, functionals_model()),
        "model_save_path": str(tmp_path),
    }


def loaded(place: dict[str, str], sound: Path) -> tuple[set[str], set[str]]:
    """Return the modules that a fresh predict imports before its first request, and for it."""
    arguments = (ROOT / "functions/predict/main.py", json.dumps(place), sound)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, *map(str, arguments)], capture_output=True, check=True
    )
    before, first = json.loads(run.stdout)
    return set(before), set(first)


def test_the_first_sound_imports_only_the_decoder_and_the_runtime(
    place: dict[str, str], tmp_path: Path
) -> None:
    sound = tmp_path / "sound.wav"
    sound.write_bytes(made.sound(SIGNAL))
    before, first = loaded(place, sound)
    assert not before & {"soundfile", "onnxruntime", "soxr", "concurrent.futures", "botocore"}
    assert first >= {"soundfile", "onnxruntime"}
    heavy = {"av", "soxr", "concurrent.futures.thread", "botocore", "ser.service.openapi"}
    assert not first & heavy
    sound.write_bytes(made.sound(SIGNAL, 44_100))
    assert "soxr" in loaded(place, sound)[1]


def test_a_model_with_an_encoder_imports_nothing_more(tmp_path: Path) -> None:
    sound = tmp_path / "sound.wav"
    sound.write_bytes(made.sound(SIGNAL))
    model_id = graphs.publish(tmp_path, small_encoder.model())
    before, first = loaded({"model_id": model_id, "model_save_path": str(tmp_path)}, sound)
    training = {"onnx", "spox", "scipy", "sklearn", "librosa", "pyarrow", "ser._packing"}
    assert not (before | first) & training


SERVED = """
import json, sys
import ser.service.serving.__main__
main = sorted(sys.modules)
from pathlib import Path
from ser.service.serving.server import module_at
module_at(Path(sys.argv[1]))
print(json.dumps([main, sorted(sys.modules)]))
"""


def test_the_server_imports_no_framework_and_its_main_process_no_libraries() -> None:
    command = [sys.executable, "-c", SERVED, str(ROOT / "functions/predict/main.py")]
    run = subprocess.run(command, capture_output=True, check=True)
    main, worker = map(set, json.loads(run.stdout))
    assert not main & {"asyncio", "msgspec", "numpy", "ser.errors", "werkzeug"}
    framework = {"blinker", "click", "cloudevents", "flask", "functions_framework", "itsdangerous"}
    unused = {"asyncio", "botocore", "jinja2", "onnxruntime", "soundfile", "urllib3", "uvicorn"}
    assert not worker & (framework | unused)


def test_a_client_of_s3_takes_a_third_of_the_memory_that_botocore_would_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    create_client()  # imports
    sizes = []
    for create in (create_client, partial(get_session().create_client, "s3")):
        tracemalloc.start()
        _client = create()
        sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert sizes[0] < sizes[1] / 3


def test_an_s3_registry_imports_botocore_and_not_boto3() -> None:
    script = "import ser.store._s3, sys, json; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    modules = set(json.loads(run.stdout))
    assert "botocore" in modules
    assert not modules & {"boto3", "s3transfer"}


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the address of a fresh predict, and the id of the process that answers."""
    address = f"{HOST}:{free_port()}"
    settings = {"SER_ALLOWED_PATHS": str(folder)}
    with process(function_command("predict", address), {**environ, **settings}) as server:
        deadline = time.monotonic() + 60
        while True:
            assert time.monotonic() < deadline, "predict does not answer"
            try:
                urllib3.request("GET", f"http://{address}/healthz", retries=False)
                break
            except urllib3.exceptions.HTTPError:
                time.sleep(0.05)
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        yield f"http://{address}/predict", int(children[0])


def ask(url: str, place: dict[str, str], sound: bytes) -> None:
    query = f"{url}?{urlencode(place)}"
    headers = {"Content-Type": "audio/wav"}
    response = urllib3.request("POST", query, body=sound, headers=headers, timeout=60)
    assert response.status == 200, response.data


def peak(pid: int) -> float:
    """Return the peak of the resident memory of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
def test_memory_is_small_after_the_first_answer_and_bounded_for_ten_minutes_of_sound(
    place: dict[str, str], tmp_path: Path
) -> None:
    long = made.sound(np.resize(SIGNAL, 600 * audio.SAMPLING_RATE))
    with serving(tmp_path) as (url, pid):
        ask(url, place, made.sound(SIGNAL))
        assert peak(pid) < 96
        for _ in range(3):
            ask(url, place, long)
        assert peak(pid) < 360


def test_decoding_needs_no_more_memory_than_the_signal() -> None:
    data = made.sound(np.resize(SIGNAL, 120 * audio.SAMPLING_RATE))
    audio.read_sound(data)
    tracemalloc.start()
    signal = audio.read_sound(data)
    decoding = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    assert audio.contains_speech(signal)
    looking = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert decoding < 1.3 * signal.nbytes + MIB
    assert looking < 7 * signal.nbytes + MIB
