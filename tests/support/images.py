"""Images of the functions, built and run by buildah alone, without an engine or a registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ser import __version__
from stack import HOST, ROOT

DOCKERFILE = ROOT / "infra" / "images" / "Dockerfile"
BASE = "localhost/base"
UNPRIVILEGED = 65534
TOOLS = ("buildah", "mmdebstrap", "unshare")
LABELS = {"VERSION": __version__, "REVISION": "4f2a", "SOURCE": "https://example.org/ser"}

HARDEN = """
root=$1
shift
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount -t tmpfs -o mode=755 none "$root/run"
mount -t tmpfs -o ro none /dev/shm
exec "$@"
"""
"""Shell: makes the folder $1 read-only except /run, which buildah itself must write to, and removes
the shared memory that buildah gives to a container."""
SECONDS = 1200
"""Time-out of a build or of a command in a container."""


class Buildah(NamedTuple):
    """buildah with its store in ``folder``; it leaves no files elsewhere."""

    folder: Path
    driver: str

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the command line of ``buildah`` with ``arguments``."""
        place = self.folder / self.driver
        store = ("--root", place / "storage", "--runroot", place / "run")
        return list(map(str, ("buildah", "--storage-driver", self.driver, *store, *arguments)))

    def __call__(self, *arguments: str | Path) -> str:
        """Run ``buildah`` and return its output."""
        run = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            env=self.environment(),
            timeout=SECONDS,
        )
        assert run.returncode == 0, f"buildah {arguments}:\n{run.stdout}\n{run.stderr}"
        return run.stdout.strip()

    def environment(self) -> dict[str, str]:
        """Return the environment variables of ``buildah``."""
        # By default buildah keeps unfinished layers in /var/tmp.
        return {**os.environ, "TMPDIR": str(self.folder)}

    def layers(self, image: str) -> list[int]:
        """Return the sizes of the layers of ``image`` in bytes, those of its base first."""
        manifest = json.loads(self.inspect(image)["Manifest"])
        return [layer["size"] for layer in manifest["layers"]]

    def config(self, image: str) -> dict[str, Any]:
        """Return the configuration of ``image`` in Docker's format."""
        config: dict[str, Any] = self.inspect(image)["Docker"]["config"]
        return config

    def inspect(self, image: str) -> dict[str, Any]:
        described: dict[str, Any] = json.loads(self("inspect", "--type", "image", image))
        return described


@contextmanager
def workshop() -> Iterator[Buildah]:
    """Yield buildah with an empty store, which is deleted afterwards."""
    with tempfile.TemporaryDirectory() as name:
        # overlay copies no layers, but not every kernel has it.
        drivers = (Buildah(Path(name), driver) for driver in ("overlay", "vfs"))
        buildah = next(each for each in drivers if works(each))
        try:
            yield buildah
        finally:
            buildah("rm", "--all")


def works(buildah: Buildah) -> bool:
    """Return whether the kernel supports the driver."""
    command = buildah.command("info")
    run = subprocess.run(command, capture_output=True, env=buildah.environment(), timeout=SECONDS)
    return run.returncode == 0


def make_base(buildah: Buildah) -> str:
    """Make a minimal Debian with Python, and return the name of its image."""
    container = buildah("from", "scratch")
    packages = "python3,python3-pip,python3-venv,ca-certificates"
    bytecode = 'find "$1/usr/lib" -name __pycache__ -prune -exec rm -rf {} +'
    run = subprocess.run(
        [
            *("mmdebstrap", "--variant=minbase", f"--include={packages}"),
            *(f"--customize-hook={bytecode}", "bookworm", buildah("mount", container)),
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert run.returncode == 0, run.stderr
    buildah("commit", "--rm", container, BASE)
    return BASE


def fetch_wheels(folder: Path, *requirements: Path) -> None:
    """Download the pinned ``requirements`` for the Python of the base to ``folder``, with the
    configuration of this machine's pip."""
    # One after the other, because hashes in one file are demanded of all that are read with it.
    for each in requirements:
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "--disable-pip-version-check", "download"),
                *("--quiet", "--no-deps", "--only-binary", ":all:", "--python-version", "3.11"),
                *("--dest", folder, "--requirement", each),
            ],
            check=True,
            timeout=SECONDS,
        )


