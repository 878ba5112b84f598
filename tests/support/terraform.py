"""The real Terraform, applied to moto's server in place of AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
import urllib3

import buckets

ACCOUNT = "123456789012"  # moto's
REGION = "eu-central-1"

PROVIDER = """
provider "aws" {
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
"""
"""Settings of the provider for a server on a loopback address."""

UNREACHABLE = ("Failed to query available provider packages", "Failed to install provider")
"""Messages of Terraform where it reaches neither its registry nor a mirror."""

LOCAL_FILES = shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars", "*_override.tf")
"""Files that a deployment from this clone leaves in its folders."""
SECONDS = 900
"""Time-out of a command."""

KINDS = {
    ("apigatewayv2", "get_apis"): ("Items", "ApiId"),
    ("cloudwatch", "describe_alarms"): ("MetricAlarms", "AlarmArn"),
    ("ecr", "describe_repositories"): ("repositories", "repositoryArn"),
    ("iam", "list_policies"): ("Policies", "Arn"),
    ("iam", "list_roles"): ("Roles", "Arn"),
    ("lambda", "list_functions"): ("Functions", "FunctionArn"),
    ("logs", "describe_log_groups"): ("logGroups", "arn"),
    ("logs", "describe_metric_filters"): ("metricFilters", "filterName"),
    ("s3", "list_buckets"): ("Buckets", "Name"),
    ("sqs", "list_queues"): ("QueueUrls", ""),
}
"""Kinds of resources: by service and operation, the field of the list and that of the name."""


class Cloud(NamedTuple):
    """A stand-in for AWS at ``address``."""

    address: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables by which programs use it."""
        region = {"AWS_DEFAULT_REGION": REGION, "AWS_REGION": REGION}
        return {**buckets.ENVIRONMENT, **region, "AWS_ENDPOINT_URL": self.address}

    def client(self, service: str, *, role: str | None = None) -> Any:
        """Return a client of ``service`` with all permissions, or those of ``role``, an ARN."""
        credentials = self.credentials(role) if role else buckets.ENVIRONMENT
        return boto3.client(
            service,
            endpoint_url=self.address,
            region_name=REGION,
            aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
            aws_session_token=credentials.get("AWS_SESSION_TOKEN"),
        )

    def credentials(self, role: str) -> dict[str, str]:
        """Return the credentials of ``role``, an ARN, as environment variables."""
        found = self.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        return {
            "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
            "AWS_SESSION_TOKEN": found["SessionToken"],
        }

    def policy(self, role: str) -> list[dict[str, Any]]:
        """Return the statements of all policies of ``role``, a name."""
        iam = self.client("iam")
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        names = iam.list_role_policies(RoleName=role)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=role, PolicyName=each) for each in names]
        return [each for d in documents for each in d["PolicyDocument"]["Statement"]]

    def inventory(self) -> list[str]:
        """Return the names of all resources of the kinds in :data:`KINDS`."""
        found = []
        for (service, operation), (kind, name) in KINDS.items():
            options = {"Scope": "Local"} if operation == "list_policies" else {}
            answer = getattr(self.client(service), operation)(**options)
            found += [each[name] if name else each for each in answer.get(kind, [])]
        return sorted(found)

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Enforce policies until the context ends."""
        self._guard_after("0")
        try:
            yield
        finally:
            self._guard_after("inf")

    def _guard_after(self, requests: str) -> None:
        answer = urllib3.request(
            "POST", f"{self.address}/moto-api/reset-auth", body=requests, timeout=60
        )
        assert answer.status == 200, answer.data


@contextmanager
def running_cloud() -> Iterator[Cloud]:
    """Yield a running cloud."""
    with buckets.s3() as address:
        yield Cloud(address)


class Change(NamedTuple):
    """The planned change of a resource."""

    actions: list[str]
    after: dict[str, Any]
    """The changed attributes with their new values."""
    unknown: frozenset[str]
    """The attributes that are known only after the apply."""


class Root:
    """A copy of a root module, with a separate state.

    Creating one skips the test where Terraform or its provider is not available.
    """

    def __init__(self, source: Path, folder: Path, cloud: Cloud) -> None:
        if not shutil.which("terraform"):
            pytest.skip("terraform is missing")
        shutil.copytree(source, folder, ignore=LOCAL_FILES)
        (folder / "test_override.tf").write_text(PROVIDER)
        self.folder = folder
        inherited = ("PATH", "HOME", "TMPDIR", "TF_CLI_CONFIG_FILE")
        self._environment = {name: os.environ[name] for name in inherited if name in os.environ}
        quiet = {"CHECKPOINT_DISABLE": "1", "TF_CLI_ARGS": "-no-color"}
        self._environment |= {**cloud.environment, **quiet}
        initialised = self.run("init", "-input=false", fails=True)
        for reason in UNREACHABLE:
            if reason in initialised.stderr:
                pytest.skip(f"Terraform's provider is not available: {reason}")
        assert initialised.returncode == 0, initialised.stderr

    def run(self, *arguments: str, fails: bool = False) -> subprocess.CompletedProcess[str]:
        """Run Terraform; it must succeed unless it ``fails``."""
        run = subprocess.run(
            ["terraform", *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
        assert fails or run.returncode == 0, f"{arguments}: {run.stdout[-4000:]}{run.stderr}"
        return run

    def apply(self, *options: str) -> None:
        self.run("apply", "-auto-approve", "-input=false", *options)

    def destroy(self, *options: str) -> None:
        self.run("destroy", "-auto-approve", "-input=false", *options)

    @property
    def outputs(self) -> dict[str, Any]:
        found = json.loads(self.run("output", "-json").stdout)
        return {name: output["value"] for name, output in found.items()}

    def changes(self, *options: str) -> dict[str, Change]:
        """Return the planned changes, by the addresses of resources."""
        plan = self.run(
            "plan", "-input=false", "-detailed-exitcode", "-out=plan", *options, fails=True
        )
        assert plan.returncode in (0, 2), plan.stderr
        shown = json.loads(self.run("show", "-json", "plan").stdout) if plan.returncode else {}
        return {
            resource["address"]: change_of(resource["change"])
            for resource in shown.get("resource_changes", [])
            if resource["change"]["actions"] != ["no-op"]
        }

    def refusals(self, *options: str) -> list[str]:
        """Return the first line of each error of a plan with ``options``."""
        run = self.run("plan", "-json", "-input=false", *options, fails=True)
        assert run.returncode == 1, run.stdout
        messages = [json.loads(line) for line in run.stdout.splitlines()]
        errors = [each["diagnostic"] for each in messages if each["@level"] == "error"]
        return [error["detail"].partition("\n")[0] for error in errors]


def change_of(change: dict[str, Any]) -> Change:
    before, after = change["before"] or {}, change["after"] or {}
    others = {name: after[name] for name in after if after[name] != before.get(name)}
    return Change(change["actions"], others, frozenset(change["after_unknown"]))
