"""The model that is part of the package is the one that ``make ready-model`` trains."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

import ready_model
import ser

EMODB_ZIP = os.environ.get("EMODB_ZIP", "")

pytestmark = pytest.mark.skipif(not EMODB_ZIP, reason="EMODB_ZIP names no archive of EmoDB")

EVERY = 10
"""One in so many utterances is compared."""
TOLERANCE = 0.02
"""Largest difference of a probability between machines, whose libraries round differently."""


def test_a_new_training_predicts_as_the_model_in_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready_model, "READY_FOLDER", tmp_path / "ready")
    ready_model.main()
    made, shipped = ser.load_model(tmp_path / "ready"), ser.load_model("ready")
    assert made.properties == shipped.properties
    with zipfile.ZipFile(EMODB_ZIP) as archive:
        names = [name for name in archive.namelist() if name.endswith(".wav")][::EVERY]
        sounds = [archive.read(name) for name in names]
    for sound in sounds:
        ours, theirs = (each.predict(sound).probabilities.array for each in (made, shipped))
        np.testing.assert_allclose(ours, theirs, atol=TOLERANCE)
    manifests = [made.manifest, shipped.manifest]  # type: ignore[attr-defined]
    assert manifests[0].keys() == manifests[1].keys()
    assert manifests[0]["corpus"]["utterances"] == manifests[1]["corpus"]["utterances"]
