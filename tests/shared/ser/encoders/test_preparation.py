"""Encoders are cut, converted and tried."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

import foreign
from ser.encoders import PreparedEncoder, prepare
from ser.encoders import _trial as trial
from ser.errors import InvalidInput


def prepared(
    model: onnx.ModelProto, *outputs: str, kind: str = "waveform", part_seconds: float = 5.0
) -> PreparedEncoder:
    return prepare(
        "encoder.onnx",
        model,
        outputs or ["layer2"],
        kind=kind,  # type: ignore[arg-type]
        part_seconds=part_seconds,
    )


def run(model: onnx.ModelProto, sound: np.ndarray) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(model.SerializeToString())
    return list(session.run(None, {"sound": sound}))


NOISE = np.random.default_rng(0).standard_normal((1, 16_000)).astype(np.float32)


def test_layers_behind_the_outputs_are_left_out() -> None:
    whole = foreign.waveform_encoder()
    found = prepared(whole, "layer1", "layer2")
    assert found.widths == (foreign.WIDTH, foreign.WIDTH)
    assert (found.shortest, found.longest) == (1600, 80_000)
    assert "upper weights" not in {each.name for each in found.model.graph.initializer}
    assert found.model.ByteSize() < whole.ByteSize() - foreign.UPPER_BYTES / 2
    for name, states in zip(("layer1", "layer2"), run(found.model, NOISE), strict=True):
        np.testing.assert_allclose(states[0], foreign.states(whole, name, NOISE), atol=1e-6)


def test_an_unknown_output_is_refused_with_its_neighbours() -> None:
    with pytest.raises(InvalidInput, match="'layer3' is none of the 6 tensors") as caught:
        prepared(foreign.waveform_encoder(), "layer2", "layer3")
    (fault,) = caught.value.faults
    assert fault.loc == ("output",)
    assert "layer2" in fault.msg
    assert "allowed" in fault.msg


def test_an_output_that_ignores_the_sound_is_refused() -> None:
    model = foreign.waveform_encoder()
    model.graph.node.append(helper.make_node("Neg", ["matrix"], ["constant"]))
    with pytest.raises(InvalidInput, match="constant is computed without the input 'sound'"):
        prepared(model, "constant")


@pytest.mark.parametrize("output", ["frames", "channel"])
def test_an_output_with_another_order_of_axes_is_refused(output: str) -> None:
    with pytest.raises(InvalidInput, match=r"output: .*last dimension.*allowed: .*\(1, frames"):
        prepared(foreign.waveform_encoder(), output)


def test_an_output_without_frames_is_refused() -> None:
    model = foreign.waveform_encoder()
    model.graph.node.append(helper.make_node("Flatten", ["layer2"], ["flat"]))
    with pytest.raises(InvalidInput, match=r"output: 'flat' is float32 of shape \(1, "):
        prepared(model, "flat")


@pytest.mark.parametrize("activation", ["Log", "Sqrt"])
def test_values_that_are_not_finite_are_refused(activation: str) -> None:
    with pytest.raises(InvalidInput, match="output: 'layer2' has values that are not finite"):
        prepared(foreign.waveform_encoder(activation=activation))


@pytest.mark.parametrize(
    ("model", "kind"),
    [(foreign.waveform_encoder(), "log-mel"), (foreign.log_mel_encoder(), "waveform")],
)
def test_the_other_kind_of_input_is_refused(model: onnx.ModelProto, kind: str) -> None:
    with pytest.raises(InvalidInput, match=f"input: '{kind}' does not fit the encoder, whose"):
        prepared(model, kind=kind)


def test_a_newer_opset_is_converted_without_a_change_of_values() -> None:
    model = foreign.waveform_encoder(activation="Gelu", opset=20)
    found = prepared(model)
    assert [each.version for each in found.model.opset_import] == [17]
    expected = foreign.states(model, "layer2", NOISE)
    np.testing.assert_allclose(run(found.model, NOISE)[0][0], expected, atol=1e-5)


def test_an_older_opset_is_converted() -> None:
    found = prepared(foreign.waveform_encoder(opset=13))
    assert [each.version for each in found.model.opset_import] == [17]


def with_split(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` with an operator that the converter cannot convert to opset 17."""
    node = helper.make_node("Split", ["layer2"], ["half", "rest"], axis=2, num_outputs=2)
    model.graph.node.append(node)
    return model


def test_an_opset_that_cannot_be_converted_is_refused_with_the_reason() -> None:
    model = with_split(foreign.waveform_encoder(opset=20))
    with pytest.raises(InvalidInput, match=r"source: its opset 20 .* 17: .*Split; allowed: .* 17"):
        prepared(model, "half")
    # What lies behind the output does not matter.
    assert prepared(model, "layer2").widths == (foreign.WIDTH,)


def test_a_conversion_that_changes_values_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MAX_ERROR", -1.0)
    with pytest.raises(InvalidInput, match="source: converting its opset changes 'layer2' by"):
        prepared(foreign.waveform_encoder(opset=18))


def test_an_encoder_of_one_length_is_padded_to_it() -> None:
    found = prepared(foreign.log_mel_encoder(3000), kind="log-mel")
    assert (found.shortest, found.longest) == (3000, 500)
    found = prepared(foreign.waveform_encoder(16_000))
    assert (found.shortest, found.longest) == (16_000, 16_000)


def reshaped(samples: int) -> onnx.ModelProto:
    """Return an encoder whose type allows any length, but which accepts ``samples`` alone."""
    model = foreign.waveform_encoder()
    shape = numpy_helper.from_array(np.array([1, 1, samples]), "shape")
    model.graph.node[0].CopyFrom(helper.make_node("Reshape", ["sound", "shape"], ["channel"]))
    model.graph.initializer.append(shape)
    return model


def test_an_encoder_that_accepts_one_length_alone_is_found_out() -> None:
    found = prepared(reshaped(80_000))
    assert (found.shortest, found.longest) == (80_000, 80_000)
    with pytest.raises(
        InvalidInput, match=r"source: the encoder fails on .*\(1, 80000\): .*Reshape"
    ):
        prepared(reshaped(70_000))


def test_too_many_bytes_in_front_of_the_output_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MAX_GRAPH_BYTES", 1000)
    with pytest.raises(InvalidInput, match=r"source: the part .* bytes; allowed: 1,000"):
        prepared(foreign.waveform_encoder())


def test_a_run_above_the_limit_of_time_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MAX_SECONDS", 0.01)
    with pytest.raises(InvalidInput, match=r"source: the encoder runs for more than 0.01 s"):
        prepared(foreign.waveform_encoder())


def test_a_run_above_the_limit_of_memory_is_refused() -> None:
    model = foreign.waveform_encoder()
    shape = numpy_helper.from_array(np.array([1 << 20, 1 << 14, 1]), "shape")
    model.graph.initializer.append(shape)
    model.graph.node.append(helper.make_node("Expand", ["layer2", "shape"], ["vast"]))
    with pytest.raises(InvalidInput, match=r"source: the encoder (fails|cannot run)"):
        prepared(model, "vast")
