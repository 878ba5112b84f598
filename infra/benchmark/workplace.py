"""Where a benchmark keeps what it makes, and the corpus that it is about."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmark.servers import Question
from ser._progress import Progress, step
from ser.corpora.synthesis import synthesise


class Workplace(NamedTuple):
    """A folder, and the archive of a corpus."""

    folder: Path
    archive: Path

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables of all functions."""
        return {"SER_ALLOWED_PATHS": os.pathsep.join(map(str, self))}

    @property
    def registries(self) -> Path:
        """The registry of each contestant is a folder in it."""
        return self.folder / "registries"

    @property
    def registry(self) -> Path:
        """The one that train publishes to."""
        return self.registries / "ours"

    def training(self, model_type: str, data: str) -> dict[str, Any]:
        """Return the body of a training that keeps the corpus in the folder ``data``."""
        return {
            "data_path": str(self.folder / data),
            "remote_url": str(self.archive),
            "model_type": model_type,
            "model_save_path": str(self.registry),
        }


def question(body: dict[str, Any]) -> Question:
    """Return ``body`` as a request in JSON."""
    return Question(msgspec.json.encode(body), "application/json")


def choose_corpus(folder: Path, progress: Progress) -> tuple[str, Path]:
    """Return the name of the corpus and its archive: ``EMODB_ZIP``, or one made in ``folder``."""
    if archive := os.environ.get("EMODB_ZIP"):
        return "EmoDB", Path(archive).resolve()
    made = folder / "synthetic.zip"
    synthesise(made, report=step(progress, "synthesise a corpus"))
    return "synthetic speech, because EMODB_ZIP is not set", made
