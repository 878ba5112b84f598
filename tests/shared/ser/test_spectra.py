"""Power spectra in graphs agree with the Fourier transform of numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import numpy_helper
from spox import Tensor, argument, build

from ser import _spectra as spectra

Shape = tuple[int, int, int, int]


def symmetric_window(length: int) -> NDArray[np.float64]:
    return np.hanning(length + 2)[1:-1]


def model(frame: int, window: int, fft_length: int, stride: int) -> onnx.ModelProto:
    signal = argument(Tensor(np.float32, ("chunks", "samples")))
    frames = spectra.fold_frames(signal, frame, stride=stride, padding=(frame // 2, frame // 3))
    power = spectra.power_spectrum(
        frames, symmetric_window(window), fft_length, np.arange(fft_length // 2 + 1)
    )
    return build({"signal": signal}, {"power": power})


def reference(signal: NDArray[Any], shape: Shape) -> NDArray[np.float64]:
    """The power of each frame, shape (chunks, frequencies, frames)."""
    frame, window, fft_length, stride = shape
    padded = np.pad(signal.astype(np.float64), [(0, 0), (frame // 2, frame // 3)])
    frames = np.lib.stride_tricks.sliding_window_view(padded, frame, axis=1)[:, ::stride]
    inner = frames[:, :, (frame - window) // 2 :][:, :, :window] * symmetric_window(window)
    return np.asarray(np.abs(np.fft.rfft(inner, fft_length)).transpose(0, 2, 1) ** 2)


@settings(max_examples=40, deadline=None)
@given(
    window=st.integers(3, 80),
    shorter=st.integers(0, 9),
    longer=st.integers(1, 60),
    stride=st.integers(1, 100),
    samples=st.integers(100, 400),
)
def test_power_spectra_are_those_of_numpy(
    window: int, shorter: int, longer: int, stride: int, samples: int
) -> None:
    shape = (window + 2 * shorter, window, window + longer, stride)
    signal = np.random.default_rng(samples).normal(size=(2, samples)).astype(np.float32)
    assume(samples >= shape[0])
    expected = reference(signal, shape)
    session = onnxruntime.InferenceSession(model(*shape).SerializeToString())
    (found,) = session.run(None, {"signal": signal})
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())


@pytest.mark.parametrize(
    ("window", "fft_length", "share"), [(511, 512, 0.2), (639, 1024, 0.31), (399, 400, 0.2)]
)
def test_a_folded_transform_has_a_fraction_of_the_values(
    window: int, fft_length: int, share: float
) -> None:
    file = model(window, window, fft_length, 160)
    constants = [node.attribute[0].t for node in file.graph.node if node.op_type == "Constant"]
    values = sum(numpy_helper.to_array(each).size for each in constants)
    assert values < share * 2 * window * (fft_length // 2 + 1)
