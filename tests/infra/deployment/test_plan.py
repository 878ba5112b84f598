"""The checks and the questions of make package, make deploy and make undeploy before they act."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from clones import SECONDS, Clone
from makes import make


@pytest.mark.parametrize("command", ["package", "deploy", "undeploy"])
def test_an_unknown_target_is_refused_with_the_allowed_ones(clone: Clone, command: str) -> None:
    run = clone.run(command, "gcp")
    assert run.returncode == 1
    assert run.stderr == "TARGET is 'gcp'; allowed: aws, knative, compose\n"


def test_deploy_without_a_target_names_the_targets(clone: Clone) -> None:
    assert clone.run("deploy").stderr == "TARGET is ''; allowed: aws, knative, compose\n"


def test_every_invalid_choice_is_named(clone: Clone) -> None:
    run = clone.run("deploy", "aws", ENGINE="lxc", WAIT="long", DELETE="all", TRAIN_IMAGE="a:1")
    assert run.returncode == 1
    assert run.stderr.splitlines() == [
        "ENGINE is 'lxc'; allowed: docker, podman, buildah",
        "WAIT is 'long'; allowed: a number of seconds",
        "DELETE is 'all'; allowed: data",
        "TRAIN_IMAGE and PREDICT_IMAGE is 'a:1'; allowed: both or none",
    ]


def test_make_passes_its_variables_on() -> None:
    run = make("deploy", "TARGET=aws", "ENGINE=lxc")
    assert run.returncode != 0
    assert "ENGINE is 'lxc'; allowed: docker, podman, buildah" in run.stderr


@pytest.mark.parametrize(
    ("target", "missing"),
    [
        ("aws", ["terraform", "credentials of AWS", "a region of AWS", "an engine that builds"]),
        ("knative", ["kubectl", "a cluster that answers", "BUCKET", "an engine that", "REGISTRY"]),
        ("compose", ["docker compose"]),
    ],
)
def test_all_missing_requirements_are_named_at_once(
    clone: Clone, target: str, missing: list[str]
) -> None:
    run = clone.run("deploy", target, YES="1", PATH=str(clone.programs))
    assert run.returncode == 1
    first, *named = run.stderr.splitlines()
    assert first == "This is missing:"
    assert len(named) == len(missing)
    assert all(line.startswith(f"- {name}") for line, name in zip(named, missing, strict=True))
    # Each with the way to get it.
    assert all(len(line.partition(": ")[2]) > 10 for line in named)


def test_a_docker_client_without_its_daemon_is_not_an_engine(clone: Clone) -> None:
    clone.install("docker", "#!/bin/sh\n[ $1 != info ]\n")
    run = clone.run("package", PATH=str(clone.programs))
    assert "- an engine that builds images: install Docker" in run.stderr
    clone.install("podman")
    assert "with podman" in clone.succeed("package", PATH=str(clone.programs))


def test_without_a_terminal_and_without_consent_nothing_is_done(clone: Clone) -> None:
    clone.install("docker")
    run = clone.run("deploy", "compose")
    assert run.returncode == 1
    assert "  1. Start the services of infra/local/compose.yaml" in run.stdout
    assert run.stderr == "Nothing was done: no terminal to ask at; YES=1 agrees in advance.\n"
    assert clone.recorded() == []


@pytest.mark.parametrize(("answer", "done"), [("n", False), ("", False), ("y", True)])
def test_at_a_terminal_the_user_is_asked(clone: Clone, answer: str, done: bool) -> None:
    clone.install("docker")
    terminal, stdin = pty.openpty()
    os.write(terminal, f"{answer}\n".encode())
    run = subprocess.run(
        [sys.executable, "-m", "deployment", "undeploy", "compose"],
        env=clone.environment(),
        stdin=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    os.close(terminal)
    os.close(stdin)
    assert "Go ahead? [y/N]" in run.stdout
    assert (run.returncode == 0) is done
    assert bool(clone.recorded()) is done
