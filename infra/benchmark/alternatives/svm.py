"""A linear SVM on openSMILE's eGeMAPS features: what both servers and the batch run."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import opensmile
import soundfile


def extractor(feature_set: str) -> opensmile.Smile:
    """Return openSMILE's extractor of the functionals of ``feature_set``."""
    return opensmile.Smile(
        feature_set=opensmile.FeatureSet[feature_set],
        feature_level=opensmile.FeatureLevel.Functionals,
    )


class Judge:
    """An extractor of features and an SVM, both loaded once."""

    def __init__(self, model: Path) -> None:
        self.classifier = joblib.load(model)
        self.smile = extractor("eGeMAPSv02")

    def judge(self, file: str | Path | BytesIO) -> dict[str, Any]:
        """Return the answer for a sound, with the fields that all contestants have in common."""
        signal, sampling_rate = soundfile.read(file, dtype="float32")
        features = self.smile.process_signal(signal, sampling_rate).to_numpy()
        (probabilities,) = self.classifier.predict_proba(features)
        classes = self.classifier.classes_.tolist()
        return {
            "prediction": [classes[int(np.argmax(probabilities))]],
            "probabilities": [dict(zip(classes, probabilities.tolist(), strict=True))],
        }


@cache
def judge_of(model: Path) -> Judge:
    """Return the judge of this process."""
    return Judge(model)


def judge_file(model: Path, file: Path) -> object:
    """Return the answer for ``file``; each process loads the model once."""
    return judge_of(model).judge(file)
