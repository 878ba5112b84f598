"""The SVM behind BentoML. ``MODEL`` names its file, ``WORKERS`` the number of processes."""

# mypy: disable-error-code="untyped-decorator"
# The server is not installed where types are checked.

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import bentoml
from svm import Judge


@bentoml.service(workers=int(os.environ["WORKERS"]), traffic={"timeout": 600})
class Emotions:
    """Emotions of uploaded sounds."""

    def __init__(self) -> None:
        self.judge = Judge(Path(os.environ["MODEL"]))

    @bentoml.api(route="/predict")
    def predict(self, audio: Path) -> dict[str, Any]:
        """Return the probabilities of the emotions of the uploaded sound."""
        return self.judge.judge(audio)
