"""A copy that takes aliases before models is whole, also while trainings publish."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread

from ser.registry import Registry, new_model_id, open_registry
from ser.store import Store, open_store

FILES = {"model.onnx": b"graph", "samples/a.wav": b"RIFF", "samples/b.wav": b"RIFF"}


def copy(source: Store, target: Store, folder: str = "") -> None:
    """Copy all keys in ``folder`` that ``target`` lacks, as programs for backups do."""
    for name in source.names(folder):
        key = f"{folder}/{name}" if folder else name
        if name.endswith("/"):
            copy(source, target, key[:-1])
        elif stored := source.read(key):
            target.create(key, stored.data)


def test_every_alias_of_a_backup_leads_to_a_whole_model(
    registry: Registry, store: Store, tmp_path: Path
) -> None:
    stop, published = Event(), Event()

    def train() -> None:
        while not stop.is_set():
            model_id = new_model_id()
            registry.publish(model_id, FILES, {})
            registry.move("latest", model_id)
            published.set()

    trainings = Thread(target=train)
    trainings.start()
    try:
        published.wait(60)
        for number in range(4):
            backup = open_store(tmp_path / f"backup-{number}")
            copy(store, backup, "aliases")
            copy(store, backup)
            restored = open_registry(tmp_path / f"backup-{number}")
            assert restored.model("latest").is_whole()
            assert all(model.is_whole() for model in restored.models())
    finally:
        stop.set()
        trainings.join()
