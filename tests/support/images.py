"""Images of the functions, built and run by buildah alone: no engine, no registry of images."""

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
NOBODY = 65534
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
"""Shell: makes the folder $1 read-only but for /run, where buildah, though not the function's user,
must write; and takes the shared memory away, which buildah would lend to the container."""


class Buildah(NamedTuple):
    """buildah with a store of its own, in which it leaves nothing outside of ``folder``."""

    folder: Path
    driver: str

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the command line of ``buildah`` with ``arguments``."""
        place = self.folder / self.driver
        store = ("--root", place / "storage", "--runroot", place / "run")
        return list(map(str, ("buildah", "--storage-driver", self.driver, *store, *arguments)))

    def __call__(self, *arguments: str | Path) -> str:
        """Run ``buildah``; return what it prints."""
        run = subprocess.run(
            self.command(*arguments), capture_output=True, text=True, env=self.environment()
        )
        assert run.returncode == 0, f"buildah {arguments}:\n{run.stdout}\n{run.stderr}"
        return run.stdout.strip()

    def environment(self) -> dict[str, str]:
        # Without it buildah keeps layers under way in /var/tmp.
        return {**os.environ, "TMPDIR": str(self.folder)}

    def layers(self, image: str) -> list[int]:
        """Return how many bytes each layer of ``image`` has, those of its base first."""
        manifest = json.loads(self.inspect(image)["Manifest"])
        return [layer["size"] for layer in manifest["layers"]]

    def config(self, image: str) -> dict[str, Any]:
        """Return how ``image`` is run, as Docker's format has it."""
        config: dict[str, Any] = self.inspect(image)["Docker"]["config"]
        return config

    def inspect(self, image: str) -> dict[str, Any]:
        described: dict[str, Any] = json.loads(self("inspect", "--type", "image", image))
        return described


@contextmanager
def workshop() -> Iterator[Buildah]:
    """Yield buildah with an empty store; leave nothing of it behind."""
    with tempfile.TemporaryDirectory() as name:
        # Of the drivers the one that copies no layers, where the kernel has it.
        drivers = (Buildah(Path(name), driver) for driver in ("overlay", "vfs"))
        buildah = next(each for each in drivers if works(each))
        try:
            yield buildah
        finally:
            buildah("rm", "--all")


def works(buildah: Buildah) -> bool:
    """Tell whether the kernel has what the driver needs."""
    command = buildah.command("info")
    run = subprocess.run(command, capture_output=True, env=buildah.environment())
    return run.returncode == 0


def make_base(buildah: Buildah) -> str:
    """Make a Debian with Python, as bare as the official images; return its name."""
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
    )
    assert run.returncode == 0, run.stderr
    buildah("commit", "--rm", container, BASE)
    return BASE


def fetch_wheels(folder: Path, *requirements: Path) -> None:
    """Fetch what ``requirements`` pin for the Python of the base, by this machine's own pip with
    whatever configuration it has."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--only-binary", ":all:", "--python-version", "3.11", "--dest", folder),
            *(argument for each in requirements for argument in ("--requirement", each)),
        ],
        check=True,
    )


def build(buildah: Buildah, target: str, wheels: Path, *, tag: str = "", **arguments: str) -> str:
    """Build a stage of the Dockerfile on the base, from the wheels that were fetched; return the
    name of its image. Asking for the adapter of Lambda fails unless ``arguments`` name one."""
    image = f"localhost/{tag or f'ser-{target}'}"
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


def build_lambda(buildah: Buildah, function: str, wheels: Path, folder: Path) -> str:
    """Build the image of Lambda for ``function``, with a script in the adapter's place; return its
    name."""
    adapter = "localhost/adapter"
    (folder / "lambda-adapter").write_text("#!/bin/sh\necho adapter\n")
    (folder / "lambda-adapter").chmod(0o755)
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY lambda-adapter /\n")
    build_image(buildah, folder, "--tag", adapter)
    tag = f"ser-{function}-lambda"
    return build(buildah, "lambda", wheels, tag=tag, FUNCTION=function, ADAPTER=adapter)


def build_image(buildah: Buildah, context: Path, *options: str | Path, **arguments: str) -> None:
    """Build an image of ``context`` with build ``arguments``."""
    given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
    how = ("--isolation", "chroot", "--format", "docker", "--layers=false", "--pull=never")
    buildah("build", *how, *given, *options, context)


class Container(NamedTuple):
    """What runs of an image: read-only, but for the folder that is its ``/tmp``."""

    buildah: Buildah
    name: str
    root: Path
    scratch: Path
    config: dict[str, Any]

    def command(self, *command: str, **environment: str) -> list[str]:
        """Return the command line that runs ``command`` inside, as the image's user."""
        given = [f"--env={name}={value}" for name, value in environment.items()]
        how = ("--isolation", "chroot", "--volume", f"{self.scratch}:/tmp", *given)
        return [
            *("unshare", "--mount", "--propagation", "private"),
            *("sh", "-euc", HARDEN, "harden", str(self.root)),
            *self.buildah.command("run", *how, self.name, "--", *command),
        ]

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``command`` inside to its end."""
        return subprocess.run(
            self.command(*command, **environment),
            capture_output=True,
            text=True,
            env=self.buildah.environment(),
        )

    @contextmanager
    def serving(self, port: int) -> Iterator[subprocess.Popen[bytes]]:
        """Run what the image runs, on ``port`` of this machine, meanwhile."""
        command = self.command(*self.config["Cmd"], HOST=HOST, PORT=str(port))
        with subprocess.Popen(command, env=self.buildah.environment()) as process:
            try:
                yield process
            finally:
                process.terminate()


def container(buildah: Buildah, image: str, scratch: Path) -> Container:
    """Make a container of ``image`` whose ``/tmp`` is the folder ``scratch``."""
    name = buildah("from", "--pull=never", image)
    root = Path(buildah("mount", name))
    # buildah mounts its own over these, and can make no file in a root that is read-only.
    for mounted in ("hosts", "resolv.conf"):
        (root / "etc" / mounted).touch()
    return Container(buildah, name, root, scratch, buildah.config(image))
