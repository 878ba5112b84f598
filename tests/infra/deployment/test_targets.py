"""The effects of make deploy and make undeploy on each target."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from flask import Flask, Response, request

import buckets
import kubernetes
import registry
import terraform
from applications import served
from clones import Clone, tags
from stacks import Client
from terraform import ACCOUNT, REGION

# Knative: the real kubectl and buildah, a stand-in for the cluster and one for the registry


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is missing")
def test_knative_is_deployed_twice_and_removed(
    clone: Clone, buildah: dict[str, str], stack: Client, tmp_path: Path
) -> None:
    with (
        registry.registry() as images,
        kubernetes.cluster(tmp_path, address_in(stack)) as cluster,
    ):
        insecure = f'[[registry]]\nlocation = "{images.address}"\ninsecure = true\n'
        (tmp_path / "registries.conf").write_text(insecure)
        choices = {
            **buildah,
            "CONTAINERS_REGISTRIES_CONF": str(tmp_path / "registries.conf"),
            "KUBECONFIG": str(cluster.kubeconfig),
            "REGISTRY": f"{images.address}/you",
            "BUCKET": "speech-models",
        }
        refused = clone.run("deploy", "knative", YES="1", **choices)
        assert "- the Secret ser-s3: kubectl create secret generic ser-s3" in refused.stderr
        assert "- the Secret ser-keys: kubectl create secret generic ser-keys" in refused.stderr

        choices["OPEN"] = "1"
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "ser-s3"}}
        cluster.objects["Secret", "ser-s3"] = secret
        first = clone.succeed("deploy", "knative", **choices)
        assert "the cluster of context 'stand-in', namespace 'speech'" in first
        (tag,) = set(tags(first))
        for function in ("train", "predict"):
            assert (f"you/ser-{function}", tag) in images.manifests
            service = cluster.objects["Service", f"ser-{function}"]
            (container,) = service["spec"]["template"]["spec"]["containers"]
            assert container["image"] == f"{images.address}/you/ser-{function}:{tag}"
            assert f"{address_in(stack)(f'ser-{function}')}/healthz is healthy." in first
        kinds = sorted(kind for kind, _ in cluster.objects)
        assert kinds == [
            *("Broker", "ConfigMap", "NetworkPolicy", "Secret"),
            *("Service", "Service", "Service", "ServiceAccount", "Trigger"),
        ]
        listener, predict = (
            cluster.objects["Service", name]["spec"]["template"]["spec"]["containers"][0]
            for name in ("ser-listen", "ser-predict")
        )
        assert listener["image"] == predict["image"]
        assert f"{address_in(stack)('ser-listen')}/healthz is healthy." in first
        (settings,) = (each for (k, _), each in cluster.objects.items() if k == "ConfigMap")
        assert settings["data"]["BUCKET"] == "speech-models"
        assert settings["data"]["SER_OPEN"] == "1"
        assert "SER_API_KEYS" not in settings["data"]

        again = clone.succeed("deploy", "knative", **choices)
        assert again.count(" unchanged\n") == 8
        assert "created" not in again

        clone.succeed("undeploy", "knative", **choices)
        assert list(cluster.objects) == [("Secret", "ser-s3")]


def address_in(stack: Client) -> kubernetes.AddressOf:
    """Return the address at which the stack answers for a service of Knative."""
    return lambda service: f"{stack.stack.url}/{service.removeprefix('ser-')}"


# Compose: a stand-in for its engine records command lines


@pytest.mark.parametrize(("engine", "wait"), [("docker", " --wait"), ("podman", "")])
def test_compose_is_started_and_its_health_is_checked(
    clone: Clone, stack: Client, engine: str, wait: str
) -> None:
    clone.install(engine)
    port = stack.stack.url.rpartition(":")[2]
    output = clone.succeed("deploy", "compose", ENGINE=engine, PORT=port)
    file = clone.root / "infra" / "local" / "compose.yaml"
    assert clone.recorded() == [f"{engine} compose --file {file} up --build --detach{wait}"]
    assert f"http://localhost:{port}/healthz is healthy." in output


@pytest.mark.parametrize(
    ("choice", "allowed"),
    [
        ({}, False),
        ({"SER_OPEN": "0"}, False),
        ({"SER_OPEN": "perhaps"}, False),
        ({"SER_API_KEYS": " "}, False),
        ({"SER_OPEN": "1"}, True),
        ({"SER_API_KEYS": "keys"}, True),
    ],
)
def test_compose_is_published_beyond_this_machine_only_by_an_explicit_choice(
    clone: Clone, choice: Mapping[str, str], allowed: bool
) -> None:
    clone.install("docker")
    run = clone.run("deploy", "compose", YES="1", BIND="0.0.0.0", PORT="1", WAIT="0", **choice)
    assert ("callers' keys for ports on 0.0.0.0: SER_API_KEYS=" in run.stderr) is not allowed
    assert bool(clone.recorded()) is allowed


def test_a_deployment_that_does_not_become_healthy_in_time_fails(clone: Clone) -> None:
    clone.install("podman")
    run = clone.run("deploy", "compose", YES="1", ENGINE="podman", PORT="1", WAIT="0")
    assert run.returncode == 1
    assert "http://localhost:1/healthz is not healthy after 0 s: no answer" in run.stderr


@pytest.mark.parametrize(("choice", "option"), [({}, ""), ({"DELETE": "data"}, " --volumes")])
def test_compose_keeps_its_volumes_unless_data_are_to_be_deleted(
    clone: Clone, choice: Mapping[str, str], option: str
) -> None:
    clone.install("docker")
    output = clone.succeed("undeploy", "compose", **choice)
    assert [each.partition(".yaml ")[2] for each in clone.recorded()] == [f"down{option}"]
    assert ("ARE LOST" in output) is bool(option)


# AWS: the real Terraform with moto's server, and the real functions behind an authoriser


@pytest.fixture
def authorised(stack: Client) -> Iterator[str]:
    """The address of the stack behind an authoriser that requires signed requests."""
    app = Flask("authoriser")
    credential = f"AWS4-HMAC-SHA256 Credential={buckets.ENVIRONMENT['AWS_ACCESS_KEY_ID']}/"

    @app.get("/<path:path>")
    def authorise(path: str) -> Response:
        signed = request.headers.get("Authorization", "")
        if (
            not signed.startswith(credential)
            or f"/{REGION}/execute-api/aws4_request," not in signed
        ):
            return Response("Forbidden", 403)
        return Response(status=stack.get(f"/{path}").status)

    with served(app) as url:
        yield url


def test_aws_is_deployed_twice_and_removed_except_for_models(
    clone: Clone, authorised: str, tmp_path: Path
) -> None:
    for root in ("infra/aws", "infra/aws/repositories"):
        (clone.root / root / "test_override.tf").write_text(terraform.PROVIDER)
    (clone.root / "infra/aws/slow_override.tf").write_text(SLOW)
    clone.install("podman")
    with terraform.running_cloud() as cloud:
        # Skips where Terraform or its provider is not available.
        terraform.Root(clone.root / "infra/aws/repositories", tmp_path / "probe", cloud)
        choices = {**cloud.environment, "ENGINE": "podman", "ADDRESS": authorised}
        first = clone.succeed("deploy", "aws", **choices)
        assert f"AWS account {ACCOUNT}, region {REGION}, as arn:aws:" in first
        assert f"{authorised}/train/healthz is healthy." in first
        (tag,) = set(tags(first))
        image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/ser-train-lambda:{tag}"
        assert f"podman push {image}" in clone.recorded()
        function = cloud.client("lambda").get_function(FunctionName="ser-train")
        assert function["Code"]["ImageUri"] == image

        # From now on the registry has the images that the engine only pretended to push.
        for name in ("ser-train-lambda", "ser-predict-lambda"):
            media_type = "application/vnd.docker.distribution.manifest.v2+json"
            manifest = {"schemaVersion": 2, "mediaType": media_type, "layers": []}
            cloud.client("ecr").put_image(
                repositoryName=name, imageManifest=json.dumps(manifest), imageTag=tag
            )
        pushed = len(clone.recorded())
        clone.succeed("deploy", "aws", **choices)
        assert not [each for each in clone.recorded()[pushed:] if " push " in each]

        s3, bucket = cloud.client("s3"), f"ser-{ACCOUNT}-{REGION}"
        s3.put_object(Bucket=bucket, Key="models/a/model.onnx", Body=b"a model")
        kept = clone.succeed("undeploy", "aws", **choices)
        assert f"except s3://{bucket}, which is not empty" in kept
        assert cloud.client("lambda").list_functions()["Functions"] == []
        assert cloud.client("ecr").describe_repositories()["repositories"] == []
        assert s3.get_object(Bucket=bucket, Key="models/a/model.onnx")["Body"].read() == b"a model"

        lost = clone.succeed("undeploy", "aws", DELETE="data", **choices)
        assert f"s3://{bucket} included: ALL MODELS, JOBS AND CORPORA IN IT ARE LOST" in lost
        assert bucket not in {each["Name"] for each in s3.list_buckets()["Buckets"]}
        assert "the bucket is empty" in clone.succeed("undeploy", "aws", **choices)


SLOW = """
resource "aws_s3_bucket_lifecycle_configuration" "registry" {
  count = 0
}

resource "aws_s3_bucket_policy" "registry" {
  count = 0
}
"""
"""Leaves two resources out: the provider watches a lifecycle for a minute, and the policy refuses
requests without TLS, which all requests here are. tests/infra/aws applies both."""
