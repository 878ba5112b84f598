"""What make package, make deploy and make undeploy do before they do anything."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from clones import Clone
from stacks import ROOT


@pytest.mark.parametrize("command", ["package", "deploy", "undeploy"])
def test_a_target_that_is_none_is_refused_with_those_that_are(clone: Clone, command: str) -> None:
    run = clone.run(command, "gcp")
    assert run.returncode == 1
    assert run.stderr == "TARGET is 'gcp'; allowed: aws, knative, compose\n"


def test_deploy_without_a_target_says_which_there_are(clone: Clone) -> None:
    assert clone.run("deploy").stderr == "TARGET is ''; allowed: aws, knative, compose\n"


def test_every_choice_that_is_not_allowed_is_named(clone: Clone) -> None:
    run = clone.run("deploy", "aws", ENGINE="lxc", WAIT="long", DELETE="all", TRAIN_IMAGE="a:1")
    assert run.returncode == 1
    assert run.stderr.splitlines() == [
        "ENGINE is 'lxc'; allowed: docker, podman, buildah",
        "WAIT is 'long'; allowed: a number of seconds",
        "DELETE is 'all'; allowed: data",
        "TRAIN_IMAGE and PREDICT_IMAGE is 'a:1'; allowed: both or none",
    ]


def test_make_hands_over_what_is_chosen() -> None:
    # The environment is taken as it is: whoever runs tests has one.
    command = ["make", "--old-file=.venv/installed", "deploy", "TARGET=aws", "ENGINE=lxc"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
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
def test_all_that_is_missing_is_named_at_once(
    clone: Clone, target: str, missing: list[str]
) -> None:
    run = clone.run("deploy", target, YES="1", PATH=str(clone.programs))
    assert run.returncode == 1
    first, *named = run.stderr.splitlines()
    assert first == "This is missing:"
    assert len(named) == len(missing)
    assert all(line.startswith(f"- {what}") for line, what in zip(named, missing, strict=True))
    # Each with how to get it.
    assert all(len(line.partition(": ")[2]) > 10 for line in named)


def test_a_client_of_docker_without_its_daemon_is_no_engine(clone: Clone) -> None:
    clone.install("docker", "#!/bin/sh\n[ $1 != info ]\n")
    run = clone.run("package", PATH=str(clone.programs))
    assert "- an engine that builds images: install Docker" in run.stderr
    clone.install("podman")
    assert "with podman" in clone.done("package", PATH=str(clone.programs))


def test_nothing_is_done_where_nobody_can_agree(clone: Clone) -> None:
    clone.install("docker")
    run = clone.run("deploy", "compose")
    assert run.returncode == 1
    assert "  1. Start what infra/local/compose.yaml describes" in run.stdout
    assert run.stderr == "Nothing was done: nobody can be asked here; to agree, say YES=1.\n"
    assert clone.recorded() == []


@pytest.mark.parametrize(("answer", "done"), [("n", False), ("", False), ("y", True)])
def test_whoever_sits_at_a_terminal_is_asked(clone: Clone, answer: str, done: bool) -> None:
    clone.install("docker")
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    run = subprocess.run(
        [sys.executable, "-m", "deployment", "undeploy", "compose"],
        env=clone.environment(),
        stdin=theirs,
        capture_output=True,
        text=True,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert "Go ahead? [y/N]" in run.stdout
    assert (run.returncode == 0) is done
    assert bool(clone.recorded()) is done
