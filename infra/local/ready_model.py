"""Training of the model that is part of the package, for ``make ready-model``.

``EMODB_ZIP`` is the archive of EmoDB. The model is that of an ordinary training with the preset
``light``, so its figures are those of held-out utterances and of speakers left out; the sounds
themselves are not part of it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ser
from ser.errors import SerError
from ser.evaluation.report import render
from ser.registry import READY, READY_FOLDER, Digest, PublishedModel, encode, open_registry
from ser.service.terminal import show_progress

ABOUT = (
    "trained on EmoDB: acted German speech of ten speakers, seven emotions (Burkhardt, Paeschke, "
    "Rolfes, Sendlmeier, Weiss, A database of German emotional speech, Interspeech 2005)"
)
LOCAL = ("data_path", "model_save_path", "seconds", "trigger", "url_sha256")
"""Entries of a manifest that describe the machine or the training alone."""


def main() -> None:
    """Train the model and replace the one in the package."""
    archive = os.environ.get("EMODB_ZIP")
    if not archive:
        sys.exit("Name the archive of EmoDB: make ready-model EMODB_ZIP=<zip>")
    with tempfile.TemporaryDirectory() as folder:
        model = train(Path(archive), Path(folder))
        write(model, READY_FOLDER)
    sizes = {file.name: file.stat().st_size for file in sorted(READY_FOLDER.iterdir())}
    print(f"{READY_FOLDER}: {sizes}")
    loso = model.manifest["loso"]
    print(f"Speakers left out: UAR {loso['uar']:.3f}, WA {loso['wa']:.3f}")


def train(archive: Path, folder: Path) -> PublishedModel:
    """Return the model of an ordinary training on ``archive``, in a registry in ``folder``."""
    with show_progress("ready-model") as progress:
        trained = ser.train(
            archive, folder, preset="light", corpus="emodb", evaluation="loso", progress=progress
        )
    return open_registry(folder).model(trained["model_id"])


def write(model: PublishedModel, folder: Path) -> None:
    """Write the files of ``model`` to ``folder``, without sounds and traces of this machine."""
    facts = without_traces(model.manifest)
    files = {"model.onnx": model.read("model.onnx"), "report.html": render(facts)}
    manifest = {**facts, "files": {name: Digest.of(data) for name, data in files.items()}}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, data in {**files, "manifest.json": encode(manifest)}.items():
        (folder / name).write_bytes(data)


def without_traces(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``manifest`` as that of the model in the package."""
    kept = {name: value for name, value in manifest.items() if name not in LOCAL}
    request = {name: value for name, value in kept["request"].items() if name not in LOCAL}
    corpus = {name: value for name, value in kept["corpus"].items() if name not in LOCAL}
    place = {"remote_url": Path(corpus["remote_url"]).name}
    return {
        **kept,
        "model_id": READY,
        "about": ABOUT,
        "request": request | place,
        "corpus": corpus | place,
        "samples": {},
    }


if __name__ == "__main__":
    try:
        main()
    except (SerError, OSError) as error:
        sys.exit(str(error))
