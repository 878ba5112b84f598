"""The graph of a model: chunks, front-ends, classifier and pooling."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import spox.opset.ai.onnx.v17 as op
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from spox import Tensor, argument, build

import made
from ser import Model
from ser import _graph as graph
from ser._labels import Label
from ser._metadata import MetadataEncoding
from ser.classifiers import RandomForestClassifier
from ser.errors import Conflict
from ser.frontends import FrontEnds
from ser.model import ModelProperties, Probabilities
from ser.sounds import SAMPLING_RATE, SPEECH_FRAME

METHODS = {"MFCC": {"num_cepstral": 3}}
BOTH = {"SpeakerAndGenderAndTextType": {"text": False}, "MFCC": {"num_cepstral": 3}}
ENCODING = MetadataEncoding({"speaker": ("03", "08"), "gender": ("female", "male")})
NONE = MetadataEncoding({})
VOICE = np.concatenate([made.signal(f"03a01{code}a.wav") for code in "WNF"])


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
    (together,) = CHUNKED[chunk].run(["features"], {"waveform": signal})
    one_by_one = [session_of(chunk, piece) for piece in padded.reshape(count, chunk)]
    np.testing.assert_allclose(together, np.concatenate(one_by_one), atol=1e-4)


@pytest.mark.parametrize(("seconds", "chunks"), [(0.3, 1), (30, 1), (30.01, 2), (61, 3)])
def test_a_long_signal_without_chunks_is_cut_into_equal_parts_of_at_most_half_a_minute(
    seconds: float, chunks: int
) -> None:
    signal = noise(int(seconds * SAMPLING_RATE))
    (features,) = WHOLE.run(["features"], {"waveform": signal})
    length = -(-len(signal) // chunks)
    padded = np.pad(signal, (0, chunks * length - len(signal))).reshape(chunks, length)
    one_by_one = [WHOLE.run(["features"], {"waveform": part})[0] for part in padded]
    np.testing.assert_allclose(features, np.concatenate(one_by_one), atol=1e-4)


def session_of(chunk: int, piece: NDArray[np.float32]) -> NDArray[np.float32]:
    (features,) = WHOLE.run(["features"], {"waveform": piece})
    return np.asarray(features)


WHOLE = session(None)
CHUNKED = {chunk: session(chunk) for chunk in (800, 1000, 1600)}


def test_the_gain_is_applied_to_the_waveform() -> None:
    signal = noise(4000)
    (louder,) = session(1000, gain=3.0).run(["features"], {"waveform": signal})
    (expected,) = session(1000).run(["features"], {"waveform": 3 * signal})
    np.testing.assert_allclose(louder, expected, atol=1e-4)


def test_features_are_concatenated_in_the_order_given() -> None:
    signal, columns = noise(2500), ENCODING.encode({"speaker": "08", "gender": "male"})
    inputs = {"waveform": signal, "metadata": columns}
    (first,) = session(1000, methods=BOTH, encoding=ENCODING).run(["features"], inputs)
    reverse = dict(reversed(BOTH.items()))
    (second,) = session(1000, methods=reverse, encoding=ENCODING).run(["features"], inputs)
    (alone,) = session(1000).run(["features"], {"waveform": signal})
    metadata = np.tile(np.array([0, 1, 0, 1], np.float32), (3, 1))
    np.testing.assert_array_equal(first, np.concatenate([metadata, alone], axis=1))
    np.testing.assert_array_equal(second, np.concatenate([alone, metadata], axis=1))


def composed(encoding: MetadataEncoding, methods: object) -> bytes:
    """A model of two classes, trained on noise."""
    front_ends = FrontEnds.parse(methods)
    front_end = graph.front_end_model(front_ends, chunk_samples=1000, gain=1.0, encoding=encoding)
    inputs = {"waveform": noise(40_000)}
    if encoding.size:
        inputs["metadata"] = encoding.encode({"speaker": "03"})
    run = onnxruntime.InferenceSession(front_end.SerializeToString()).run(["features"], inputs)
    y = np.arange(40) % 2
    fitted = RandomForestClassifier(n_estimators=10).fit(run[0], y)
    properties = {
        "labels": (Label("L", "Langeweile", "boredom"), Label("W", "Ärger (Wut)", "anger")),
        "sampling_rate": SAMPLING_RATE,
        "front_ends": front_ends.configs,
        "front_end": "0" * 64,
        "feature_names": front_ends.feature_names(1000, encoding),
        "chunk_samples": 1000,
        "gain": 1.0,
        "metadata": encoding,
    }
    return graph.compose(front_end, fitted.to_onnx(), properties)


def answer(model: Model, signal: NDArray[np.float32]) -> Probabilities:
    return model.predict(signal, SAMPLING_RATE).probabilities


def test_probabilities_sum_to_one() -> None:
    model = Model(composed(NONE, METHODS))
    together = answer(model, VOICE).array
    assert together.sum() == pytest.approx(1, abs=1e-6)


def test_without_speech_all_emotions_are_equally_probable() -> None:
    model = Model(composed(NONE, METHODS))
    for signal in (np.zeros(4000, np.float32), noise(16_000)):
        prediction = model.predict(signal, SAMPLING_RATE)
        assert (prediction.speech, prediction.too_short) == (False, False)
        np.testing.assert_array_equal(prediction.probabilities.array, [0.5, 0.5])


def test_chunks_vote_by_the_duration_of_their_speech() -> None:
    model = graph_of_features()
    (seconds,) = model.run(["seconds"], {"waveform": VOICE})
    (features, probabilities) = model.run(["features", "probabilities"], {"waveform": VOICE})
    each = [1 / (1 + np.exp(-row.mean() / 100)) for row in features]
    assert len(seconds) > 2
    assert len(set(seconds.tolist())) > 1
    expected = np.average(each, weights=seconds)
    np.testing.assert_allclose(probabilities, [1 - expected, expected], atol=1e-5)


def graph_of_features() -> onnxruntime.InferenceSession:
    """A model of chunks of 0.3 s whose probabilities follow the mean of the features."""
    front_end = graph.front_end_model(
        FrontEnds.parse(METHODS), chunk_samples=4800, gain=1.0, encoding=NONE
    )
    columns = front_end.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    features = argument(Tensor(np.float32, (None, columns)))
    score = op.div(op.reduce_mean(features, axes=[1]), op.const(np.float32(100)))
    positive = op.sigmoid(score)
    both = op.concat([op.sub(op.const(np.float32(1)), positive), positive], axis=1)
    classifier = build({"features": features}, {"probabilities": both})
    return onnxruntime.InferenceSession(graph.compose(front_end, classifier, {}))


@pytest.mark.parametrize(
    ("before", "after", "level"), [(0, 60, None), (60, 0, -75), (10, 10, -60), (0.123, 3, None)]
)
def test_silence_around_speech_changes_nothing(
    before: float, after: float, level: float | None
) -> None:
    model = session(None)
    # The margin around speech is silent here too.
    signal = np.pad(VOICE, 3200)
    padded = np.pad(signal, (int(before * SAMPLING_RATE), int(after * SAMPLING_RATE)))
    if level is not None:
        random = np.random.default_rng(0)
        padded += random.normal(0, 10 ** (level / 20), len(padded)).astype(np.float32)
    seconds = [model.run(["seconds"], {"waveform": each})[0] for each in (signal, padded)]
    assert len(seconds[1]) == 1
    assert seconds[1].sum() == pytest.approx(seconds[0].sum(), abs=0.1)
    (times,) = model.run(["times"], {"waveform": padded})
    assert times == pytest.approx([before], abs=0.3)


def test_a_pause_between_words_is_left_out() -> None:
    model = session(None)
    pause = np.zeros(10 * SAMPLING_RATE, np.float32)
    seconds, features = model.run(
        ["seconds", "features"], {"waveform": np.concatenate([VOICE, pause, VOICE])}
    )
    signal = np.concatenate([VOICE, pause[: 16 * SPEECH_FRAME], VOICE])
    expected, shorter = model.run(["seconds", "features"], {"waveform": signal})
    assert seconds.sum() == pytest.approx(expected.sum(), abs=0.1)
    # Nearly as many frames: the pause in the middle has the length of the margins.
    assert features.shape[1] == pytest.approx(shorter.shape[1], rel=0.05)


def test_speech_of_less_than_half_a_second_is_too_short() -> None:
    model = Model(composed(NONE, METHODS))
    assert not model.predict(VOICE, SAMPLING_RATE).too_short
    short = model.predict(made.signal("03a01Wa.wav")[:6400], SAMPLING_RATE)
    assert (short.speech, short.too_short) == (True, True)


@pytest.mark.parametrize(
    "methods", [METHODS, BOTH, {"Functionals": {}}, {"MFCC": {"fft_length": 401}}]
)
def test_every_feature_has_a_unique_name(methods: dict[str, Any]) -> None:
    front_ends = FrontEnds.parse(methods)
    encoding = ENCODING if front_ends.metadata_fields else NONE
    inputs = {"waveform": noise(2500)}
    if encoding.size:
        inputs["metadata"] = encoding.encode({"speaker": "08"})
    (features,) = session(1000, methods=methods, encoding=encoding).run(["features"], inputs)
    names = front_ends.feature_names(1000, encoding)
    assert len(set(names)) == len(names) == features.shape[1]
    assert {name.partition(".")[0] for name in names} == set(methods)


def test_optional_inputs_of_the_classifier_are_optional_inputs_of_the_model() -> None:
    front_end = graph.front_end_model(
        FrontEnds.parse(METHODS), chunk_samples=1000, gain=1.0, encoding=NONE
    )
    columns = front_end.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    features, shift = (
        argument(Tensor(np.float32, (None, columns))),
        argument(Tensor(np.float32, (2,))),
    )
    mean = op.reduce_mean(features, axes=[1])
    classifier = build(
        {"features": features, "shift": shift},
        {"probabilities": op.softmax(op.add(op.mul(mean, op.const(np.float32(0))), shift), axis=1)},
    )
    default = onnx.numpy_helper.from_array(np.zeros(2, np.float32), "shift")
    classifier.graph.initializer.append(default)
    model = onnxruntime.InferenceSession(graph.compose(front_end, classifier, {}))
    assert [value.name for value in model.get_inputs()] == ["waveform"]
    (ordinary,) = model.run(["probabilities"], {"waveform": VOICE})
    np.testing.assert_allclose(ordinary, [0.5, 0.5])
    shifted = {"waveform": VOICE, "shift": np.array([0, np.log(3)], np.float32)}
    np.testing.assert_allclose(model.run(["probabilities"], shifted)[0], [0.25, 0.75], atol=1e-6)


def test_pooled_probabilities_sum_to_one_even_if_those_of_the_chunks_do_not() -> None:
    # Rounding adds up over thousands of chunks; here the error is large enough to be seen.
    front_end = graph.front_end_model(
        FrontEnds.parse(METHODS), chunk_samples=1000, gain=1.0, encoding=NONE
    )
    columns = front_end.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    features = argument(Tensor(np.float32, (None, columns)))
    nothing = op.mul(op.reduce_mean(features, axes=[1]), op.const(np.float32(0)))
    scores = op.add(nothing, op.const(np.array([0.2, 0.6], np.float32)))
    classifier = build({"features": features}, {"probabilities": scores})
    model = onnxruntime.InferenceSession(graph.compose(front_end, classifier, {}))
    (probabilities,) = model.run(["probabilities"], {"waveform": VOICE})
    np.testing.assert_allclose(probabilities, [0.25, 0.75], atol=1e-6)


def test_a_model_has_its_labels_and_settings() -> None:
    model = Model(composed(ENCODING, BOTH))
    assert [str(label) for label in model.labels] == ["L - Langeweile", "W - Ärger (Wut)"]
    assert repr(model) == "Model(16000 Hz -> boredom, anger)"
    assert list(model.properties.front_ends) == ["SpeakerAndGenderAndTextType", "MFCC"]
    assert model.properties.front_ends["MFCC"]["num_cepstral"] == 3
    assert model.properties.metadata == ENCODING


def test_the_file_preserves_the_properties() -> None:
    properties = Model(composed(ENCODING, BOTH)).properties
    assert isinstance(properties, ModelProperties)
    assert properties.labels[1].emotion == "anger"
    assert (properties.chunk_samples, properties.gain) == (1000, 1.0)


def test_a_model_with_another_number_of_labels_than_probabilities_is_refused() -> None:
    model = onnx.load_from_string(composed(NONE, METHODS))
    for entry in model.metadata_props:
        if entry.key == "labels":
            entry.value = '[{"code": "L", "name": "Langeweile", "emotion": "boredom"}]'
    with pytest.raises(Conflict, match=r"probabilities has .* shape \[2\]; allowed: .* \[1\]"):
        Model(model.SerializeToString())
