"""Features of encoders equal those by onnxruntime alone, whatever the duration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import foreign
import ser
from ser.errors import InvalidInput
from ser.frontends import FrontEnds
from ser.service.jobs.trainings import Trainings

SECOND = 16_000
LONGEST = 5 * SECOND
RANDOM = np.random.default_rng(0)
NOISE = (RANDOM.standard_normal(30 * SECOND) / 10).astype(np.float32)


def written(model: onnx.ModelProto, path: Path) -> str:
    path.write_bytes(model.SerializeToString())
    return str(path)


def features(signal: NDArray[np.float32], **config: Any) -> ser.Features:
    return ser.features(signal, {"Encoder": config}, sampling_rate=SECOND)


def states_of_parts(
    model: onnx.ModelProto, output: str, signal: NDArray[np.float32], *, normalize: bool = False
) -> NDArray[np.float32]:
    """Return the frames of the fewest equal parts of at most 5 s, of even length."""
    pairs = -(-len(signal) // 2)
    count = -(-pairs // (LONGEST // 2))
    length = 2 * -(-pairs // count)
    parts = np.pad(signal, (0, count * length - len(signal)), mode="edge").reshape(count, 1, length)
    if normalize:
        parts = (parts - parts.mean(2, keepdims=True)) / np.sqrt(parts.var(2, keepdims=True) + 1e-7)
    states = np.concatenate([foreign.states(model, output, part) for part in parts])
    return states[: -(-len(states) * len(signal) // (count * length))]


@pytest.mark.parametrize("samples", [1600, 5 * SECOND - 1, 5 * SECOND, 5 * SECOND + 1, 30 * SECOND])
def test_features_are_statistics_of_the_frames_of_all_parts(samples: int, bounds: Path) -> None:
    encoder = foreign.waveform_encoder()
    found = features(
        NOISE[:samples],
        source=written(encoder, bounds / "encoder.onnx"),
        input="waveform",
        output=["layer2", "layer1"],
        statistics=["mean", "deviation"],
    )
    assert found.names[0] == "Encoder.layer2.mean.0"
    assert found.names[-1] == f"Encoder.layer1.deviation.{foreign.WIDTH - 1}"
    rows = [states_of_parts(encoder, output, NOISE[:samples]) for output in ("layer2", "layer1")]
    expected = [statistic(each, axis=0) for each in rows for statistic in (np.mean, np.std)]
    np.testing.assert_allclose(found.array[0], np.concatenate(expected), atol=1e-5)


def test_samples_are_normalised_in_each_part(bounds: Path) -> None:
    encoder = foreign.waveform_encoder()
    signal = np.concatenate([NOISE[:LONGEST] * 5 + 0.2, NOISE[:LONGEST]]).clip(-1, 1)
    found = features(
        signal,
        source=written(encoder, bounds / "encoder.onnx"),
        input="waveform",
        normalize=True,
        output="layer2",
    )
    expected = states_of_parts(encoder, "layer2", signal, normalize=True).mean(axis=0)
    np.testing.assert_allclose(found.array[0], expected, atol=1e-5)


@pytest.mark.parametrize("samples", [1600, 2 * SECOND, 5 * SECOND + 1, 30 * SECOND])
def test_padding_that_an_encoder_demands_changes_no_feature(samples: int, bounds: Path) -> None:
    config = {"output": "layer2", "statistics": ["mean", "deviation"]}
    free, fixed = (
        features(NOISE[:samples], source=written(model, bounds / f"{number}.onnx"), **config)
        for number, model in enumerate([foreign.log_mel_encoder(), foreign.log_mel_encoder(3000)])
    )
    np.testing.assert_allclose(fixed.array, free.array, atol=1e-5)


def test_a_sound_shorter_than_an_encoder_accepts_is_padded(bounds: Path) -> None:
    encoder = foreign.waveform_encoder(SECOND)
    config = {"source": written(encoder, bounds / "e.onnx"), "input": "waveform"}
    signal = NOISE[: SECOND // 2]
    found = features(signal, output="layer2", **config)
    padded = np.pad(signal, (0, SECOND // 2))[None]
    # Of 49 frames of a second, 25 begin in the first half.
    expected = foreign.states(encoder, "layer2", padded)[:25].mean(axis=0)
    np.testing.assert_allclose(found.array[0], expected, atol=1e-5)


@pytest.mark.parametrize(
    ("config", "location", "message"),
    [
        ({"normalize": True}, "normalize", "log-mel"),
        ({"output": []}, "output", "allowed: 1 to 16"),
        ({"statistics": []}, "statistics", "allowed: 1 to 16"),
        ({"output": ["layer1", "layer1"]}, "output", "each of them once"),
        ({"statistics": ["mean", "mean"]}, "statistics", "each of them once"),
        ({"statistics": ["median"]}, "statistics", "allowed: 'deviation', 'mean'"),
        ({"input": "mfcc"}, "input", "allowed: 'log-mel', 'waveform'"),
        ({"part_seconds": 31}, "part_seconds", "<= 30"),
        ({"sha256": "abc"}, "sha256", "allowed"),
        ({"layer": 3}, "layer", "unknown field"),
    ],
)
def test_a_wrong_config_is_refused_by_name(
    config: dict[str, Any], location: str, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        FrontEnds.parse({"Encoder": config})
    assert caught.value.faults[0].loc[:2] == ("Encoder", location)


def test_secrets_of_an_address_are_not_kept() -> None:
    config = {"source": "https://host/encoder.onnx?token=secret", "sha256": "0" * 64}
    methods = {"Encoder": config, "Functionals": {}}
    kept = FrontEnds.parse(methods).public.configs
    assert kept["Encoder"]["source"] == "https://host/encoder.onnx?..."
    assert kept["Functionals"] == FrontEnds.parse(methods).configs["Functionals"]
    described = Trainings().describe_request({"dataset_feature_extract_methods": methods})
    assert "secret" not in str(described)
    assert described["dataset_feature_extract_methods"]["Functionals"] == {}
