"""Frames of a signal, power spectra, mel bands and cepstra, as parts of an ONNX graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ser._spectra import FoldedFrames, fold_frames
from ser._spectra import power_spectrum as folded_power_spectrum
from ser.errors import InvalidInput
from ser.limits import Limits
from ser.sounds import SAMPLING_RATE

if TYPE_CHECKING:
    from spox import Var

NYQUIST = SAMPLING_RATE / 2


def require_few_values(
    chunk_samples: int | None, stride: int, values_per_frame: int, limits: Limits
) -> None:
    """Raise :class:`InvalidInput` if the frames of a chunk have more values than ``limits`` allow.

    Frames, their length, the bins of the transform and the bands are harmless one by one.
    """
    if chunk_samples is None:
        return
    values = (chunk_samples // stride + 1) * values_per_frame
    if values > limits.chunk_values.value:
        raise InvalidInput(
            f"the analysis of a chunk of {chunk_samples / SAMPLING_RATE:g} s needs {values:,} "
            f"values at once; allowed: {limits.chunk_values}; a shorter dataset_load_split_at, or "
            "fewer or shorter frames, need fewer"
        )


def samples(seconds: float) -> int:
    """Return the number of samples in ``seconds``."""
    return round(seconds * SAMPLING_RATE)


def hann(length: int) -> NDArray[np.float64]:
    """Return the periodic Hann window of ``length`` samples."""
    window: NDArray[np.float64] = 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, length + 1)[:-1])
    return window


def correlations(chunks: Var, kernel: NDArray[Any], *, stride: int, fft_length: int) -> Var:
    """Return the correlation of each frame with ``kernel``, shape (chunks, 1, frames).

    Frames are those of :func:`centred_frames`.
    """
    import spox.opset.ai.onnx.v17 as op

    return op.conv(
        op.unsqueeze(chunks, op.const(np.array([1]))),
        op.const(kernel[None, None].astype(np.float32)),
        strides=[stride],
        pads=padding(len(kernel), fft_length),
    )


def centred_frames(chunks: Var, length: int, *, stride: int, fft_length: int) -> FoldedFrames:
    """Return the frames of ``chunks`` for a window of ``length`` samples.

    Frames are centred as in librosa: the centre of frame t is sample t * stride, the signal is
    padded with zeros, and the window is centred in the transform.
    """
    # The first sample of a periodic window is 0, and the others are symmetric.
    before, after = padding(length, fft_length)
    return fold_frames(chunks, length - 1, stride=stride, padding=(before - 1, after))


def padding(length: int, fft_length: int) -> tuple[int, int]:
    """Return the number of zeros before and after a signal for a window of ``length`` samples."""
    before = fft_length // 2 - (fft_length - length) // 2
    return before, 2 * (fft_length // 2) - fft_length + length - before


def power_spectrum(
    frames: FoldedFrames,
    window: NDArray[np.float64],
    *,
    fft_length: int,
    bins: slice = slice(None),
) -> Var:
    """Return the power of each frame at ``bins`` of the transform, shape (chunks, bins, frames).

    ``window`` is a periodic one. It may be shorter than that of :func:`centred_frames` by an even
    number of samples.
    """
    frequencies = np.arange(fft_length // 2 + 1)[bins]
    return folded_power_spectrum(frames, window[1:], fft_length, frequencies)


def mel_filters(
    bands: int, fft_length: int, low: float = 0.0, high: float | None = None
) -> NDArray[np.float32]:
    """Return triangular filters of equal area, evenly spaced in mel from ``low`` to ``high`` Hz.

    Shape (bands, fft_length // 2 + 1). ``None`` is half the sampling rate. A filter that is
    narrower than a bin may be zero.
    """
    highest = NYQUIST if high is None else high
    edges = hertz_of(np.linspace(mel_of(low), mel_of(highest), bands + 2))[:, None]
    below, centre, above = edges[:-2], edges[1:-1], edges[2:]
    frequencies = np.fft.rfftfreq(fft_length, 1 / SAMPLING_RATE)
    rising = (frequencies - below) / (centre - below)
    falling = (above - frequencies) / (above - centre)
    triangles = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    # Rounded before and after, as in librosa: each bit changes the digest of a front-end, and a
    # speaker's profile is valid for one front-end.
    filters = triangles * (2 / (above - below))
    return filters.astype(np.float32)


LINEAR_HERTZ = 200 / 3
"""Hertz in a mel below :data:`BREAK`."""
BREAK = 1000.0
"""Frequency in Hz from which on the mel scale is logarithmic."""
BREAK_MEL = BREAK / LINEAR_HERTZ
LOGARITHMIC_STEP = np.log(6.4) / 27
"""Logarithm of the ratio of frequencies that are a mel apart above :data:`BREAK`."""


def mel_of(hertz: float) -> float:
    """Return a frequency on the mel scale of Slaney, Auditory Toolbox, Interval Research, 1998."""
    if hertz < BREAK:
        return hertz / LINEAR_HERTZ
    return float(BREAK_MEL + np.log(hertz / BREAK) / LOGARITHMIC_STEP)


def hertz_of(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the frequencies in Hz at places of the scale of :func:`mel_of`."""
    logarithmic = BREAK * np.exp(LOGARITHMIC_STEP * (mel - BREAK_MEL))
    return np.where(mel < BREAK_MEL, mel * LINEAR_HERTZ, logarithmic)


def cosine_transform(coefficients: int, bands: int) -> NDArray[np.float32]:
    """Return the first rows of the orthonormal DCT-II matrix, shape (coefficients, bands)."""
    import scipy.fft

    matrix = scipy.fft.dct(np.eye(bands), axis=0, type=2, norm="ortho")
    return np.asarray(matrix[:coefficients], dtype=np.float32)
