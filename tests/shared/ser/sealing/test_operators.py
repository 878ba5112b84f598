"""The operators that are allowed are those that models need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
import spox.opset.ai.onnx.v17 as op
from spox import Tensor, argument, build

import foreign
import graphs
import small_encoder
from ser import _graph as graph
from ser._metadata import MetadataEncoding
from ser.classifiers import MODEL_TYPES, Origins
from ser.encoders._inspection import refuse_operators
from ser.errors import InvalidInput
from ser.frontends import FrontEnds
from ser.registry import READY_FOLDER
from ser.sealing import COMPOSED, ENCODERS, inspect_model

Operators = set[tuple[str, str]]
NONE = MetadataEncoding({})
KNOWN = MetadataEncoding({"speaker": ("03", "08"), "gender": ("female", "male"), "text": ("a01",)})
DATA = Path(__file__).parents[3] / "data"


def operators(part: onnx.GraphProto) -> Iterator[tuple[str, str]]:
    for node in part.node:
        yield node.domain, node.op_type
        for attribute in node.attribute:
            yield from operators(attribute.g)


def of(data: bytes) -> Operators:
    """Return the operators of a model, which must pass the inspection."""
    inspect_model(data)
    return {*operators(onnx.load_from_string(data).graph)}


def classifier(columns: int) -> onnx.ModelProto:
    features = argument(Tensor(np.float32, ("rows", columns)))
    weights = op.const(np.ones((columns, 3), np.float32))
    return build({"features": features}, {"probabilities": op.matmul(features, weights)})


class WaveformEncoder(small_encoder.SmallEncoder):
    def open(self, source: str, sha256: str | None = None) -> onnx.ModelProto:
        model = foreign.waveform_encoder()
        onnx.helper.set_model_props(model, {"origin": source, "digest": "0" * 64})
        return model


def front_ends() -> Iterator[tuple[FrontEnds, MetadataEncoding, int | None]]:
    """Yield all front-ends, on whole sounds and in chunks."""
    yield FrontEnds.parse({"MFCC": {"dc_elimination": False}}), NONE, 16_000
    yield FrontEnds.parse({"SpeakerAndGenderAndTextType": {}, "MFCC": {}}), KNOWN, 16_000
    for chunk in (None, 80_000):
        yield FrontEnds.parse({"Functionals": {}}), NONE, chunk
        for precision in ("float16", "int8"):
            config = {
                "output": f"layer{small_encoder.LAYERS}",
                "precision": precision,
                "statistics": ["mean", "deviation"],
            }
            encoder = small_encoder.SmallEncoder()
            yield FrontEnds.parse({"Encoder": config}).opened(encoder), NONE, chunk
    waveform = {"source": "w", "input": "waveform", "output": "layer2", "normalize": True}
    yield FrontEnds.parse({"Encoder": waveform}).opened(WaveformEncoder()), NONE, None


def of_front_ends() -> Operators:
    found: Operators = set()
    for methods, encoding, chunk in front_ends():
        model = graph.front_end_model(methods, chunk_samples=chunk, gain=1.0, encoding=encoding)
        columns = len(methods.feature_names(chunk, encoding))
        found |= of(graph.compose(model, classifier(columns), {}))
    return found


def of_classifiers() -> Operators:
    found: Operators = set()
    random = np.random.default_rng(0)
    features = random.normal(size=(60, len(graphs.FEATURES))).astype(np.float32)
    names = np.array([str(number) for number in range(60)])
    speakers = np.array([str(number // 12) for number in range(60)])
    origins = Origins(speakers, names, np.zeros(60, np.int64), names)
    for kind in MODEL_TYPES.values():
        for classes in (2, 3):
            fitted = kind(random_state=0).fit(features, np.arange(60) % classes, origins=origins)
            found |= of(graph.compose(graphs.front_end(), fitted.to_onnx(), {}))
    return found


def test_allowed_are_exactly_the_operators_that_are_composed_and_were_in_version_0_1_0() -> None:
    files = [*DATA.glob("*.onnx"), READY_FOLDER / "model.onnx"]
    published = {each for file in files for each in of(file.read_bytes())}
    assert len(files) == 3
    assert of_front_ends() | of_classifiers() | published == COMPOSED


def test_operators_of_encoders_have_no_subgraphs_and_are_of_one_domain() -> None:
    assert not COMPOSED & ENCODERS
    for domain, name in ENCODERS:
        schema = onnx.defs.get_schema(name, 17, domain)
        kinds = {attribute.type for attribute in schema.attributes.values()}
        assert domain == ""
        assert not kinds & {onnx.defs.OpSchema.AttrType.GRAPH, onnx.defs.OpSchema.AttrType.GRAPHS}
        assert not schema.deprecated


@pytest.mark.parametrize("name", ["Loop", "If", "SequenceAt", "RandomNormal", "StringNormalizer"])
def test_an_encoder_with_another_operator_is_refused_before_it_is_trained_on(name: str) -> None:
    model = foreign.waveform_encoder()
    model.graph.node[0].op_type = name
    with pytest.raises(InvalidInput, match=f"it has the operators {name}; allowed: .*Conv"):
        refuse_operators(model)
