"""Frames of a signal, power spectra, mel bands and cepstra, as parts of an ONNX graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ser.sounds import SAMPLING_RATE

if TYPE_CHECKING:
    from spox import Var

NYQUIST = SAMPLING_RATE / 2


def samples(seconds: float) -> int:
    """Return the number of samples in ``seconds``."""
    return round(seconds * SAMPLING_RATE)


def hann(length: int) -> NDArray[np.float64]:
    """Return the periodic Hann window of ``length`` samples."""
    import librosa

    window: NDArray[np.float64] = librosa.filters.get_window("hann", length, fftbins=True)
    return window


def frames(chunks: Var, kernels: NDArray[Any], *, stride: int, fft_length: int) -> Var:
    """Return the correlation of each frame with each of ``kernels``, shape (chunks, rows, frames).

    The kernels have the shape (rows, window). Frames are centred as in librosa: the centre of
    frame t is sample t * stride, the signal is padded with zeros, and the window is centred in
    the transform.
    """
    import spox.opset.ai.onnx.v17 as op

    window = kernels.shape[1]
    before = fft_length // 2 - (fft_length - window) // 2
    after = 2 * (fft_length // 2) - fft_length + window - before
    return op.conv(
        op.unsqueeze(chunks, op.const(np.array([1]))),
        op.const(kernels[:, None, :].astype(np.float32)),
        strides=[stride],
        pads=[before, after],
    )


def power_spectrum(
    chunks: Var,
    window: NDArray[np.float64],
    *,
    stride: int,
    fft_length: int,
    bins: slice = slice(None),
) -> Var:
    """Return the power of each frame at ``bins`` of the transform, shape (chunks, bins, frames).

    The transform is a matrix product, which is as fast as an FFT at these lengths, and uses only
    operators that all runtimes have.
    """
    import spox.opset.ai.onnx.v17 as op

    frequencies = np.arange(fft_length // 2 + 1)[bins]
    angles = 2 * np.pi / fft_length * np.outer(frequencies, np.arange(len(window)))
    parts = [
        frames(chunks, window * wave(angles), stride=stride, fft_length=fft_length)
        for wave in (np.cos, np.sin)
    ]
    return op.add(*(op.mul(part, part) for part in parts))


def mel_filters(
    bands: int, fft_length: int, low: float = 0.0, high: float | None = None
) -> NDArray[np.float32]:
    """Return triangular filters of equal area on Slaney's mel scale, ``low`` to ``high`` Hz.

    Shape (bands, fft_length // 2 + 1).
    """
    import librosa

    filters: NDArray[np.float32] = librosa.filters.mel(
        sr=SAMPLING_RATE, n_fft=fft_length, n_mels=bands, fmin=low, fmax=high
    )
    return filters


def cosine_transform(coefficients: int, bands: int) -> NDArray[np.float32]:
    """Return the first rows of the orthonormal DCT-II matrix, shape (coefficients, bands)."""
    import scipy.fft

    matrix = scipy.fft.dct(np.eye(bands), axis=0, type=2, norm="ortho")
    return np.asarray(matrix[:coefficients], dtype=np.float32)
