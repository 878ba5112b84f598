"""The images of both functions: building them and pushing them to a registry."""

from __future__ import annotations

import hashlib
import platform
import shutil
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path

from deployment.choices import ENGINES, Choices
from deployment.commands import output_of, run, succeeds
from deployment.plan import Need, Step
from ser import __version__
from stack import ROOT

FUNCTIONS = ("train", "predict")
DOCKERFILE = ROOT / "infra" / "images" / "Dockerfile"
CONTENT = ("functions", "infra/images", "shared/ser")
"""Folders that the images are made of, the same as in .dockerignore."""
REMEDY = "install Docker, Podman or Buildah, and start it"


class Images:
    """The images of the present state of the tree, built with ``choices``.

    Parameters
    ----------
    for_lambda
        Whether they are images for Lambda.
    """

    def __init__(self, choices: Choices, *, for_lambda: bool = False) -> None:
        self._choices = choices
        self._suffix = "-lambda" if for_lambda else ""
        self._for_lambda = for_lambda

    @cached_property
    def engine(self) -> str:
        """The program that builds them; empty if none works."""
        return self._choices.engine or next(filter(works, ENGINES), "")

    @cached_property
    def tag(self) -> str:
        """Their tag: the version, and a digest of the sources."""
        return f"{__version__}-{digest(self._choices)}"

    def need(self) -> Need:
        """Return the need of an engine."""
        name = self._choices.engine or "an engine that builds images"
        return Need(name, lambda: bool(self.engine) and works(self.engine), REMEDY)

    def name(self, function: str) -> str:
        """Return the local name of an image, without its tag."""
        return f"ser-{function}{self._suffix}"

    def build(self) -> list[Step]:
        """Return the steps that build both."""
        return [
            Step(
                f"Build {self.name(function)}:{self.tag} with {self.engine}.",
                partial(self._build, function),
            )
            for function in FUNCTIONS
        ]

    def bills(self) -> list[Step]:
        """Return the steps that write the bills of materials of both."""
        return [
            Step(
                f"List what {self.name(function)}:{self.tag} contains.",
                partial(self._list, function),
            )
            for function in FUNCTIONS
        ]

    def push(self, function: str, repository: str) -> str:
        """Push an image to ``repository``; return its name there."""
        local, remote = (f"{name}:{self.tag}" for name in (self.name(function), repository))
        run([self.engine, "tag", local, remote])
        run([self.engine, "push", remote])
        return remote

    def log_in(self, registry: str, user: str, password: str) -> None:
        """Log the engine in to ``registry``."""
        command = [self.engine, "login", "--username", user, "--password-stdin", registry]
        run(command, secret=password)

    def _list(self, function: str) -> None:
        # Imported here, because only this step needs it.
        from deployment.bill import Contents, write_bill

        chosen = self._choices
        contents = Contents(chosen.base, chosen.containers != "0", chosen.encoders != "0")
        path, found = write_bill(function, self.tag, contents)
        print(f"Written: {path}\nCopyleft in it: {', '.join(found)}")

    def _build(self, function: str) -> None:
        name, chosen = self.name(function), self._choices
        arguments = {
            "BASE": chosen.base,
            "CONTAINERS": chosen.containers,
            "ENCODERS": chosen.encoders,
            "FUNCTION": function if self._for_lambda else "",
            "VERSION": __version__,
            "REVISION": revision(),
        }
        command = [self.engine, "build", "--file", str(DOCKERFILE)]
        # The version alone is the tag of the newest build, which the local stack runs.
        for tag in (self.tag, __version__):
            command += ["--tag", f"{name}:{tag}"]
        command += ["--target", "lambda" if self._for_lambda else function]
        for argument, value in arguments.items():
            command += ["--build-arg", f"{argument}={value}"] if value else []
        if self.engine != "docker":
            command += ["--format", "docker"]  # OCI's format has no health check
        if chosen.platform:
            command += ["--platform", chosen.platform]
        if chosen.pip_conf:
            command += ["--secret", f"id=pip.conf,src={chosen.pip_conf}"]
        run([*command, str(ROOT)])


def works(engine: str) -> bool:
    """Return whether ``engine`` can build: a Docker client without its daemon cannot."""
    return succeeds([engine, "info"])


def digest(choices: Choices) -> str:
    """Return 12 hexadecimal digits that change whenever the images would."""
    chosen = (choices.base, choices.platform, choices.containers or "1", choices.encoders or "1")
    content = hashlib.sha256("\0".join(chosen).encode())
    for path in sources():
        file = hashlib.sha256(path.read_bytes()).hexdigest()
        content.update(f"\0{path.relative_to(ROOT).as_posix()}\0{file}".encode())
    return content.hexdigest()[:12]


def sources() -> Iterator[Path]:
    """Yield the files that images are made of, in a fixed order."""
    for folder in CONTENT:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def revision() -> str:
    """Return the git revision of the tree; empty outside of a repository."""
    describe = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return output_of(describe) if shutil.which("git") and succeeds(describe) else ""


def architecture(choices: Choices) -> str:
    """Return the architecture of the images as Lambda names it: ``x86_64`` or ``arm64``."""
    chosen = choices.platform or platform.machine().lower()
    return "arm64" if chosen in ("linux/arm64", "arm64", "aarch64") else "x86_64"
