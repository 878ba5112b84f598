"""The model of the usual function, and further models of our function: one with the same network,
and one with a pretrained encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from benchmark.workplace import Workplace
from ser.classifiers import Classifier
from ser.classifiers._keras import FittedKeras
from ser.corpora import open_sources
from ser.dataset import LoadedCorpus
from ser.frontends import MFCC
from ser.frontends._spectrum import samples
from ser.registry import new_model_id, open_registry
from ser.service.settings import Settings
from ser.service.training.request import read_train_request
from ser.sounds import SAMPLING_RATE
from ser.training import PreparedCorpus, compose, extract_features, fit, load_and_split

METHOD = MFCC(dc_elimination=False)
"""MFCCs as librosa computes them: the first coefficient remains the level."""

ACCURATE = {"preset": "accurate"}
"""Fields of the training of a model with a pretrained encoder."""


class Yardstick(NamedTuple):
    """The folders of two models."""

    usual: Path
    same_network: Path
    """A model of our function with the network of the usual one."""


def make_yardstick(place: Workplace) -> Yardstick:
    """Train the network of our default KerasClassifier, and publish it for both contestants.

    Its features are MFCCs only: the speaker and the text, which the default adds, are unknown for
    an uploaded sound.
    """
    body = place.training("KerasClassifier", data="KerasClassifier")
    body["dataset_feature_extract_methods"] = {"MFCC": msgspec.to_builtins(METHOD)}
    same_network, corpus, classifier = publish_model(place, body)
    network = classifier.fitted_
    assert isinstance(network, FittedKeras)
    usual = place.registries / "usual" / "network"
    write(usual, network, corpus.loaded)
    return Yardstick(usual, same_network)


def publish_model(
    place: Workplace, body: Mapping[str, Any]
) -> tuple[Path, PreparedCorpus, Classifier]:
    """Train and publish a model without evaluating it.

    Returns
    -------
    tuple
        The folder of the model, the corpus with its features, and the classifier.
    """
    settings = Settings.from_environment(place.settings)
    request = read_train_request(body, settings)
    sources = open_sources(
        request.remote_url, Path(request.data_path), limits=settings.corpus_limits
    )
    corpus = extract_features(request, load_and_split(request, sources), sources)
    classifier = fit(request, corpus)
    model_id = new_model_id()
    contents = {"model.onnx": compose(request, corpus, classifier)}
    open_registry(place.registry).publish(model_id, contents, {})
    return place.registry / model_id, corpus, classifier


def make_accurate(place: Workplace) -> Path:
    """Return the folder of a model of :data:`ACCURATE`; ``SerError`` if there is no encoder."""
    body = place.training("DiscriminantClassifier", data="accurate") | ACCURATE
    return publish_model(place, body)[0]


def write(folder: Path, fitted: FittedKeras, loaded: LoadedCorpus) -> None:
    """Write the files of the usual function to ``folder``."""
    import keras

    weights = (fitted.projection.axes / fitted.projection.deviation[:, None]).T
    offset = weights @ fitted.projection.mean
    # Scaling and projection become one more layer, so that one file holds the whole model.
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
