"""The model of the usual function, and the very same network as a model of ours."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
from ser.training._steps import Training, obtain

from benchmark.workplace import Workplace
from ser._progress import silent
from ser.classifiers._keras import FittedKerasClassifier
from ser.dataset import Dataset, Loaded
from ser.frontends import MFCC
from ser.frontends._spectrum import samples
from ser.registry import new_model_id, open_registry
from ser.service.settings import Settings
from ser.service.training.request import read_train_request
from ser.sounds import SAMPLING_RATE, Signal

METHOD = MFCC(dc_elimination=False)
"""As librosa computes them: the level stays the first coefficient."""


class Yardstick(NamedTuple):
    """What was made: the folders of two models, and what they learned from."""

    usual: Path
    same_network: Path
    """A model of ours with the network of the usual one."""
    utterances: tuple[Signal, ...]


def make_yardstick(place: Workplace) -> Yardstick:
    """Train the network of our default KerasClassifier, and publish it for both contestants.

    It hears MFCCs alone: who speaks what, which the default adds, is not known of an upload.
    """
    body = place.training("KerasClassifier", data="KerasClassifier")
    body["dataset_feature_extract_methods"] = {"MFCC": msgspec.to_builtins(METHOD)}
    settings = Settings.from_environment(place.settings)
    request = read_train_request(body, settings)
    dataset = Dataset(
        request.data_path, request.remote_url, corpus=request.corpus, limits=settings.corpus_limits
    )
    corpus = obtain(request, dataset)
    extracted = dataset.feature_extract(request.dataset_feature_extract_methods)
    training = Training(request, corpus, extracted)
    fitted = training.fit(silent)
    assert isinstance(fitted, FittedKerasClassifier)
    usual = place.registries / "usual" / "network"
    write(usual, fitted, corpus.loaded)
    model_id = new_model_id()
    files = {"model.onnx": training.compose(fitted)}
    open_registry(place.registry).publish(model_id, files, {})
    return Yardstick(usual, place.registry / model_id, corpus.loaded.signals)


def write(folder: Path, fitted: FittedKerasClassifier, loaded: Loaded) -> None:
    """Write to ``folder`` what the usual function loads."""
    import keras

    scaler, components = fitted.projection.named_steps.values()
    weights = components.components_ / scaler.scale_
    offset = components.components_ @ components.mean_ + weights @ scaler.mean_
    # Scaling and projection are one more layer, so that a single file is the whole model.
    projection = keras.layers.Dense(len(weights))
    network = keras.Sequential(
        [keras.Input((weights.shape[1],)), projection, *fitted.network.layers]
    )
    projection.set_weights([np.float32(weights.T), np.float32(-offset)])
    folder.mkdir(parents=True)
    network.save(folder / "model.keras")
    settings = {
        "sampling_rate": SAMPLING_RATE,
        "chunk_samples": loaded.chunk_samples,
        "gain": loaded.gain,
        "labels": msgspec.to_builtins(loaded.labels),
        "mfcc": {
            "n_mfcc": METHOD.num_cepstral,
            "n_fft": METHOD.fft_length,
            "win_length": samples(METHOD.frame_length),
            "hop_length": samples(METHOD.frame_stride),
            "n_mels": METHOD.num_filters,
        },
    }
    (folder / "settings.json").write_bytes(msgspec.json.encode(settings))
