"""The manifests of Knative, as kubectl renders them."""

from __future__ import annotations

import copy
import shutil
import subprocess
from typing import Any

import pytest
import yaml

from manifests import Manifest, faults
from ser.service.events.notifications import FINALIZED
from ser.service.readiness import LOOK_SECONDS
from ser.service.settings import Settings
from stacks import ROOT

KNATIVE = ROOT / "infra" / "knative"
FUNCTIONS = ("train", "predict")
SERVICES = (*FUNCTIONS, "listen")
MAX_REVISION_TIMEOUT_SECONDS = 600  # the maximum of Knative's default config-defaults

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is missing")


@pytest.fixture(scope="module")
def manifests() -> dict[tuple[str, str], Manifest]:
    """The rendered manifests, by kind and name."""
    command = ["kubectl", "kustomize", str(KNATIVE)]
    rendered = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60
    ).stdout
    documents = list(yaml.safe_load_all(rendered))
    return {(each["kind"], each["metadata"]["name"]): each for each in documents}


def revision(manifests: dict[tuple[str, str], Manifest], function: str) -> dict[str, Any]:
    spec: dict[str, Any] = manifests["Service", f"ser-{function}"]["spec"]["template"]["spec"]
    return spec


def container(manifests: dict[tuple[str, str], Manifest], function: str) -> dict[str, Any]:
    (only,) = revision(manifests, function)["containers"]
    assert isinstance(only, dict)
    return only


def test_every_manifest_fits_its_published_schema(
    manifests: dict[tuple[str, str], Manifest],
) -> None:
    assert {name: found for name, each in manifests.items() if (found := faults(each))} == {}
    kinds = sorted(kind for kind, _ in manifests)
    assert kinds == [
        *("Broker", "ConfigMap", "NetworkPolicy", "Service", "Service", "Service"),
        *("ServiceAccount", "Trigger"),
    ]


@pytest.mark.parametrize(
    ("kind", "path", "name", "value"),
    [
        ("Service", ("spec", "template", "spec"), "containerConcurency", 1),
        ("Service", ("spec", "template", "spec"), "containerConcurrency", "many"),
        ("Service", ("spec", "template", "spec", "containers", 0), "imagePulPolicy", "Always"),
        ("Service", ("spec", "template", "spec", "containers", 0), "image", 5),
        ("Trigger", ("spec", "subscriber"), "url", "/events"),
        ("Trigger", ("spec", "delivery"), "retry", "often"),
        ("Broker", (), "specs", {}),
        ("ServiceAccount", (), "automountToken", False),
        ("NetworkPolicy", (), "ingress", []),
        ("ConfigMap", (), "datas", {}),
        ("Service", (), "apiVersion", "serving.knative.dev/v1alpha1"),
    ],
)
def test_misspelt_fields_and_wrong_types_are_detected(
    manifests: dict[tuple[str, str], Manifest],
    kind: str,
    path: tuple[str | int, ...],
    name: str,
    value: object,
) -> None:
    manifest: Any = copy.deepcopy(next(each for (k, _), each in manifests.items() if k == kind))
    place = manifest
    for step in path:
        place = place[step]
    place[name] = value
    assert faults(manifest)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_functions_scale_from_zero(
    manifests: dict[tuple[str, str], Manifest], function: str
) -> None:
    template = manifests["Service", f"ser-{function}"]["spec"]["template"]
    scales = template["metadata"]["annotations"]
    assert scales["autoscaling.knative.dev/min-scale"] == "0"
    assert int(scales["autoscaling.knative.dev/max-scale"]) > 0
    # Knative refuses unknown annotations of its domain.
    assert scales.keys() <= {
        f"autoscaling.knative.dev/{name}"
        for name in (
            "min-scale",
            "max-scale",
            "scale-down-delay",
            "scale-to-zero-pod-retention-period",
        )
    }


