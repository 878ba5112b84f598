"""Both functions behind the gateway, as processes of this machine: the command ``make serve``.

Settings of the functions are environment variables; ``PORT`` is the port of the gateway.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import urllib3

from ser.service.keys import line_of, new_key

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = Path(sys.executable).parent
START_SECONDS = 300
"""Time-out of the start: a busy machine may need minutes for it."""
HOST = "127.0.0.1"


class Stack(NamedTuple):
    """A running stack: the address of the gateway, and the processes."""

    url: str
    processes: list[subprocess.Popen[bytes]]

    def wait(self) -> None:
        """Return once the status of ``GET /`` is 200, because both functions answer."""
        deadline = time.monotonic() + START_SECONDS
        http = urllib3.PoolManager(retries=False, timeout=30)
        while time.monotonic() < deadline:
            self.check()
            try:
                if http.request("GET", self.url).status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"{self.url} does not answer within {START_SECONDS} s")

    def check(self) -> None:
        """Raise ``RuntimeError`` if one of the processes has ended."""
        for each in self.processes:
            if each.poll() is not None:
                raise RuntimeError(f"{each.args!r} ended with code {each.returncode}")


@contextmanager
def running(port: int, settings: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Yield the stack once both functions answer behind the gateway; stop it afterwards.

    Parameters
    ----------
    port
        Port of the gateway; 0 for any free port.
    settings
        Environment variables that extend those of this process.

    Raises
    ------
    RuntimeError
        The port is taken, or a process does not start; its own output precedes the message.
    """
    port = port or free_port()
    require_free_port(port)
    environment = {**os.environ, **(settings or {})}
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        train, predict, listen = (f"{HOST}:{free_port()}" for _ in range(3))
        environment |= {
            "PORT": str(port),
            "SER_TRAIN_ADDRESS": train,
            "SER_PREDICT_ADDRESS": predict,
            "SER_LISTEN_ADDRESS": listen,
            "SER_GATEWAY": "true",
        }
        commands = {
            "train": function_command("train", train),
            "predict": function_command("predict", predict),
            "listen": listen_command(listen),
            "gateway": gateway_command(),
        }
        if environment.get("SER_INBOX"):
            environment |= key_of_inbox(environment)
            commands["inbox"] = [sys.executable, str(ROOT / "infra" / "local" / "inbox.py")]
        processes = [
            stack.enter_context(process(command, environment | own_folders(home / name)))
            for name, command in commands.items()
        ]
        started = Stack(f"http://{HOST}:{port}", processes)
        started.wait()
        yield started


def key_of_inbox(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables by which the inbox may announce files to functions that want keys: a key
    for this run, which is stored nowhere, and its line beside those of callers."""
    if not environment.get("SER_API_KEYS"):
        return {}
    key = new_key()
    lines = f"{environment['SER_API_KEYS']}\n{line_of(key, 'inbox', 'events')}"
    return {"SER_API_KEYS": lines, "SER_INBOX_KEY": key}


def own_folders(home: Path) -> dict[str, str]:
    """Return variables by which Caddy and gunicorn keep their files in ``home``, apart from those
    of other processes."""
    home.mkdir()
    return dict.fromkeys(("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"), str(home))


def function_command(name: str, address: str) -> list[str]:
    host, port = address.split(":")
    source = str(ROOT / "functions" / name / "main.py")
    server = [sys.executable, "-m", "ser.service.serving"]
    return [*server, "--source", source, "--target", name, "--host", host, "--port", port]


def listen_command(address: str) -> list[str]:
    host, port = address.split(":")
    return [sys.executable, "-m", "ser.service.listening", "--host", host, "--port", port]


def gateway_command() -> list[str]:
    caddy = shutil.which("caddy", path=os.pathsep.join([str(SCRIPTS), os.environ["PATH"]]))
    if caddy is None:
        raise RuntimeError("caddy is missing; `make init` installs it")
    config = str(ROOT / "infra" / "gateway" / "Caddyfile")
    return [caddy, "run", "--adapter", "caddyfile", "--config", config]


@contextmanager
def process(
    command: list[str], environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` until the context ends; kill it if it does not terminate."""
    with subprocess.Popen(command, env=environment) as running_process:
        try:
            yield running_process
        finally:
            end(running_process)


def end(running_process: subprocess.Popen[bytes]) -> None:
    """Terminate a process, and kill it if it ignores that.

    It gets the signal twice, since Python may lose an exception raised by a signal handler;
    gunicorn gives requests in progress 30 s.
    """
    for seconds in (10, 30):
        running_process.terminate()
        try:
            running_process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            continue
        return
    running_process.kill()
    running_process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise RuntimeError(
                f"port {port} is taken; choose another one: make serve PORT=..."
            ) from error


def default_settings() -> dict[str, str]:
    """Return the settings of a local stack: models, jobs and inbox in the clone unless the
    environment names other places, which the functions may then reach."""
    places = {
        "SER_INBOX": ROOT / "inbox",
        "SER_JOBS_URI": ROOT / "jobs",
        "SER_MODEL_SAVE_PATH": ROOT / "model",
    }
    chosen = {name: os.environ.get(name) or str(place) for name, place in places.items()}
    Path(chosen["SER_INBOX"]).mkdir(parents=True, exist_ok=True)
    allowed = [os.environ.get("SER_ALLOWED_PATHS") or str(Path.cwd()), chosen["SER_INBOX"]]
    if "://" not in chosen["SER_MODEL_SAVE_PATH"]:
        allowed.append(chosen["SER_MODEL_SAVE_PATH"])
    return {**chosen, "SER_ALLOWED_PATHS": os.pathsep.join(allowed)}


def resume_jobs(settings: Mapping[str, str]) -> None:
    """Resume the jobs that were running when the stack last stopped."""
    # A bucket resumes its jobs itself: it announces each until it is done.
    if "://" not in settings["SER_JOBS_URI"]:
        for name in ("train", "predict"):
            command = [sys.executable, "-m", "ser.service.jobs", name]
            subprocess.run(command, env={**os.environ, **settings}, check=True)


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Serve until interrupted or terminated, or until the terminal is closed."""
    for terminating in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(terminating, interrupt)
    try:
        settings = default_settings()
        with running(int(os.environ.get("PORT", "5000")), settings=settings) as stack:
            resume_jobs(settings)
            print(f"SER functions answer: POST {stack.url}/train, POST {stack.url}/predict")
            print(f"Live time lines: {stack.url.replace('http', 'ws', 1)}/listen")
            print(f"To train on a corpus, copy its archive into {settings['SER_INBOX']}.")
            print("Stop with Ctrl-C.", flush=True)
            while True:
                stack.check()
                time.sleep(1)
    except KeyboardInterrupt:
        print("Stopped.")
    except RuntimeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
