"""The number of workers and threads, and the time-outs, with which a function is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ser.service.exposure import Exposure, SettingsError
from ser.service.serving import capacity

DEFAULT_PORT = 8080

WORKER_BYTES = 150 * 2**20
"""Memory of a worker of predict with a model of the preset ``accurate`` (docs/deployment.md)."""
SHARE_OF_WORKERS = 0.5
"""Share of the memory for workers; the rest is for the sounds that they are working on."""
THREADS_PER_CORE = 4
"""As in functions-framework. They wait for stores, and those of train for trainings; none waits for
a client."""

KEEP_ALIVE_SECONDS = 620
"""Time after which a worker closes an idle connection.

A gateway that keeps a connection longer will some day send a request into it while it is closed,
and lose that request. The longest time for which a usual gateway keeps one is 600 s, that of the
Application Load Balancers of Google Cloud; see docs/deployment.md."""

SINGLE = frozenset({"train"})
"""Functions with one worker by default. Those of train wait for trainings, which are processes of
their own; ``SER_MAX_TRAININGS`` limits them for each worker."""
PREPARATIONS = {"predict": "ser.service.preparation"}
"""Modules with a function ``prepare`` that runs beside the imports of a function."""
ENVIRONMENTS = {
    # predict calculates in onnxruntime. numpy's library would start a thread for each core, which
    # takes a quarter of numpy's import.
    "predict": {"OPENBLAS_NUM_THREADS": "1"}
}
"""Environment variables of the workers of a function, where they are not set."""


class ServingError(Exception):
    """A setting of the server with a value that is not allowed."""


class Plan(NamedTuple):
    """The settings of a server."""

    workers: int
    threads: int
    """Threads of each worker."""
    keep_alive: int
    """Seconds after which an idle connection is closed."""
    timeout: int
    """Seconds after which a worker that gives no sign of life is replaced; 0: never."""
    log_level: str
    preparation: str | None
    """Module whose function ``prepare`` runs in each worker, beside the import of the function."""
    environment: Mapping[str, str]
    """Environment variables of the workers, where they are not set."""
    large_threads: int
    """Further threads of each worker, for large requests."""


def serving_plan(
    target: str,
    environment: Mapping[str, str],
    cores: Callable[[], int] = capacity.cores,
    memory: Callable[[], float] = capacity.memory,
) -> Plan:
    """Return the settings of a server for the function ``target``.

    Parameters
    ----------
    environment
        Environment variables. ``THREADS``, ``WORKERS``, ``CLOUD_RUN_TIMEOUT_SECONDS`` and
        ``GUNICORN_LOG_LEVEL`` have the meaning that functions-framework gives them.
    cores, memory
        Return what this process may use.

    Raises
    ------
    ServingError
        A value is not allowed; the message names the variable.
    """
    available = cores()
    fitting = int(min(available, memory() * SHARE_OF_WORKERS / WORKER_BYTES))
    workers = _whole(environment, "WORKERS", 1 if target in SINGLE else max(1, fitting))
    threads = max(THREADS_PER_CORE, THREADS_PER_CORE * available // workers)
    return Plan(
        workers=workers,
        threads=_whole(environment, "THREADS", threads),
        keep_alive=_whole(environment, "KEEP_ALIVE", KEEP_ALIVE_SECONDS),
        timeout=_whole(environment, "CLOUD_RUN_TIMEOUT_SECONDS", 0, least=0),
        log_level=environment.get("GUNICORN_LOG_LEVEL") or "error",
        preparation=PREPARATIONS.get(target),
        environment=ENVIRONMENTS.get(target, {}),
        # Large requests calculate for seconds, and each takes the memory of its sounds.
        large_threads=max(1, available // workers),
    )


def require_callers(host: str, environment: Mapping[str, str]) -> None:
    """Check that the operator has decided who may use a server that other machines reach.

    Behind the proxy of a cloud, which runs beside the function, all requests seem to come from this
    machine. So the address at which the server listens decides.

    Raises
    ------
    ServingError
        ``host`` is not an address of loopback, and the settings name neither keys nor everyone, or
        are not valid.
    """
    if host.strip("[]") in ("localhost", "::1") or host.startswith(("127.", "unix:")):
        return
    try:
        exposure = Exposure.from_environment(environment)
    except SettingsError as error:
        raise ServingError(str(error)) from error
    if exposure.is_local:
        raise ServingError(
            f"The address {host} is reachable from other machines, and neither SER_API_KEYS nor "
            "SER_OPEN is set; allowed: SER_API_KEYS with the keys of callers, SER_OPEN=1 where "
            "something in front of the server authenticates them, or HOST=127.0.0.1"
        )


def _whole(environment: Mapping[str, str], name: str, default: int, least: int = 1) -> int:
    """Return the whole number in the variable ``name``, or raise :class:`ServingError`."""
    text = environment.get(name) or str(default)
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise ServingError(f"{name} is {text!r}; allowed: a whole number of {least} or more")
    return value
