"""The usual predict function: librosa computes the features, Keras runs the network.

It is not slow on purpose: the network is loaded once and kept. Imports happen in the first request
because TensorFlow hangs in a worker that gunicorn forks after the import. A warm answer takes most
of its time in Keras's ``predict()``, which is made for larger data than one sound; a request with
the field ``call`` set to ``directly`` avoids it.
"""

from __future__ import annotations

import json
import tempfile
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import functions_framework
from flask import Request


@functions_framework.http
def predict(request: Request) -> dict[str, Any]:
    """Return the probabilities of the emotions of the uploaded sound."""
    import librosa
    import numpy as np

    model_id = request.form["model_id"]
    network, settings = load(request.form["model_save_path"], model_id)
    signal, _ = librosa.load(request.files["audio"].stream, sr=settings["sampling_rate"])
    directly = request.form.get("call") == "directly"
    predict_chunks = network if directly else partial(network.predict, verbose=0)
    probabilities = np.mean(predict_chunks(extract(signal, settings)), axis=0)
    best = settings["labels"][int(probabilities.argmax())]
    names = [f"{label['code']} - {label['name']}" for label in settings["labels"]]
    return {
        "sample_name": [None],
        "prediction": [best["code"]],
        "probabilities": [dict(zip(names, probabilities.tolist(), strict=True))],
        "emotions": [best["emotion"]],
        "model_id": model_id,
    }


@lru_cache(maxsize=4)
def load(model_save_path: str, model_id: str) -> tuple[Any, dict[str, Any]]:
    """Return the network and its settings."""
    import keras

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(model_save_path) / model_id
        if model_save_path.startswith("s3://"):
            folder = download(f"{model_save_path}/{model_id}", Path(temporary))
        network = keras.models.load_model(folder / "model.keras", compile=False)
        return network, json.loads((folder / "settings.json").read_text())


def download(uri: str, folder: Path) -> Path:
    """Download the files of the model at ``uri`` to ``folder``; return ``folder``."""
    import boto3

    client = boto3.client("s3")
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    for name in ("model.keras", "settings.json"):
        client.download_file(bucket, f"{prefix}/{name}", str(folder / name))
    return folder


def extract(signal: Any, settings: dict[str, Any]) -> Any:
    """Return the MFCCs of each chunk of ``signal``, shape (chunks, coefficients times frames)."""
    import librosa
    import numpy as np

    chunk_samples, sampling_rate = settings["chunk_samples"], settings["sampling_rate"]
    padded = np.pad(settings["gain"] * signal, (0, -len(signal) % chunk_samples))
    return np.stack(
        [
            librosa.feature.mfcc(y=chunk, sr=sampling_rate, **settings["mfcc"]).ravel()
            for chunk in padded.reshape(-1, chunk_samples)
        ]
    )
