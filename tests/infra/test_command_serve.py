"""``ser serve`` without a gateway: both functions in one process."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

import commands
import made
import ser
from ser.errors import RemoteFailed
from stack import end, free_port


@pytest.fixture
def client(bounds: Path) -> Iterator[ser.Client]:
    port = free_port()
    command = [*commands.COMMAND, "serve", "--no-gateway", "--port", str(port)]
    variables = commands.environment(SER_ALLOWED_PATHS=str(bounds))
    with subprocess.Popen(command, env=variables) as process:
        try:
            with ser.Client(f"http://127.0.0.1:{port}") as client:
                wait(client)
                yield client
        finally:
            end(process)


def wait(client: ser.Client) -> None:
    """Return once the server answers."""
    until = time.monotonic() + commands.SECONDS
    while True:
        try:
            client.models.aliases()
            return
        except RemoteFailed:
            assert time.monotonic() < until
            time.sleep(0.1)


def test_one_address_trains_judges_and_describes_both(client: ser.Client, bounds: Path) -> None:
    made.corpus(bounds / "corpus.zip", made.names(("03", "08", "09"), "FTW"))
    sound = made.sound(made.signal("03a01Wa.wav"))
    assert client.predict(sound, model="ready").speech
    answer = client.train(
        "corpus.zip",
        model_type="RandomForestClassifier",
        model_config={"n_estimators": 5},
        dataset_feature_extract_methods={"MFCC": {"num_cepstral": 5}},
    )
    assert client.models.aliases() == {"latest": answer["model_id"]}
    found = client.predict(sound)
    local = ser.load_model("latest", registry="model").predict(sound)
    assert dict(found.probabilities) == dict(local.probabilities)
    assert [job.status for job in client.jobs.list()] == ["succeeded"]
    url = str(client)[len("Client('") : -2]
    document = urllib3.request("GET", f"{url}/openapi.json").json()
    assert {"/train", "/predict", "/models"} <= {*document["paths"]}
    judged = commands.run("predict", "corpus.zip", "--url", url)
    assert (judged.returncode, judged.stdout.count(b"\n")) == (1, 2)
    (bounds / "speech.wav").write_bytes(sound)
    judged = commands.run("predict", "speech.wav", "--format", "csv", "--url", url)
    assert judged.stdout.decode().splitlines()[1].startswith(f"speech.wav,{found.emotion},")


def test_a_refused_training_of_the_server_names_what_was_typed(client: ser.Client) -> None:
    url = str(client)[len("Client('") : -2]
    typed = ("--model-type", "Oracle", "--alias", "a b", "--registry", "/etc/models")
    refused = commands.run("train", "ftp://host/corpus.zip", *typed, "--url", url)
    message = refused.stderr.decode()
    assert (refused.returncode, message[:5]) == (1, "ser: ")
    for argument in (
        *("--model-type Oracle: ", "--alias a b: ", "--registry /etc/models: "),
        "ftp://host/corpus.zip: ",
    ):
        assert argument in message
    for field in ("model_type", "remote_url", "model_save_path"):
        assert f"{field}:" not in message


def test_other_machines_are_answered_only_with_keys(bounds: Path) -> None:
    port = str(free_port())
    refused = commands.run("serve", "--host", "0.0.0.0", "--port", port)
    assert refused.returncode == 1
    assert b"SER_API_KEYS" in refused.stderr
