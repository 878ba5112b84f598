"""The SVM behind FastAPI. ``MODEL`` names its file."""

# mypy: disable-error-code="untyped-decorator"
# The server is not installed where types are checked.

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, File
from svm import Judge

app = FastAPI()
judge = Judge(Path(os.environ["MODEL"]))


# Not async: FastAPI runs it in a thread, so that other requests are received meanwhile.
@app.post("/predict")
def predict(audio: Annotated[bytes, File()]) -> dict[str, Any]:
    """Return the probabilities of the emotions of the uploaded sound."""
    return judge.judge(BytesIO(audio))
