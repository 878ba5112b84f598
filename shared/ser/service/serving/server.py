"""gunicorn, with workers that import the function themselves.

A server that is started to answer a request, as serverless ones are, begins with one worker. Each
worker that is ready asks for the next one, until there are as many as planned; so the workers do
not take processor time from the first answer.
"""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from wsgiref.types import WSGIApplication

from gunicorn.app.base import BaseApplication

from ser.service.serving.plan import Plan

M_ARENA_MAX, ARENAS = -8, 2
"""The option of ``mallopt`` (malloc.h of glibc), and its value."""


class Arbiter(Protocol):
    """The part of gunicorn's main process that is used here."""

    num_workers: int


class Server(BaseApplication):  # type: ignore[misc]
    """A function, served by gunicorn.

    Parameters
    ----------
    source
        File of the function, in which ``function`` is a :class:`~ser.service.http.Function`.
    address
        ``host:port``.
    plan
        Number of workers, threads and time-outs.
    """

    def __init__(self, source: Path, address: str, plan: Plan) -> None:
        self._source, self._address, self.plan = source, address, plan
        self._ask_for_another: Callable[[], None] = lambda: None
        # In it each worker writes its metrics, for the one that is asked for them.
        self._shared = Path(tempfile.mkdtemp(prefix="ser-metrics-"))
        super().__init__()

    def load_config(self) -> None:
        """Set the options of gunicorn."""
        options: dict[str, Any] = {
            "bind": self._address,
            "workers": 1,
            "worker_class": "ser.service.serving.worker.Worker",
            "timeout": self.plan.timeout,
            "loglevel": self.plan.log_level,
            # It would import asyncio, and fork beside its thread.
            "control_socket_disable": True,
            "post_fork": self._note_missing_workers,
            "on_exit": self._remove_shared_folder,
            "nworkers_changed": self._cap_workers,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> WSGIApplication:
        """Return the function as a WSGI application; called in each worker."""
        # Little of what imports create is garbage; to look for it costs time.
        gc.disable()
        share_arenas()
        for name, value in self.plan.environment.items():
            os.environ.setdefault(name, value)
        imported = threading.Event()
        # Not a daemon: a session of onnxruntime that is created while the process ends aborts it.
        threading.Thread(target=self._prepare, args=(imported,)).start()
        try:
            application: WSGIApplication = module_at(self._source).function.application
        finally:
            imported.set()
        importlib.import_module("ser.service.metrics").METRICS.share(self._shared)
        return application

    def _prepare(self, imported: threading.Event) -> None:
        """Do the part of the first request's work that is the same for most requests."""
        try:
            if self.plan.preparation:
                importlib.import_module(self.plan.preparation).prepare()
        finally:
            imported.wait()
            # Nothing that exists now will be garbage soon.
            gc.freeze()
            gc.enable()
            self._ask_for_another()

    def _note_missing_workers(self, arbiter: Arbiter, _worker: object) -> None:
        """In a new worker: find out whether there should be further ones."""
        if arbiter.num_workers < self.plan.workers:
            self._ask_for_another = ask_for_another

    def _remove_shared_folder(self, _arbiter: Arbiter) -> None:
        """In the main process, at its end: remove the metrics."""
        shutil.rmtree(self._shared, ignore_errors=True)

    def _cap_workers(self, arbiter: Arbiter, new: int, _old: int | None) -> None:
        """In the main process: keep the number of workers planned, however many are asked for."""
        if new > self.plan.workers:
            arbiter.num_workers = self.plan.workers


def share_arenas() -> None:
    """Let the threads of this process share two arenas of glibc's ``malloc``, which makes up to
    eight for each core. Each keeps memory that was freed. ``MALLOC_ARENA_MAX`` has precedence."""
    if "MALLOC_ARENA_MAX" in os.environ:
        return
    # Imported here, because the main process does not need it. numpy imports it, too.
    import ctypes

    # Other libraries of C have no such function.
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


def module_at(source: Path) -> Any:
    """Return the module in the file ``source``, which may import modules beside it."""
    sys.path.append(str(source.parent.resolve()))
    spec = importlib.util.spec_from_file_location(source.stem, source)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[source.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ask_for_another() -> None:
    """Ask the main process of gunicorn for one more worker."""
    with suppress(ProcessLookupError):
        os.kill(os.getppid(), signal.SIGTTIN)
