"""From the waveform to the mean over the chunks, in one graph."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ser import Model, graph
from ser.audio import SAMPLING_RATE
from ser.classifiers import RandomForestClassifier
from ser.corpora import Label
from ser.frontends import FrontEnds
from ser.metadata import MetadataEncoding
from ser.model import ModelProperties

METHODS = {"MFCC": {"num_cepstral": 3}}
BOTH = {"SpeakerAndGenderAndTextType": {"text": False}, "MFCC": {"num_cepstral": 3}}
ENCODING = MetadataEncoding({"speaker": ("03", "08"), "gender": ("female", "male")})
NONE = MetadataEncoding({})


def noise(samples: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 0.1, samples).astype(np.float32)


def session(
    chunk_samples: int | None,
    gain: float = 1.0,
    methods: object = METHODS,
    encoding: MetadataEncoding = NONE,
) -> onnxruntime.InferenceSession:
    model = graph.front_end_model(
        FrontEnds.parse(methods), chunk_samples=chunk_samples, gain=gain, encoding=encoding
    )
    return onnxruntime.InferenceSession(model.SerializeToString())


@settings(max_examples=30, deadline=None)
@given(samples=st.integers(1, 5000), chunk=st.sampled_from([800, 1000, 1600]))
def test_chunks_are_the_signal_cut_and_padded_with_silence(samples: int, chunk: int) -> None:
    signal = noise(samples, seed=samples)
    count = -(-samples // chunk)
    padded = np.pad(signal, (0, count * chunk - samples))
    (together,) = session(chunk).run(None, {"waveform": signal})
    one_by_one = [session_of(chunk, piece) for piece in padded.reshape(count, chunk)]
    np.testing.assert_allclose(together, np.concatenate(one_by_one), atol=1e-4)


def session_of(chunk: int, piece: NDArray[np.float32]) -> NDArray[np.float32]:
    (features,) = WHOLE.run(None, {"waveform": piece})
    return np.asarray(features)


WHOLE = session(None)


def test_the_gain_is_applied_to_the_waveform() -> None:
    signal = noise(4000)
    (louder,) = session(1000, gain=3.0).run(None, {"waveform": signal})
    (expected,) = session(1000).run(None, {"waveform": 3 * signal})
    np.testing.assert_allclose(louder, expected, atol=1e-4)


def test_features_are_concatenated_in_the_order_given() -> None:
    signal, columns = noise(2500), ENCODING.encode({"speaker": "08", "gender": "male"})
    inputs = {"waveform": signal, "metadata": columns}
    (first,) = session(1000, methods=BOTH, encoding=ENCODING).run(None, inputs)
    reverse = dict(reversed(BOTH.items()))
    (second,) = session(1000, methods=reverse, encoding=ENCODING).run(None, inputs)
    (alone,) = session(1000).run(None, {"waveform": signal})
    metadata = np.tile(np.array([0, 1, 0, 1], np.float32), (3, 1))
    np.testing.assert_array_equal(first, np.concatenate([metadata, alone], axis=1))
    np.testing.assert_array_equal(second, np.concatenate([alone, metadata], axis=1))


def composed(encoding: MetadataEncoding, methods: object) -> bytes:
    """A model of two classes that has learned noise."""
    front_ends = FrontEnds.parse(methods)
    front_end = graph.front_end_model(front_ends, chunk_samples=1000, gain=1.0, encoding=encoding)
    inputs = {"waveform": noise(40_000)}
    if encoding.size:
        inputs["metadata"] = encoding.encode({"speaker": "03"})
    run = onnxruntime.InferenceSession(front_end.SerializeToString()).run(None, inputs)
    y = np.arange(40) % 2
    fitted = RandomForestClassifier(n_estimators=10).fit(run[0], y, random_state=0)
    properties = {
        "labels": (Label("L", "Langeweile", "boredom"), Label("W", "Ärger (Wut)", "anger")),
        "sampling_rate": SAMPLING_RATE,
        "front_ends": front_ends.configs,
        "chunk_samples": 1000,
        "gain": 1.0,
        "metadata": encoding,
    }
    return graph.compose(front_end, fitted.to_onnx(), properties)


def test_probabilities_are_the_mean_over_the_chunks() -> None:
    model = Model(composed(NONE, METHODS))
    signal = noise(3000, seed=9)
    pieces = [model.predict(piece) for piece in signal.reshape(3, 1000)]
    np.testing.assert_allclose(model.predict(signal), np.mean(pieces, axis=0), atol=1e-6)
    assert model.predict(signal).sum() == pytest.approx(1, abs=1e-6)


def test_a_model_knows_its_labels_and_settings() -> None:
    model = Model(composed(ENCODING, BOTH))
    assert [str(label) for label in model.labels] == ["L - Langeweile", "W - Ärger (Wut)"]
    assert repr(model) == "Model(16000 Hz -> boredom, anger)"
    assert list(model.properties.front_ends) == ["SpeakerAndGenderAndTextType", "MFCC"]
    assert model.properties.front_ends["MFCC"]["num_cepstral"] == 3
    assert model.properties.metadata == ENCODING


def test_properties_survive_the_file() -> None:
    properties = Model(composed(ENCODING, BOTH)).properties
    assert isinstance(properties, ModelProperties)
    assert properties.labels[1].emotion == "anger"
    assert (properties.chunk_samples, properties.gain) == (1000, 1.0)


def test_a_model_with_as_many_labels_as_probabilities_only() -> None:
    import onnx

    model = onnx.load_from_string(composed(NONE, METHODS))
    for entry in model.metadata_props:
        if entry.key == "labels":
            entry.value = '[{"code": "L", "name": "Langeweile", "emotion": "boredom"}]'
    with pytest.raises(ValueError, match="1 labels"):
        Model(model.SerializeToString())