def build(buildah: Buildah, target: str, wheels: Path, **arguments: str) -> str:
    """Build the stage ``target`` of the Dockerfile from ``wheels``; return the name of its image.

    A stage that needs the adapter of Lambda fails unless ``arguments`` name one.
    """
    image = f"localhost/ser-{target}"
    configuration = buildah.folder / "pip.conf"
    configuration.write_text("[install]\nno-index = true\nfind-links = /mnt\n")
    build_image(
        buildah,
        ROOT,
        *("--target", target, "--file", DOCKERFILE, "--tag", image),
        *("--secret", f"id=pip.conf,src={configuration}", "--volume", f"{wheels}:/mnt:ro"),
        **{"BASE": BASE, "ADAPTER": "localhost/none", **LABELS, **arguments},
    )
    return image


def build_lambda(buildah: Buildah, function: str, folder: Path) -> str:
    """Build the image for Lambda on ``function``, the image of a function; return its name.

    A script takes the place of the adapter.

    The image takes the place of the stage with the same content, which would be built again.
    """
    adapter = "localhost/adapter"
    (folder / "lambda-adapter").write_text("#!/bin/sh\necho adapter\n")
    (folder / "lambda-adapter").chmod(0o755)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY lambda-adapter /\n")
    build_image(buildah, folder, "--tag", adapter)
    return build(buildah, "lambda", folder, FUNCTION=function, ADAPTER=adapter)


def build_image(buildah: Buildah, context: Path, *options: str | Path, **arguments: str) -> None:
    """Build an image from ``context`` with build ``arguments``."""
    build_arguments = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    options_always = (
        "--isolation",
        "chroot",
        "--format",
        "docker",
        "--layers=false",
        "--pull=never",
    )
    buildah("build", *options_always, *build_arguments, *options, context)


class Container(NamedTuple):
    """A container with a read-only root; the folder ``scratch`` is its ``/tmp``."""

    buildah: Buildah
    name: str
    root: Path
    scratch: Path
    config: dict[str, Any]

    def command(self, *command: str, **environment: str) -> list[str]:
        """Return the command line that runs ``command`` in the container, as the image's user."""
        given = [f"--env={name}={value}" for name, value in environment.items()]
        how = ("--isolation", "chroot", "--volume", f"{self.scratch}:/tmp", *given)
        return [
            *("unshare", "--mount", "--propagation", "private"),
            *("sh", "-euc", HARDEN, "harden", str(self.root)),
            *self.buildah.command("run", *how, self.name, "--", *command),
        ]

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``command`` in the container until it exits."""
        return subprocess.run(
            self.command(*command, **environment),
            capture_output=True,
            text=True,
            env=self.buildah.environment(),
            timeout=SECONDS,
        )

    @contextmanager
    def serving(self, port: int, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run ``command``, by default that of the image, on ``port`` of this machine until the
        context ends."""
        run = self.command(*(command or self.config["Cmd"]), HOST=HOST, PORT=str(port))
        with subprocess.Popen(run, env=self.buildah.environment()) as process:
            try:
                yield process
            finally:
                process.terminate()


def container(buildah: Buildah, image: str, scratch: Path) -> Container:
    """Return a container of ``image`` whose ``/tmp`` is the folder ``scratch``."""
    name = buildah("from", "--pull=never", image)
    root = Path(buildah("mount", name))
    # buildah mounts its own files here, and cannot create mount points in a read-only root.
    for mounted in ("hosts", "resolv.conf"):
        (root / "etc" / mounted).touch()
    return Container(buildah, name, root, scratch, buildah.config(image))
