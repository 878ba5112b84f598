"""The local stack of containers: both functions, their gateway, a store and a notebook."""

from __future__ import annotations

import os
from collections.abc import Iterator

from deployment.choices import Choices
from deployment.commands import run, succeeds
from deployment.health import wait_until_healthy
from deployment.plan import Need, Step
from stack import ROOT

FILE = ROOT / "infra" / "local" / "compose.yaml"
CAPABLE = ("docker", "podman")


class Compose:
    """Docker's or Podman's Compose on this machine."""

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
        return iter(())

    def place(self) -> str:
        return f"this machine, by {self._engine} compose, port {self._choices.port}"

    def deploy(self) -> list[Step]:
        url = f"http://localhost:{self._choices.port}/healthz"
        # Compose builds what its file describes, a notebook's image among it.
        build = [] if self._choices.images else ["--build"]
        # podman-compose refuses to wait up to its release 1.5; we ask for health all the same.
        wait = ["--wait"] if self._engine == "docker" else []
        return [
            Step(
                f"Start what {FILE.relative_to(ROOT)} describes and does not run yet"
                + (", from images built anew where something has changed." if build else "."),
                lambda: self._compose("up", *build, "--detach", *wait),
            ),
            Step(f"Ask {url}.", lambda: wait_until_healthy(url, self._choices.wait_seconds)),
        ]

    def undeploy(self) -> list[Step]:
        if self._choices.deletes_data:
            says = "Remove the containers, and their volumes: MODELS, JOBS AND CORPORA ARE LOST."
            return [Step(says, lambda: self._compose("down", "--volumes"))]
        says = "Remove the containers; their volumes stay (DELETE=data deletes them)."
        return [Step(says, lambda: self._compose("down"))]

    def _compose(self, *arguments: str) -> None:
        # The notebook writes in the clone as whoever owns it.
        os.environ.setdefault("OWNER", f"{os.getuid()}:{os.getgid()}")
        run([self._engine, "compose", "--file", str(FILE), *arguments])


def composes(engine: str) -> bool:
    """Tell whether ``engine`` has Compose and somebody who runs containers."""
    return succeeds([engine, "compose", "version"]) and succeeds([engine, "info"])
