"""Files of models that come from anyone: refused before they run, or ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

import graphs
import hostile
from hostile import changed
from ser import Model
from ser import _wire as wire
from ser._sessions import open_session
from ser.errors import Conflict
from ser.sealing import UnsafeModel, inspect_model

SECRET = np.array([0.25, 0.5, 0.125], np.float32)


def refused(data: bytes, reason: str) -> None:
    with pytest.raises(Conflict, match=f"cannot read the model: .*{reason}"):
        Model(data)


@pytest.mark.parametrize(
    "attack",
    [
        hostile.READING,
        hostile.answering([hostile.constant(hostile.external("x", 3))]),
    ],
    ids=["initializer", "constant"],
)
def test_a_model_reads_no_file_of_the_working_directory(
    attack: hostile.Change, bounds: Path
) -> None:
    (bounds / "secret").write_bytes(SECRET.tobytes())
    data = changed(attack)
    session = open_session(data, optimize=False)
    (found,) = session.run(["probabilities"], {"waveform": np.zeros(1600, np.float32)})
    np.testing.assert_array_equal(found, SECRET, "onnxruntime alone gives the secret out")
    refused(data, "data in another file; allowed: none")


def test_a_location_outside_without_a_place_is_refused() -> None:
    def outside(model: onnx.ModelProto) -> None:
        model.graph.initializer[0].data_location = TensorProto.EXTERNAL

    refused(changed(outside), "are in another file")


def with_function(model: onnx.ModelProto) -> None:
    inner = [helper.make_node("Relu", ["x"], ["y"])]
    model.functions.append(
        helper.make_function("own", "F", ["x"], ["y"], inner, model.opset_import)
    )


def with_training(model: onnx.ModelProto) -> None:
    model.training_info.add()


def with_sparse(model: onnx.ModelProto) -> None:
    values, indices = (numpy_helper.from_array(np.zeros(1), n) for n in ("v", "i"))
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, indices, [4]))


def with_node(name: str, domain: str = "", **attributes: Any) -> hostile.Change:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node.append(helper.make_node(name, ["x"], ["y"], domain=domain, **attributes))

    return change


def with_domain(domain: str, version: int) -> hostile.Change:
    return lambda model: model.opset_import.append(helper.make_opsetid(domain, version))


def with_tensor(tensor: onnx.TensorProto) -> hostile.Change:
    return lambda model: model.graph.initializer.append(tensor)


def with_ir_version(model: onnx.ModelProto) -> None:
    model.ir_version = 99


def with_same_initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(model.graph.initializer[0])


HUGE = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[600_000_000])
CUT = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[4], raw_data=bytes(8))
NEGATIVE = TensorProto(name="t", data_type=TensorProto.FLOAT, dims=[-1], raw_data=bytes(4))
TEXTS = TensorProto(name="t", data_type=TensorProto.STRING, dims=[1], string_data=[b"text"])
TWICE = TensorProto(
    name="t", data_type=TensorProto.FLOAT, dims=[1], raw_data=bytes(4), float_data=[1.0]
)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (with_function, "local functions"),
        (with_training, "graphs for training"),
        (with_sparse, "sparse initializers"),
        (with_node("Loop", body=hostile.nested(1)), "operator b'Loop'"),
        (with_node("If", then_branch=hostile.nested(1)), "operator b'If'"),
        (with_node("RandomNormal"), "operator b'RandomNormal'"),
        (with_node("Relu", "com.microsoft"), "domain b'com.microsoft'"),
        (with_node("Relu", hidden=hostile.nested(1)), "Relu has a subgraph; allowed: Scan"),
        (with_node("Relu", many=[hostile.nested(1)] * 2), "lists of graphs"),
        (with_node("Scan", body=hostile.nested(5)), "graphs are nested; allowed: 4"),
        (with_domain("com.microsoft", 1), "imports the domain 'com.microsoft'"),
        (with_domain("", 17), "imports the domain ''"),
        (with_domain("ai.onnx.ml", 99), "opset of 'ai.onnx.ml' is 99; allowed: 1 to 3"),
        (with_ir_version, "IR version is 99"),
        (with_same_initializer, "two initializers have the same name"),
        (with_tensor(HUGE), "600,000,000 values"),
        (with_tensor(CUT), "another number of values than its shape says"),
        (with_tensor(NEGATIVE), "values; allowed: those in the file"),
        (with_tensor(TEXTS), "type 8|strings; allowed: none"),
        (with_tensor(TWICE), "several lists"),
        (hostile.with_tree(hostile.chain(20_000)), "too deep, or has a cycle; allowed: 1,000"),
        (hostile.with_tree(hostile.chain(600, cycle=True)), "too deep, or has a cycle"),
    ],
)
def test_what_no_model_of_ser_needs_is_refused(change: hostile.Change, reason: str) -> None:
    refused(changed(change), reason)


def rename_input(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "sound"


def remove_input(model: onnx.ModelProto) -> None:
    del model.graph.input[0]


def with_further_input(model: onnx.ModelProto) -> None:
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))


def value(model: onnx.ModelProto, name: str) -> onnx.ValueInfoProto:
    (found,) = (v for v in (*model.graph.input, *model.graph.output) if v.name == name)
    assert isinstance(found, onnx.ValueInfoProto)
    return found


def of_type(name: str, kind: int, shape: list[int | str] | None) -> hostile.Change:
    def change(model: onnx.ModelProto) -> None:
        value(model, name).CopyFrom(helper.make_tensor_value_info(name, kind, shape))

    return change


def as_sequence(model: onnx.ModelProto) -> None:
    tensor = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    sequence = helper.make_value_info("features", helper.make_sequence_type_proto(tensor))
    value(model, "features").CopyFrom(sequence)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (rename_input, "inputs are sound, not waveform"),
        (remove_input, "inputs are , not waveform"),
        (with_further_input, "inputs are waveform, more, not waveform"),
        (of_type("waveform", TensorProto.DOUBLE, ["n"]), "waveform has the type 11"),
        (of_type("waveform", TensorProto.FLOAT, ["n", 2]), r"waveform has .*shape \[None, 2\]"),
        (of_type("waveform", TensorProto.FLOAT, [3]), None),
        (of_type("probabilities", TensorProto.FLOAT, [4]), r"probabilities has .*\[4\].*\[3\]"),
        (of_type("speech", TensorProto.FLOAT, []), "speech has the type 1 "),
        (of_type("times", TensorProto.FLOAT, ["n", "m"]), "times has the type 1 and the shape"),
        (of_type("speaker_mean", TensorProto.FLOAT, [5]), r"speaker_mean has .*\[5\]"),
        (as_sequence, "has sequences; allowed: none"),
    ],
)
def test_other_inputs_and_outputs_are_refused(change: hostile.Change, reason: str | None) -> None:
    if reason:
        refused(changed(change), reason)
    else:
        with pytest.raises(Conflict):
            Model(changed(change)).predict(np.zeros(16_000, np.float32), 16_000)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.zeros(4), r"output probabilities is float32 of shape \(4,\)"),
        (np.full(3, np.nan), "output probabilities has values that are not finite"),
    ],
    ids=["shape", "not finite"],
)
def test_other_outputs_of_a_call_than_the_file_declares_are_refused(
    values: NDArray[np.float64], reason: str
) -> None:
    # As many as a tensor says, which is not known before the graph runs.
    nodes = [
        helper.make_node("NonZero", ["ones"], ["places"]),
        helper.make_node("Squeeze", ["places", "zero"], ["indices"]),
        helper.make_node("Gather", ["values", "indices"], ["probabilities"]),
    ]
    tensors = [
        numpy_helper.from_array(values.astype(np.float32), "values"),
        numpy_helper.from_array(np.ones(len(values), np.float32), "ones"),
        hostile.integers("zero", 0),
    ]
    model = Model(changed(hostile.answering(nodes, *tensors)))
    with pytest.raises(Conflict, match=reason):
        model.predict(np.zeros(16_000, np.float32), 16_000)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (hostile.with_second(hostile.GRAPH), "field graph twice"),
        (hostile.with_second(hostile.METADATA), "metadata have a name twice"),
        (hostile.valid() + wire.encode(99, b""), "field 99, which ONNX does not have"),
        (hostile.valid() + wire.encode_integer(7, 1), "field graph of ModelProto has the type 0"),
        (hostile.valid() + b"\x3b\x3c", "has the type 3"),
        (hostile.valid() + b"\xba\x00\x00", "a field that ONNX does not have"),
        (hostile.valid() + b"\x28" + b"\xff" * 10 + b"\x01", "more than 64 bits|twice"),
        (b"\x08" + b"\xff" * 9 + b"\x7f", "more than 64 bits"),
        (wire.encode_integer(1, 8) + b"\x3a\xff\xff\xff\xff\x0f", "is cut in its field graph"),
        (b"\x08", "is cut"),
        (b"", "IR version is None"),
    ],
    ids=str,
)
def test_a_file_that_parsers_may_understand_differently_is_refused(
    data: bytes, reason: str
) -> None:
    refused(data, reason)


def test_a_list_of_numbers_in_pieces_is_refused_at_once() -> None:
    pieces = (wire.encode_integer(8, 1) + wire.encode(1, b"")) * 100_000
    attribute = wire.encode(5, pieces)
    node = wire.encode(1, wire.encode(4, b"Relu") + attribute)
    data = wire.encode_integer(1, 8) + wire.encode(8, wire.encode_integer(2, 17))
    refused(data + wire.encode(7, node), "field (ints in pieces|name twice)")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("sampling_rate", "0", "sampling_rate of 0; allowed: 16000"),
        ("gain", "-1.0", "gain of -1.0"),
        ("gain", "1e999", "gain|out of range"),
        ("gain", "NaN", "malformed"),
        ("chunk_samples", "-1", "chunk_samples of -1"),
        ("chunk_samples", str(2**62), "chunk_samples of"),
        ("labels", "[]", "labels that are missing"),
        ("labels", json.dumps([["a", "b", "c"]]), "Expected `object`"),
        ("labels", json.dumps([{"code": "N", "name": "n", "emotion": "e"}] * 3), "not unique"),
        ("feature_names", json.dumps(["f"] * 250_001), "250,001 features; allowed: at most"),
        ("feature_names", json.dumps(["f" * 1001]), "1,001 characters in a name"),
        ("metadata", json.dumps({"values": {"text": ["x"] * 10_001}}), "10,001 columns"),
        ("metadata", json.dumps({"values": {"colour": ["x"]}}), "metadata of colour"),
        ("front_ends", "[" * 100_000, "recursion|depth|Expected"),
        ("front_ends", "\\ud800", "malformed"),
    ],
)
def test_properties_that_no_training_gives_are_refused(name: str, value: str, reason: str) -> None:
    refused(changed(hostile.with_property(name, value)), reason)


def test_metadata_that_are_no_text_are_refused() -> None:
    entry = wire.encode(1, b"gain") + wire.encode(2, b"\xff\xfe")
    refused(hostile.valid() + wire.encode(14, entry), "is not a text in UTF-8")


def mutations(data: bytes) -> st.SearchStrategy[bytes]:
    """Return files that differ from ``data`` in a few places, lack a part, or have it twice."""
    place = st.integers(0, len(data) - 1)

    def cut(begin: int, length: int, times: int) -> bytes:
        return data[:begin] + data[begin : begin + length] * times + data[begin + length :]

    def replace(places: list[tuple[int, int]]) -> bytes:
        changed = bytearray(data)
        for where, byte in places:
            changed[where] = byte
        return bytes(changed)

    replaced = st.lists(st.tuples(place, st.integers(0, 255)), min_size=1, max_size=4).map(replace)
    return replaced | st.builds(cut, place, st.integers(1, 200), st.sampled_from([0, 2]))


SMALL = (Path(__file__).parents[3] / "data" / "model-0.1.0-forest.onnx").read_bytes()


@settings(max_examples=150)
@given(mutations(SMALL))
def test_a_mutated_file_is_refused_or_understood_as_by_other_parsers(data: bytes) -> None:
    try:
        found = inspect_model(data)
    except UnsafeModel:
        return
    model = onnx.load_from_string(data)
    assert found.metadata == {each.key: each.value for each in model.metadata_props}
    assert [each.name for each in found.outputs] == [each.name for each in model.graph.output]
    names = {each.name for each in (*found.inputs, *found.options)}
    assert names == {each.name for each in model.graph.input}
    assert not model.functions
    assert not any(each.external_data for each in model.graph.initializer)


@settings(max_examples=60)
@given(mutations(SMALL))
def test_a_mutated_model_loads_and_predicts_or_is_a_conflict(data: bytes) -> None:
    try:
        prediction = Model(data).predict(np.zeros(16_000, np.float32), 16_000)
    except Conflict:
        return
    assert np.isfinite(prediction.probabilities.array).all()


@pytest.mark.parametrize("make", [graphs.model, lambda: SMALL], ids=["new", "0.1.0"])
def test_a_valid_file_passes(make: Callable[[], bytes]) -> None:
    assert inspect_model(make()).outputs[0].name == "probabilities"
