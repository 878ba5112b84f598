"""Knative, by way of kubectl."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

import msgspec

from deployment.choices import Choices
from deployment.commands import output_of, run, succeeds
from deployment.health import wait_until_healthy
from deployment.images import FUNCTIONS, Images
from deployment.plan import Need, Step, tool
from stack import ROOT

BASE = ROOT / "infra" / "knative" / "base"
SERVICES = (*FUNCTIONS, "listen")
"""Both functions, and live time lines by the image of predict."""
LABEL = "app.kubernetes.io/part-of=ser-functions"
"""The label of all manifests."""
KINDS = (
    "services.serving.knative.dev",
    "triggers.eventing.knative.dev",
    "brokers.eventing.knative.dev",
)
CREDENTIALS_REMEDY = (
    "kubectl create secret generic ser-s3 --from-literal=AWS_ACCESS_KEY_ID=..."
    " --from-literal=AWS_SECRET_ACCESS_KEY=... (without literals where the service account `ser`"
    " has access)"
)

KEYS_REMEDY = (
    'kubectl create secret generic ser-keys --from-literal=keys="..." with lines of `make key`, or '
    "OPEN=1 where the ingress authenticates callers"
)
KEYS_FILE = "/etc/ser/keys"
"""The file of that Secret in the functions."""


class Knative:
    """A namespace of a cluster."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._images = Images(choices)
        self._names = dict(choices.images)

    def needs(self) -> Iterator[Need]:
        yield tool("kubectl", "install the command-line client of Kubernetes, 1.27 or newer")
        yield Need(
            "a cluster that answers",
            lambda: self._answers,
            "choose one of `kubectl config get-contexts` by CONTEXT=, or log in",
        )
        for kind in KINDS:
            yield Need(kind, partial(self._has, kind), "install Knative Serving and Eventing")

    def needs_to_deploy(self) -> Iterator[Need]:
        yield Need("the Secret ser-s3", partial(self._has, "secrets", "ser-s3"), CREDENTIALS_REMEDY)
        yield Need(
            "the Secret ser-keys",
            lambda: bool(self._choices.open) or self._has("secrets", "ser-keys"),
            KEYS_REMEDY,
        )
        yield Need(
            "BUCKET", lambda: bool(self._choices.bucket), "the bucket for models, jobs and corpora"
        )
        if not self._choices.images:
            yield self._images.need()
            yield Need(
                "REGISTRY",
                lambda: bool(self._choices.registry),
                "where the cluster pulls images from: registry.example.com/you",
            )

    def place(self) -> str:
        context = self._choices.context or output_of(["kubectl", "config", "current-context"])
        view = self._kubectl("config", "view", "--minify", "--output=jsonpath={..namespace}")
        namespace = self._choices.namespace or output_of(view) or "default"
        return f"the cluster of context {context!r}, namespace {namespace!r}"

    def deploy(self) -> list[Step]:
        building: list[Step] = []
        bucket, images = self._choices.bucket, self._choices.images_in_words
        if not self._choices.images:
            building = [
                *self._images.build(),
                Step(f"Push both to {self._choices.registry}.", self._push),
            ]
        return [
            *building,
            Step(f"Apply infra/knative with bucket {bucket} and {images}.", self._apply),
            Step("Wait until all services are ready.", self._wait),
            Step("Check /healthz of all services.", self._check_health),
        ]

    def undeploy(self) -> list[Step]:
        kept = "the bucket, the Secret and pushed images stay"
        return [Step(f"Delete the objects labelled {LABEL}; {kept}.", self._delete)]

    def _push(self) -> None:
        for function in FUNCTIONS:
            repository = f"{self._choices.registry}/{self._images.name(function)}"
            self._names[function] = self._images.push(function, repository)

    def _apply(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            chosen = kustomization(Path(folder).resolve(), self._choices, self._names)
            (Path(folder) / "kustomization.yaml").write_bytes(msgspec.json.format(chosen))
            run(self._kubectl("apply", "--kustomize", folder))

    def _wait(self) -> None:
        services = [f"services.serving.knative.dev/ser-{name}" for name in SERVICES]
        timeout = f"--timeout={self._choices.wait_seconds}s"
        run(self._kubectl("wait", "--for=condition=Ready", timeout, *services))

    def _check_health(self) -> None:
        for name in SERVICES:
            service = f"services.serving.knative.dev/ser-{name}"
            command = self._kubectl("get", service, "--output=jsonpath={.status.url}")
            wait_until_healthy(f"{output_of(command)}/healthz", self._choices.wait_seconds)

    def _delete(self) -> None:
        kinds = ",".join([*KINDS, "configmaps", "networkpolicies", "serviceaccounts"])
        run(self._kubectl("delete", kinds, f"--selector={LABEL}", "--ignore-not-found"))

    @cached_property
    def _answers(self) -> bool:
        return succeeds(self._kubectl("version"))

    def _has(self, kind: str, *names: str) -> bool:
        # Only a cluster that answers can report further missing requirements.
        return not self._answers or succeeds(self._kubectl("get", kind, *names, "--output=name"))

    def _kubectl(self, *arguments: str) -> list[str]:
        chosen = {"--context": self._choices.context, "--namespace": self._choices.namespace}
        options = [f"{option}={value}" for option, value in chosen.items() if value]
        return ["kubectl", *options, *arguments]


def kustomization(folder: Path, choices: Choices, images: dict[str, str]) -> bytes:
    """Return a kustomization for ``folder`` that sets ``images``, bucket and region.

    It is JSON, which is YAML too.
    """
    settings = [f"BUCKET={choices.bucket}", f"AWS_DEFAULT_REGION={choices.aws_default_region}"]
    settings.append("SER_OPEN=1" if choices.open else f"SER_API_KEYS={KEYS_FILE}")
    if choices.s3_endpoint:
        settings.append(f"AWS_ENDPOINT_URL={choices.s3_endpoint}")
    return msgspec.json.encode(
        {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(BASE, folder)],
            "images": [
                {"name": f"ser-{function}", **address(image)} for function, image in images.items()
            ],
            "configMapGenerator": [
                {"name": "ser-settings", "behavior": "merge", "literals": settings}
            ],
        }
    )


def address(image: str) -> dict[str, str]:
    """Return the parts of ``image`` under the names of kustomize."""
    name, _, digest = image.partition("@")
    if digest:
        return {"newName": name, "digest": digest}
    name, colon, tag = image.rpartition(":")
    # A colon before a slash precedes a port.
    if not colon or "/" in tag:
        return {"newName": image, "newTag": "latest"}
    return {"newName": name, "newTag": tag}
