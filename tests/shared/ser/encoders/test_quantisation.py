"""Encoders in 8 bits, and what a model says about the encoder inside."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from ser.encoders import EncoderSources, KnownEncoder, quantised
from ser.errors import InvalidInput
from ser.frontends import Encoder
from whispers import put, random_whisper, safetensors_file

NAME = "random"
FILE = safetensors_file(random_whisper(layers=3, features=128, inner=512, positions=64))
KNOWN = KnownEncoder("openai/random", "a" * 40, hashlib.sha256(FILE).hexdigest())


@pytest.fixture
def sources(tmp_path: Path) -> EncoderSources:
    folder = put(tmp_path / "encoders", f"{NAME}/model.safetensors", FILE)
    return EncoderSources(folder, cache=None, hub=False, known={NAME: KNOWN})


def layer3(model: onnx.ModelProto) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString())
    log_mel = np.random.default_rng(0).normal(size=(2, 80, 60)).astype(np.float32)
    return np.asarray(session.run(["layer3"], {"log_mel": log_mel})[0])


def test_int8_is_less_than_half_as_large_and_nearly_equal(sources: EncoderSources) -> None:
    model = sources.open(NAME)
    before = model.SerializeToString(deterministic=True)
    small = quantised(model)
    assert model.SerializeToString(deterministic=True) == before, "the argument stays as it is"
    assert small.ByteSize() < 0.5 * model.ByteSize()
    assert {opset.domain for opset in small.opset_import} <= {"", "ai.onnx"}
    weights = [t for t in small.graph.initializer if t.data_type == TensorProto.INT8 and t.dims]
    assert len([t for t in weights if len(t.dims) == 2]) == 3 * 6
    exact, approximate = layer3(model), layer3(small)
    assert np.corrcoef(exact.ravel(), approximate.ravel())[0, 1] > 0.999
    assert not np.array_equal(exact, approximate)


def test_int8_is_refused_where_it_gains_nothing() -> None:
    values = helper.make_tensor("w", TensorProto.FLOAT, [8, 4, 3], np.ones(96, np.float32))
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "convolution",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, None])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, None])],
        [values],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    with pytest.raises(InvalidInput, match=r"int8 makes the encoder .*; allowed: float16"):
        quantised(model)


def test_the_front_end_keeps_origin_and_names_at_both_precisions(sources: EncoderSources) -> None:
    exact, small = (
        Encoder(source=NAME, precision=precision, part_seconds=1).opened(sources)
        for precision in ("float16", "int8")
    )
    assert exact.origin == small.origin
    assert exact.origin["origin"] == "https://huggingface.co/openai/random"
    assert exact.feature_names() == small.feature_names()
    assert len(small.feature_names()) == 128
    sizes = [opened.encoder.model.ByteSize() for opened in (exact, small)]
    assert sizes[1] < 0.5 * sizes[0]
