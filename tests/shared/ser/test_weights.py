"""Weights in half precision: exact in the file, and once in memory."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import pytest
import spox.opset.ai.onnx.v17 as op
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from spox import Tensor, argument, build

import made
import small_encoder
from ser import Model
from ser import _graph as graph
from ser._packing import FEWEST, exact_half, pack
from ser._sessions import open_session
from ser._weights import Weights, take_weights
from ser.errors import Conflict
from ser.sounds import SAMPLING_RATE

Array = NDArray[Any]
VOICE = np.concatenate([made.signal(f"03a01{code}a.wav") for code in "WNF"])
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 65504.0, 2.0**-24, -(2.0**-24), 2.0**-14]
"""Values that half precision represents: infinities, NaN, its largest and smallest numbers."""
OTHER = [float(np.float32(each)) for each in (65520, 1e-8, 0.1, 1 + 2.0**-11, 1e-45)]
"""Values that half precision does not represent."""


def exact(shape: tuple[int, ...], seed: int = 0) -> Array:
    """Random float32 values that half precision represents."""
    random = np.random.default_rng(seed)
    return random.normal(0, 1, shape).astype(np.float16).astype(np.float32)


def model_of(*weights: Array) -> onnx.ModelProto:
    """A model whose outputs are its weights."""
    initializers = [numpy_helper.from_array(each, f"w{n}") for n, each in enumerate(weights)]
    nodes = [
        helper.make_node("Identity", [each.name], [f"{each.name}_out"]) for each in initializers
    ]
    outputs = [
        helper.make_tensor_value_info(node.output[0], TensorProto.FLOAT, each.shape)
        for node, each in zip(nodes, weights, strict=True)
    ]
    weights_only = helper.make_graph(nodes, "weights", [], outputs, initializers)
    return model_with(weights_only)


def model_with(content: onnx.GraphProto) -> onnx.ModelProto:
    return helper.make_model(content, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def outputs_of(
    data: bytes, weights: Weights | None = None, inputs: Mapping[str, Array] | None = None
) -> list[Array]:
    session = open_session(data, optimize=weights is None, weights=weights or {})
    return [np.asarray(each) for each in session.run(None, dict(inputs or {}))]


def types(part: onnx.GraphProto) -> list[int]:
    return [tensor.data_type for tensor in part.initializer]


def subgraphs(part: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    for node in part.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield attribute.g
                yield from subgraphs(attribute.g)


@settings(max_examples=40, deadline=None)
@given(
    values=arrays.arrays(
        np.float32,
        st.integers(1, 6),
        elements=st.sampled_from([*SPECIAL, *OTHER]) | st.floats(width=16),
    ),
    rows=st.sampled_from([1, 2, 64]),
)
def test_packing_changes_no_bit_of_any_weight(values: Array, rows: int) -> None:
    weight = np.resize(values, (rows, -(-FEWEST // rows)))
    model = model_of(weight)
    pack(model)
    with np.errstate(over="ignore"):
        represented = weight.astype(np.float16).astype(np.float32).tobytes() == weight.tobytes()
    assert types(model.graph) == [TensorProto.FLOAT16 if represented else TensorProto.FLOAT]
    data = model.SerializeToString()
    for (result,) in (outputs_of(data), outputs_of(*take_weights(data))):
        assert result.tobytes() == weight.tobytes()


def test_small_weights_and_other_types_stay_as_they_are() -> None:
    model = model_of(exact((FEWEST - 1,)), exact((FEWEST,)))
    integers = numpy_helper.from_array(np.arange(FEWEST, dtype=np.int32), "integers")
    model.graph.initializer.append(integers)
    pack(model)
    assert sorted(types(model.graph)) == [TensorProto.FLOAT, TensorProto.INT32, TensorProto.FLOAT16]


def test_equal_weights_are_stored_once_and_equal_bytes_of_other_shapes_are_not_confused() -> None:
    weight = exact((64, 128))
    model = model_of(weight, weight, weight.reshape(128, 64))
    pack(model)
    assert types(model.graph) == [TensorProto.FLOAT16] * 2
    data = model.SerializeToString()
    for results in (outputs_of(data), outputs_of(*take_weights(data))):
        np.testing.assert_array_equal(results[0], weight)
        np.testing.assert_array_equal(results[1], weight)
        np.testing.assert_array_equal(results[2], weight.reshape(128, 64))


def nested(first: Array, second: Array) -> onnx.ModelProto:
    """A model with weights in a scan inside each branch of a condition."""
    value = argument(Tensor(np.float32, (1, first.shape[0])))
    condition = argument(Tensor(np.bool_, ()))

    def scanned(weight: Array) -> Any:
        return lambda: op.scan(
            [value], num_scan_inputs=1, body=lambda row: [op.matmul(row, op.const(weight))]
        )

    (result,) = op.if_(condition, then_branch=scanned(first), else_branch=scanned(second))
    return build({"value": value, "condition": condition}, {"result": result})


def test_weights_of_subgraphs_move_to_the_top() -> None:
    first, second = exact((64, 64), seed=1), exact((64, 64), seed=2)
    # Folding turns constants into initializers.
    model = graph.fold_constants(nested(first, second))
    assert any(each.initializer for each in subgraphs(model.graph))
    value = exact((1, 64))
    inputs = [{"value": value, "condition": np.array(which)} for which in (True, False)]
    before = [outputs_of(model.SerializeToString(), inputs=each) for each in inputs]
    pack(model)
    assert not any(each.initializer for each in subgraphs(model.graph))
    assert types(model.graph) == [TensorProto.FLOAT16] * 2
    data = model.SerializeToString()
    for given_inputs, expected in zip(inputs, before, strict=True):
        found = [outputs_of(data, inputs=given_inputs)]
        found.append(outputs_of(*take_weights(data), inputs=given_inputs))
        for each in found:
            np.testing.assert_allclose(each, expected, rtol=1e-5)


def test_defaults_of_inputs_are_not_packed() -> None:
    model = model_of(exact((FEWEST,)))
    model.graph.input.append(helper.make_tensor_value_info("w0", TensorProto.FLOAT, (FEWEST,)))
    pack(model)
    assert [(tensor.name, tensor.data_type) for tensor in model.graph.initializer] == [
        ("w0", TensorProto.FLOAT)
    ]


def test_an_initializer_in_half_precision_with_other_uses_stays() -> None:
    half = exact((FEWEST,)).astype(np.float16)
    nodes = [
        helper.make_node("Cast", ["half"], ["double"], to=TensorProto.DOUBLE),
        helper.make_node("Identity", ["half"], ["same"]),
    ]
    outputs = [
        helper.make_tensor_value_info("double", TensorProto.DOUBLE, (FEWEST,)),
        helper.make_tensor_value_info("same", TensorProto.FLOAT16, (FEWEST,)),
    ]
    initializers = [numpy_helper.from_array(half, "half")]
    uses = helper.make_graph(nodes, "half", [], outputs, initializers)
    data = model_with(uses).SerializeToString()
    assert take_weights(data) == (data, {})


@pytest.fixture(scope="module")
def file() -> bytes:
    return small_encoder.model()


def test_the_file_has_large_weights_in_half_precision_only(file: bytes) -> None:
    model = onnx.load_from_string(file)
    large = [each for each in small_encoder.tensors().values() if each.size >= FEWEST]
    # The axes of the familiarity are rounded to it.
    assert types(model.graph).count(TensorProto.FLOAT16) == len(large) + 1
    inside = [exact_half(each) for part in subgraphs(model.graph) for each in part.initializer]
    assert all(each is None for each in inside)


def test_features_are_those_of_the_front_end_before_packing(file: bytes) -> None:
    front_end = small_encoder.front_end().SerializeToString()
    expected, _ = open_session(front_end).run(["features", "speech"], {"waveform": VOICE})
    found = Model(file).features(VOICE, SAMPLING_RATE).array
    np.testing.assert_allclose(found, expected, atol=1e-5)


def with_other_encoder(file: bytes, divisor: int) -> bytes:
    """Return ``file`` with the packed weights divided by ``divisor``."""
    model = onnx.load_from_string(file)
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT16:
            halved = numpy_helper.to_array(tensor) / np.float16(divisor)
            tensor.CopyFrom(numpy_helper.from_array(halved, tensor.name))
    return bytes(model.SerializeToString())


@contextmanager
def memory() -> Iterator[Callable[[], int]]:
    """Yield a function that returns the bytes allocated since the start."""
    gc.collect()
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


WEIGHTS = sum(4 * each.size for each in small_encoder.tensors().values() if each.size >= FEWEST)
"""Bytes of the packed weights of a model in single precision."""


def test_models_with_the_same_encoder_share_its_weights(file: bytes) -> None:
    # Encoders that no model of another test has, which may be in memory still.
    alike = (file, small_encoder.model(classifier_seed=1))
    files = [*(with_other_encoder(each, 2) for each in alike), with_other_encoder(file, 4)]
    with memory() as used:
        models, sizes = [], [0]
        for each in files:
            models.append(Model(each))
            sizes.append(used())
        first, second, other = np.diff(sizes)
        # Everything else in the file is a third of it.
        assert min(first, other) > WEIGHTS
        assert second < WEIGHTS / 2
        answers = [model.predict(VOICE, SAMPLING_RATE).probabilities.array for model in models]
        assert len({answer.tobytes() for answer in answers}) == 3
        del models[0]
        again = models[0].predict(VOICE, SAMPLING_RATE).probabilities.array
        np.testing.assert_array_equal(again, answers[1])
        models.clear()
        assert used() < WEIGHTS / 2


def test_models_opened_at_once_share_their_weights(file: bytes) -> None:
    file = with_other_encoder(file, 8)
    with memory() as used, ThreadPoolExecutor(4) as pool:
        models = list(pool.map(lambda _: Model(file), range(4)))
        graphs_only = 4 * (len(file) - WEIGHTS / 2)
        assert used() < graphs_only + 1.5 * WEIGHTS
        answers = [each.predict(VOICE, SAMPLING_RATE).probabilities.array for each in models]
        assert len({answer.tobytes() for answer in answers}) == 1


def test_shared_weights_cannot_be_changed(file: bytes) -> None:
    _, weights = take_weights(file)
    for tensor in weights.values():
        with pytest.raises(ValueError, match="read-only"):
            tensor[:] = 0


def test_a_tensor_whose_shape_does_not_fit_its_values_is_refused(file: bytes) -> None:
    model = onnx.load_from_string(file)
    half = next(t for t in model.graph.initializer if t.data_type == TensorProto.FLOAT16)
    half.dims[0] += 1
    with pytest.raises(Conflict, match="cannot read the model"):
        Model(model.SerializeToString())


@pytest.mark.parametrize("share", [0.2, 0.5, 0.99])
def test_a_cut_file_is_refused(file: bytes, share: float) -> None:
    with pytest.raises(Conflict, match="cannot read the model"):
        Model(file[: int(share * len(file))])
