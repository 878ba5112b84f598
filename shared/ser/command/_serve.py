"""``ser serve``: both functions as a server."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from ser.command import functions
from ser.command._examples import examples

LOOPBACK = "127.0.0.1"
DEFAULT_PORT = 5000


def register(application: typer.Typer) -> None:
    """Add the subcommand to ``application``."""
    application.command(
        "serve",
        epilog=examples("ser serve", "ser serve --port 8000 --registry s3://models/ser"),
    )(serve)


def serve(
    port: Annotated[
        int, typer.Option(envvar="PORT", min=1, max=65535, help="Port of the server.")
    ] = DEFAULT_PORT,
    host: Annotated[
        str,
        typer.Option(help="Address of the server; another one than loopback wants SER_API_KEYS."),
    ] = LOOPBACK,
    registry: Annotated[
        str | None,
        typer.Option(
            "--registry",
            "-r",
            envvar="SER_MODEL_SAVE_PATH",
            metavar="PLACE",
            help="Registry of models: a folder or s3://bucket/prefix. Default: the folder model.",
        ),
    ] = None,
    gateway: Annotated[
        bool | None,
        typer.Option(help="Behind Caddy, as in a clone. Default: where both are there."),
    ] = None,
) -> None:
    """Serve train and predict over HTTP at one address, until Ctrl-C.

    In a clone both run behind the gateway, with an inbox for corpora. With the package alone, both
    run in one process without a gateway, or only predict where the packages of ser[train] are
    missing. All settings are those of the functions: variables SER_*.
    """
    environment = {**os.environ, "PORT": str(port)}
    if registry:
        environment["SER_MODEL_SAVE_PATH"] = registry
    script = functions.stack() if gateway is not False and host == LOOPBACK else None
    if script and (gateway or caddy()):
        become([sys.executable, str(script)], environment)
    if gateway:
        raise typer.BadParameter("the gateway is part of a clone, at 127.0.0.1 alone")
    become(*process(host, port, environment))


def process(
    host: str, port: int, environment: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return the command line and the environment of the server without a gateway."""
    trains = all(map(find_spec, ("onnx", "spox", "sklearn")))
    settings = defaults(environment, trains=trains)
    if trains:
        resume_jobs(settings)
        source = Path(functions.__file__).with_name("both.py")
    else:
        source = functions.source("predict")
    sys.stdout.write(
        f"{'train and predict answer' if trains else 'predict answers'} at http://{host}:{port}; "
        "stop with Ctrl-C\n"
    )
    command = [sys.executable, "-m", "ser.service.serving", "--target", "predict"]
    return [*command, "--source", str(source), "--host", host, "--port", str(port)], settings


def defaults(environment: Mapping[str, str], *, trains: bool) -> dict[str, str]:
    """Return ``environment`` with the defaults of a server on this machine."""
    settings = dict(environment)
    if trains:
        # Trainings are processes of their own, limited for each worker.
        settings.setdefault("WORKERS", "1")
        settings.setdefault("SER_GATEWAY", "true")
        settings.setdefault("SER_MODEL_SAVE_PATH", str(Path("model").resolve()))
        settings.setdefault("SER_JOBS_URI", str(Path("jobs").resolve()))
    return settings


def resume_jobs(settings: Mapping[str, str]) -> None:
    """Resume the jobs that were running when the server last stopped."""
    import subprocess

    if "://" not in settings["SER_JOBS_URI"]:
        for name in ("train", "predict"):
            command = [sys.executable, "-m", "ser.service.jobs", name]
            subprocess.run(command, env=dict(settings), check=True)


def caddy() -> str | None:
    """Return the path of the gateway's program, if it is installed."""
    scripts = str(Path(sys.executable).parent)
    return shutil.which("caddy", path=os.pathsep.join([scripts, os.environ.get("PATH", "")]))


def become(command: list[str], environment: Mapping[str, str]) -> None:
    """Replace this process by ``command``, which so gets all signals itself."""
    sys.stdout.flush()
    os.execve(command[0], command, dict(environment))  # noqa: S606 - no shell is wanted