@pytest.mark.parametrize("function", SERVICES)
def test_functions_run_without_any_privilege(
    manifests: dict[tuple[str, str], Manifest], function: str
) -> None:
    context = container(manifests, function)["securityContext"]
    assert context == {
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "runAsGroup": 65534,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    # By default Knative refuses a securityContext of the pod, init containers and the like.
    assert revision(manifests, function).keys() <= {
        "containerConcurrency",
        "containers",
        "enableServiceLinks",
        "responseStartTimeoutSeconds",
        "serviceAccountName",
        "timeoutSeconds",
        "volumes",
    }


@pytest.mark.parametrize("function", SERVICES)
def test_only_tmp_is_writable_and_its_size_is_limited(
    manifests: dict[tuple[str, str], Manifest], function: str
) -> None:
    mounts = container(manifests, function)["volumeMounts"]
    (mount,) = (each for each in mounts if not each.get("readOnly"))
    volumes = {each["name"]: each for each in revision(manifests, function)["volumes"]}
    assert mount["mountPath"] == "/tmp"
    assert volumes[mount["name"]]["emptyDir"]["sizeLimit"]
    assert volumes.keys() == {each["name"] for each in mounts}


@pytest.mark.parametrize("function", SERVICES)
def test_the_keys_of_callers_are_the_file_of_a_secret_which_changes_without_a_restart(
    manifests: dict[tuple[str, str], Manifest], function: str
) -> None:
    (mount,) = (
        each for each in container(manifests, function)["volumeMounts"] if each.get("readOnly")
    )
    (volume,) = (
        each for each in revision(manifests, function)["volumes"] if each["name"] == mount["name"]
    )
    assert volume["secret"] == {"secretName": "ser-keys", "optional": True}
    (settings,) = (each["data"] for (kind, _), each in manifests.items() if kind == "ConfigMap")
    assert settings["SER_API_KEYS"] == f"{mount['mountPath']}/keys"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_services_have_one_port_and_are_probed_for_health_and_readiness(
    manifests: dict[tuple[str, str], Manifest], function: str
) -> None:
    only = container(manifests, function)
    assert only["ports"] == [{"containerPort": 8080}]
    for probe, path in (("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
        assert only[probe]["httpGet"] == {"path": path}
        # Longer than a look at the store takes at most.
        assert only[probe]["timeoutSeconds"] > LOOK_SECONDS


def test_timeouts_are_within_the_limits_of_knative(
    manifests: dict[tuple[str, str], Manifest],
) -> None:
    for name in SERVICES:
        spec = revision(manifests, name)
        assert spec["timeoutSeconds"] <= MAX_REVISION_TIMEOUT_SECONDS
        assert spec.get("responseStartTimeoutSeconds", 0) <= spec["timeoutSeconds"]
    # A training answers only at its end, and Knative's default is 300 s.
    train = revision(manifests, "train")
    assert train["responseStartTimeoutSeconds"] == train["timeoutSeconds"]


def test_a_listener_is_closed_with_a_reason_before_knative_ends_its_connection(
    manifests: dict[tuple[str, str], Manifest],
) -> None:
    """Knative ends WebSockets by its timeouts for requests and for the start of a response."""
    spec, settings = revision(manifests, "listen"), environment(manifests, "listen")
    allowed = min(spec["timeoutSeconds"], spec["responseStartTimeoutSeconds"])
    assert settings.max_listen_seconds < allowed
    assert settings.max_listeners >= spec["containerConcurrency"]


def test_live_time_lines_are_served_by_the_image_of_predict(
    manifests: dict[tuple[str, str], Manifest],
) -> None:
    only = container(manifests, "listen")
    assert only["image"] == container(manifests, "predict")["image"]
    assert only["command"] == ["python3", "-m", "ser.service.listening"]
    assert only["ports"] == [{"containerPort": 8080}]
    for probe in ("readinessProbe", "livenessProbe"):
        assert only[probe]["httpGet"] == {"path": "/healthz"}


def test_a_training_continues_after_its_caller_has_disconnected(
    manifests: dict[tuple[str, str], Manifest],
) -> None:
    template = manifests["Service", "ser-train"]["spec"]["template"]
    delay = template["metadata"]["annotations"]["autoscaling.knative.dev/scale-down-delay"]
    assert 60 * int(delay.removesuffix("m")) >= template["spec"]["timeoutSeconds"]


def test_an_instance_runs_one_training_at_a_time(
    manifests: dict[tuple[str, str], Manifest],
) -> None:
    assert revision(manifests, "train")["containerConcurrency"] == 1
    assert environment(manifests, "train").max_trainings == 1


def environment(manifests: dict[tuple[str, str], Manifest], function: str) -> Settings:
    """Return the settings of a function, with the name of the bucket inserted."""
    only = container(manifests, function)
    (name,) = (each["configMapRef"]["name"] for each in only["envFrom"] if "configMapRef" in each)
    data = manifests["ConfigMap", name]["data"]
    variables = {
        each["name"]: each["value"].replace("$(BUCKET)", data["BUCKET"]) for each in only["env"]
    }
    return Settings.from_environment(variables)


def test_the_bucket_is_chosen_in_one_place(manifests: dict[tuple[str, str], Manifest]) -> None:
    for name in SERVICES:
        settings = environment(manifests, name)
        assert settings.model_save_path == "s3://example-bucket/models"
        assert settings.jobs_uri == "s3://example-bucket/jobs"
        assert settings.allowed_buckets == ("example-bucket",)


def test_images_are_chosen_in_one_place(manifests: dict[tuple[str, str], Manifest]) -> None:
    for function in FUNCTIONS:
        image = container(manifests, function)["image"]
        assert image == f"registry.example.com/ser-{function}:latest"


def test_credentials_come_from_a_secret_that_is_not_in_the_repository(
    manifests: dict[tuple[str, str], Manifest],
) -> None:
    for name in SERVICES:
        references = container(manifests, name)["envFrom"]
        assert {"secretRef": {"name": "ser-s3", "optional": True}} in references
    assert not [name for kind, name in manifests if kind == "Secret"]


def test_only_knative_reaches_the_functions(manifests: dict[tuple[str, str], Manifest]) -> None:
    policy = manifests["NetworkPolicy", "ser"]["spec"]
    (chosen,) = policy["podSelector"]["matchExpressions"]
    assert chosen["key"] == "serving.knative.dev/service"
    assert sorted(chosen["values"]) == sorted(f"ser-{name}" for name in SERVICES)
    assert policy["policyTypes"] == ["Ingress"]
    (rule,) = policy["ingress"]
    (peer,) = rule["from"]
    # An empty selector beside it would allow every namespace.
    assert peer.keys() == {"namespaceSelector"}
    (namespaces,) = peer["namespaceSelector"]["matchExpressions"]
    assert namespaces["key"] == "kubernetes.io/metadata.name"
    assert "knative-serving" in namespaces["values"]


def test_storage_events_reach_train(manifests: dict[tuple[str, str], Manifest]) -> None:
    trigger = manifests["Trigger", "ser-train"]["spec"]
    assert ("Broker", trigger["broker"]) in manifests
    subscriber = trigger["subscriber"]
    assert (subscriber["ref"]["kind"], subscriber["ref"]["name"]) in manifests
    assert (subscriber["ref"]["name"], subscriber["uri"]) == ("ser-train", "/events")
    assert trigger["filter"]["attributes"] == {"type": FINALIZED}


def test_an_event_is_delivered_more_often_than_its_job_is_attempted(
    manifests: dict[tuple[str, str], Manifest],
) -> None:
    delivery = manifests["Trigger", "ser-train"]["spec"]["delivery"]
    assert 1 + delivery["retry"] > environment(manifests, "train").max_attempts


def test_memory_suffices_for_the_allowed_concurrent_requests(
    manifests: dict[tuple[str, str], Manifest],
) -> None:
    # Measured peaks (README): after the first answer, and with ten minutes of sound.
    first, longest = 89, 210
    at_once = revision(manifests, "predict")["containerConcurrency"]
    limits = container(manifests, "predict")["resources"]["limits"]
    assert int(limits["memory"].removesuffix("Mi")) > first + at_once * (longest - first)
