"""The input of an encoder, as part of an ONNX graph: spectra, and parts of equal length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ser.encoders import MEL_BANDS, STRIDE
from ser.frontends import _spectrum as spectrum

if TYPE_CHECKING:
    from spox import Var

FFT_LENGTH = 400
"""Length of the Fourier transform and of the window in samples (25 ms)."""
POWER_FLOOR = 1e-10
DYNAMIC_RANGE = 8.0
"""Maximum distance from the highest level of a chunk, in factors of ten of the power."""
LOUDEST = 1.5
"""Level of the loudest band of a chunk, as a power of ten: about that of speech at full scale."""
SILENCE = (LOUDEST - DYNAMIC_RANGE + 4) / 4
"""Value of silence in the result of :func:`log_mel`."""
VARIANCE_FLOOR = 1e-7


def log_mel(chunks: Var) -> Var:
    """Return the spectrum of ``chunks`` (1, samples) in Whisper's form, shape (1, bands, frames).

    Its highest value is always ``(LOUDEST + 4) / 4``.
    """
    import spox.opset.ai.onnx.v17 as op

    folded = spectrum.centred_frames(chunks, FFT_LENGTH, stride=STRIDE, fft_length=FFT_LENGTH)
    power = spectrum.power_spectrum(folded, spectrum.hann(FFT_LENGTH), fft_length=FFT_LENGTH)
    filters = op.const(spectrum.mel_filters(MEL_BANDS, FFT_LENGTH))
    bands = op.max([op.matmul(filters, power), number(POWER_FLOOR)])
    levels = op.mul(op.log(bands), number(1 / np.log(10)))
    # The last frame is centred on the end of the signal, or less than a stride before it.
    frames = op.max([op.sub(size(levels, 2), integers(1)), integers(1)])
    levels = op.slice(levels, integers(0), frames, integers(2))
    # Whisper keeps the level of a recording. Without it, features do not depend on the gain.
    relative = op.sub(levels, op.reduce_max(levels, axes=[1, 2]))
    limited = op.max([relative, number(-DYNAMIC_RANGE)])
    return op.div(op.add(limited, number(LOUDEST + 4)), number(4))


def cut(values: Var, longest: int) -> tuple[Var, Var]:
    """Return ``values`` (1, rows, time) in the fewest equal parts, (parts, rows, time), and the
    length of all parts together without padding, shape (1,).

    A part has an even length of at most ``longest``.
    """
    import spox.opset.ai.onnx.v17 as op

    real = size(values, -1)
    half = integers(longest // 2)
    pairs = op.div(op.add(real, integers(1)), integers(2))
    parts = op.div(op.sub(op.add(pairs, half), integers(1)), half)
    length = op.mul(op.div(op.sub(op.add(pairs, parts), integers(1)), parts), integers(2))
    padding = op.sub(op.mul(parts, length), real)
    rows = op.squeeze(values, integers(0))
    padded = op.pad(rows, op.concat([integers(0, 0, 0), padding], axis=0), mode="edge")
    cut_rows = op.reshape(padded, op.concat([integers(0), parts, length], axis=0))
    return op.transpose(cut_rows, perm=[1, 0, 2]), real


def standardised(parts: Var) -> Var:
    """Return ``parts`` with mean 0 and variance 1 over time."""
    import spox.opset.ai.onnx.v17 as op

    centred = op.sub(parts, op.reduce_mean(parts, axes=[-1]))
    variance = op.reduce_mean(op.mul(centred, centred), axes=[-1])
    return op.div(centred, op.sqrt(op.add(variance, number(VARIANCE_FLOOR))))


def padded_to(part: Var, shortest: int, value: Var) -> Var:
    """Return ``part`` (rows, time), extended by ``value`` to the length ``shortest`` at least."""
    import spox.opset.ai.onnx.v17 as op

    lacking = op.max([op.sub(integers(shortest), size(part, -1)), integers(0)])
    return op.pad(part, op.concat([integers(0, 0, 0), lacking], axis=0), value)


def first_rows(rows: Var, real: Var, whole: Var) -> Var:
    """Return the first rows of ``rows``: the share ``real`` / ``whole`` of them, rounded up."""
    import spox.opset.ai.onnx.v17 as op

    scaled = op.add(op.mul(size(rows, 0), real), op.sub(whole, integers(1)))
    return op.slice(rows, integers(0), op.div(scaled, whole), integers(0))


def size(values: Var, axis: int) -> Var:
    """Return the size of an axis of ``values``, shape (1,)."""
    import spox.opset.ai.onnx.v17 as op

    return op.gather(op.shape(values), integers(axis))


def number(value: float) -> Var:
    import spox.opset.ai.onnx.v17 as op

    return op.const(np.float32(value))


def integers(*values: int) -> Var:
    import spox.opset.ai.onnx.v17 as op

    return op.const(np.array(values, np.int64))
