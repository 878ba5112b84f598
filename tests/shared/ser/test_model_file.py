"""The file of a model: constants folded for fast loading, standard operators for any runtime."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

import graphs
import made
from ser import Model
from ser import _graph as graph
from ser.sounds import SAMPLING_RATE

SIGNAL = made.signal("03a01Wa.wav")


@pytest.fixture(scope="module")
def file() -> onnx.ModelProto:
    return onnx.load_from_string(graphs.model())


def nodes(part: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """All nodes of ``part`` and of its subgraphs."""
    for node in part.node:
        yield node
        for attribute in node.attribute:
            yield from nodes(attribute.g)


def test_all_constants_are_folded_in_the_file(file: onnx.ModelProto) -> None:
    again = graph.fold_constants(file)
    assert len(list(nodes(again.graph))) == len(list(nodes(file.graph)))
    assert "Constant" not in {node.op_type for node in nodes(file.graph)}


def test_all_operators_are_standard_ones_of_opset_17_or_older(file: onnx.ModelProto) -> None:
    assert {node.domain for node in nodes(file.graph)} == {""}
    assert [imported.domain for imported in file.opset_import] == [""]
    assert file.opset_import[0].version <= 17


def test_values_have_short_names_but_inputs_and_outputs_keep_theirs(file: onnx.ModelProto) -> None:
    outside = {value.name for value in (*file.graph.input, *file.graph.output)}
    assert {"waveform", "speaker_mean", "probabilities", "features"} <= outside
    inside = {name for node in nodes(file.graph) for name in node.output} - outside
    assert max(map(len, inside)) <= 6
    assert not any(node.name for node in nodes(file.graph))


def test_the_same_model_gives_the_same_file(file: onnx.ModelProto) -> None:
    assert graphs.model() == file.SerializeToString()


def test_folding_changes_no_probability(monkeypatch: pytest.MonkeyPatch) -> None:
    models = [Model(graphs.model())]
    monkeypatch.setattr(graph, "fold_constants", lambda model: model)
    models.append(Model(graphs.model()))
    folded, plain = (
        [
            model.predict(SIGNAL, SAMPLING_RATE, profile=profile).probabilities.array
            for profile in (None, model.enrol([SIGNAL], SAMPLING_RATE))
        ]
        for model in models
    )
    np.testing.assert_allclose(folded, plain, atol=1e-6)


def test_loading_skips_optimizations_and_a_small_model_uses_one_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[Any] = []
    session = onnxruntime.InferenceSession

    def watched(data: bytes, options: Any, **rest: Any) -> Any:
        found.append(options)
        return session(data, options, **rest)

    data = graphs.model()
    monkeypatch.setattr(onnxruntime, "InferenceSession", watched)
    Model(data)
    (options,) = found
    assert options.graph_optimization_level == onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    assert not options.enable_mem_pattern
    assert options.intra_op_num_threads == 1
