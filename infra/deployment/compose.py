"""The local stack in containers: both functions, gateway, object store and notebook."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from deployment.choices import Choices
from deployment.commands import run, succeeds
from deployment.health import wait_until_healthy
from deployment.plan import Need, Step
from ser.service.exposure import Exposure, SettingsError
from stack import ROOT

FILE = ROOT / "infra" / "local" / "compose.yaml"
LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
CAPABLE = ("docker", "podman")


class Compose:
    """Compose of Docker or Podman on this machine."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._engine = choices.engine or next(filter(composes, CAPABLE), "docker")

    def needs(self) -> Iterator[Need]:
        yield Need(
            f"{self._engine} compose",
            lambda: composes(self._engine),
            "install Docker with its Compose plugin, or Podman and podman-compose, and start it",
        )

    def needs_to_deploy(self) -> Iterator[Need]:
        yield Need(
            f"callers' keys for ports on {self._choices.bind}",
            lambda: self._choices.bind in LOOPBACK or decided(os.environ),
            "SER_API_KEYS= with lines of `make key`, SER_OPEN=1 if a proxy authenticates callers, "
            "or BIND=127.0.0.1",
        )

    def place(self) -> str:
        return f"this machine, by {self._engine} compose, port {self._choices.port}"

    def deploy(self) -> list[Step]:
        url = f"http://localhost:{self._choices.port}/healthz"
        # Compose builds every image of its file, that of the notebook included.
        build = [] if self._choices.images else ["--build"]
        # podman-compose up to 1.5 has no --wait; the health check below does not need it.
        wait = ["--wait"] if self._engine == "docker" else []
        return [
            Step(
                f"Start the services of {FILE.relative_to(ROOT)}"
                + (", after building their images." if build else "."),
                lambda: self._compose("up", *build, "--detach", *wait),
            ),
            Step(f"Check {url}.", lambda: wait_until_healthy(url, self._choices.wait_seconds)),
        ]

    def undeploy(self) -> list[Step]:
        if self._choices.deletes_data:
            removal = "Remove the containers and their volumes: MODELS, JOBS AND CORPORA ARE LOST."
            return [Step(removal, lambda: self._compose("down", "--volumes"))]
        removal = "Remove the containers, but keep their volumes (DELETE=data deletes them)."
        return [Step(removal, lambda: self._compose("down"))]

    def _compose(self, *arguments: str) -> None:
        # The notebook writes to the clone as the clone's owner.
        os.environ.setdefault("OWNER", f"{os.getuid()}:{os.getgid()}")
        run([self._engine, "compose", "--file", str(FILE), *arguments])


def decided(environment: Mapping[str, str]) -> bool:
    """Return whether ``environment`` says who may call the functions."""
    try:
        return not Exposure.from_environment(environment).is_local
    except SettingsError:
        return False


def composes(engine: str) -> bool:
    """Return whether ``engine`` has Compose and can run containers."""
    return succeeds([engine, "compose", "version"]) and succeeds([engine, "info"])
