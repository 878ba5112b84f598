"""Train the SVM on a folder of recordings: ``train.py FOLDER MODEL CLIP``.

``FOLDER/labels.json`` has the code of the emotion by the name of each file. The code that the model
predicts for the file ``CLIP`` is printed.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import joblib
import numpy as np
import soundfile
from sklearn.calibration import CalibratedClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from svm import Judge, extractor


def main(folder: Path, model: Path, clip: Path) -> None:
    """Train, write ``model``, and print the prediction for ``clip``."""
    labels: dict[str, str] = json.loads((folder / "labels.json").read_text())
    smile = extractor("eGeMAPSv02")
    signals = (soundfile.read(folder / name, dtype="float32") for name in labels)
    X = np.concatenate([smile.process_signal(*signal).to_numpy() for signal in signals])
    # C was not chosen: only the cost is compared.
    classifier = make_pipeline(StandardScaler(), CalibratedClassifierCV(LinearSVC(C=0.01), cv=3))
    joblib.dump(classifier.fit(X, [*labels.values()]), model)
    (code,) = Judge(model).judge(clip)["prediction"]
    print(code)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
