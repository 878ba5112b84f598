"""The folder and the corpus of a benchmark."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmark.servers import EncodedRequest
from ser._progress import Progress, step
from ser.corpora.synthesis import synthesise
from ser.training import PRESETS

RECIPE = PRESETS["light"]["model_type"]
"""The ``model_type`` of our recipe; all other fields have their defaults."""


class Workplace(NamedTuple):
    """The folder of a benchmark, and the archive of its corpus."""

    folder: Path
    archive: Path

    @property
    def settings(self) -> dict[str, str]:
        """Environment variables for all functions."""
        return {"SER_ALLOWED_PATHS": os.pathsep.join(map(str, self))}

    @property
    def registries(self) -> Path:
        """The folder that holds the registry of each contestant."""
        return self.folder / "registries"

    @property
    def registry(self) -> Path:
        """The registry that train publishes to."""
        return self.registries / "ours"

    def training(self, model_type: str, data: str) -> dict[str, Any]:
        """Return the body of a training with the data path ``data``."""
        return {
            "data_path": str(self.folder / data),
            "remote_url": str(self.archive),
            "model_type": model_type,
            "model_save_path": str(self.registry),
        }


def encoded_request(body: dict[str, Any]) -> EncodedRequest:
    """Return ``body`` as a JSON request."""
    return EncodedRequest(msgspec.json.encode(body), "application/json")


def choose_corpus(folder: Path, progress: Progress) -> tuple[str, Path]:
    """Return name and archive of the corpus: ``EMODB_ZIP``, or one synthesised in ``folder``."""
    if archive := os.environ.get("EMODB_ZIP"):
        return "EmoDB", Path(archive).resolve()
    made = folder / "synthetic.zip"
    synthesise(made, on_progress=step(progress, "synthesise a corpus"))
    return "synthetic speech, because EMODB_ZIP is not set", made
