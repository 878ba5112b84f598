"""Faults of stores, and publishers that are killed, with the checks that follow both.

Also for suites that inject more faults than the tests do.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from ser.errors import RemoteFailed, SerError, StorageFull
from ser.registry import MODEL_ID, Registry
from ser.store import Store, Stored

FILES: Mapping[str, bytes] = {"model.onnx": b"graph", "samples/a.wav": b"RIFF"}


class Fault(NamedTuple):
    """A kind of failure of a store."""

    when: Literal["before", "after"]
    """Whether the call fails before or after it has been carried out."""
    error: type[SerError] = RemoteFailed
    lasting: bool = False
    """Whether all further calls fail, too."""

    def __str__(self) -> str:
        return f"{self.error.__name__} {self.when}{' and from then on' if self.lasting else ''}"


FAULTS = tuple(
    Fault(when, error, lasting)
    for when in ("before", "after")
    for error in (RemoteFailed, StorageFull)
    for lasting in (False, True)
)


class FaultyStore(Store):
    """A store of which one call fails.

    Parameters
    ----------
    inner
        The store that carries out the calls.
    number
        The call that fails, from 1 on; 0: none.
    """

    def __init__(self, inner: Store, number: int, fault: Fault) -> None:
        super().__init__(inner.uri)
        self._inner, self._number, self._fault = inner, number, fault
        self.calls: list[str] = []
        """The calls so far, such as ``create aliases/latest.json``."""

    @contextmanager
    def _call(self, name: str, key: str) -> Iterator[None]:
        self.calls.append(f"{name} {key}")
        fails = len(self.calls) == self._number or (
            self._fault.lasting and 0 < self._number < len(self.calls)
        )
        if fails and self._fault.when == "before":
            raise self._error()
        yield
        if fails:
            raise self._error()

    def _error(self) -> SerError:
        return self._fault.error(f"call {len(self.calls)} fails: {self.calls[-1]}")

    def _translate_errors(self) -> AbstractContextManager[None]:
        return self._inner._translate_errors()

    def _read(self, key: str, most: int | None = None) -> Stored | None:
        with self._call("read", key):
            return self._inner._read(key, most)

    def _holds(self, key: str) -> bool:
        with self._call("holds", key):
            return self._inner._holds(key)

    def _create(self, key: str, data: bytes) -> bool:
        with self._call("create", key):
            return self._inner._create(key, data)

    def _replace(self, key: str, old: Stored, data: bytes) -> bool:
        with self._call("replace", key):
            return self._inner._replace(key, old, data)

    def _delete(self, key: str) -> None:
        with self._call("delete", key):
            self._inner._delete(key)

    def _names(self, folder: str) -> Iterable[str]:
        with self._call("names", folder):
            return list(self._inner._names(folder))


def publish_with_fault(store: Store, model_id: str, number: int, fault: Fault) -> list[str]:
    """Publish a model while a call of ``store`` fails; return the calls."""
    faulty = FaultyStore(store, number, fault)
    with suppress(SerError):
        Registry(faulty).publish(model_id, FILES, {})
    return faulty.calls


def require_whole_or_none(store: Store) -> list[str]:
    """Return the ids of all models; raise AssertionError unless each is listed with all its files
    and the store has no model without a listing."""
    registry = Registry(store)
    ids = list(registry.ids())
    for model_id in ids:
        assert registry.model(model_id).is_whole(), f"{model_id} lacks files"
    return ids


def require_no_leftovers(store: Store) -> list[str]:
    """Return the names of what two sweeps removed; raise AssertionError if something is left beside
    whole models and aliases."""
    registry = Registry(store)
    before = require_whole_or_none(store)
    removed = registry.sweep(seconds=0) + registry.sweep(seconds=0)
    assert require_whole_or_none(store) == before, "a sweep removed a model"
    kept = {name.rstrip("/") for name in store.names()} - {"aliases"}
    assert kept == set(before), f"left: {kept - set(before)}"
    return removed


PUBLISHER = """
import sys
from ser.registry import new_model_id, open_registry
registry = open_registry(sys.argv[1])
while True:
    files = {f"samples/{number}.wav": bytes(1000) for number in range(20)}
    model_id = new_model_id()
    registry.publish(model_id, {"model.onnx": bytes(100_000), **files}, {})
    registry.move("latest", model_id)
    print(model_id, flush=True)
"""


def kill_publisher(uri: str, seconds: float) -> None:
    """Publish models at ``uri`` in a process, and kill it that long after its first model."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", PUBLISHER, uri]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert MODEL_ID.fullmatch(process.stdout.readline().decode().strip())
        time.sleep(seconds)
        process.kill()


def hidden_files(folder: Path) -> list[Path]:
    """Return the files that killed writers have left in a folder."""
    return [each for each in folder.rglob(".*") if each.name != ".lock"]
