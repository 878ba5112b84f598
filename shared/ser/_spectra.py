"""Power spectra of the frames of a signal, as part of an ONNX graph.

A Fourier transform is a product with a matrix: at these lengths that is as fast as an FFT, and it
uses only operators that all runtimes have. The matrix is a quarter as large as it could be, because
frames are folded before the product:

- Samples at the same distance before and after the centre of a frame have the same cosine, and
  opposite sines. Their sums meet the cosines, their differences the sines.
- In a transform of even length N, samples at the distances t and N / 2 - t have the same cosine at
  even frequencies, and opposite cosines at odd ones; for sines it is the other way round.

The phase is that at the centre of the frame, which changes no power.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from spox import Var

ROWS, FRAMES = 1, 2
"""Axes of the values of frames, of shape (chunks, rows, frames)."""
ENDS = np.iinfo(np.int64).max, np.iinfo(np.int64).min
"""Behind the last row, and before the first one."""


class FoldedFrames(NamedTuple):
    """Frames of a signal, folded at their centres, as nodes of a graph."""

    sums: Var
    """Sums of the samples at each distance before and after the centre, shape (chunks, distances,
    frames). A sample at the centre itself is added to itself."""
    differences: Var
    """Sample after the centre minus sample before it, in the same shape."""
    distances: NDArray[np.float64]
    """Distances in samples: 0, 1, 2, ..., or 0.5, 1.5, ... if frames have an even length."""


def fold_frames(signal: Var, length: int, *, stride: int, padding: tuple[int, int]) -> FoldedFrames:
    """Return the frames of ``signal``, float32 of shape (chunks, samples).

    Parameters
    ----------
    length, stride
        Length of a frame and distance between frames in samples.
    padding
        Numbers of zeros before and after the signal. Frames that do not fit are left out.
    """
    import spox.opset.ai.onnx.v17 as op

    before, after = padding
    further = -(-length // stride) - 1
    samples = op.gather(op.shape(signal), integers(1))
    fitting = op.div(op.add(samples, integers(before + after - length)), integers(stride))
    blocks = op.add(fitting, integers(1 + further))
    lacking = op.sub(op.sub(op.mul(blocks, integers(stride)), samples), integers(before))
    padded = op.pad(signal, op.concat([integers(0, before, 0), lacking], axis=0))
    # One column for each stride; a frame consists of a few successive ones.
    columns = op.transpose(op.reshape(padded, integers(0, -1, stride)), perm=[0, 2, 1])
    rows = op.concat(
        [
            part(columns, delay, delay - further if delay < further else ENDS[0], axis=FRAMES)
            for delay in range(further + 1)
        ],
        axis=ROWS,
    )
    later = part(rows, length // 2, length)
    earlier = part(rows, (length - 1) // 2, ENDS[1], step=-1)
    distances = np.asarray(np.arange(length // 2, length) - (length - 1) / 2, np.float64)
    return FoldedFrames(op.add(later, earlier), op.sub(later, earlier), distances)


def power_spectrum(
    frames: FoldedFrames,
    window: NDArray[np.float64],
    fft_length: int,
    frequencies: NDArray[np.int64],
) -> Var:
    """Return the power of each frame at ``frequencies``, shape (chunks, frequencies, frames).

    Parameters
    ----------
    window
        A symmetric window, shorter than the frames by an even number of samples, or as long.
    fft_length
        Length of the transform in samples, longer than the window.
    frequencies
        Numbers of the bins of the transform.
    """
    import spox.opset.ai.onnx.v17 as op

    weights = window[len(window) // 2 :].copy()
    distances = frames.distances[: len(weights)]
    weights[distances == 0] /= 2
    sums, differences = (
        op.mul(first_rows(values, len(frames.distances), len(weights)), column(weights))
        for values in (frames.sums, frames.differences)
    )
    if fft_length % 2:
        return power_of(sums, differences, frequencies, distances, fft_length)
    near = distances[distances <= fft_length / 4]
    meeting = zip(
        meet(sums, distances, fft_length),
        reversed(meet(differences, distances, fft_length)),
        strict=True,
    )
    by_parity = np.argsort(frequencies % 2, kind="stable")
    evens = np.count_nonzero(frequencies % 2 == 0)
    powers = [
        power_of(cosine_rows, sine_rows, frequencies[chosen], near, fft_length)
        for chosen, (cosine_rows, sine_rows) in zip(
            (by_parity[:evens], by_parity[evens:]), meeting, strict=True
        )
    ]
    return op.gather(op.concat(powers, axis=ROWS), op.const(np.argsort(by_parity)), axis=ROWS)


def meet(rows: Var, distances: NDArray[np.float64], fft_length: int) -> tuple[Var, Var]:
    """Return ``rows`` up to a quarter of the transform, plus and minus their partners beyond it.

    The partner of distance t is at ``fft_length / 2 - t``; rows without one do not change.
    """
    import spox.opset.ai.onnx.v17 as op

    near = int(np.count_nonzero(distances <= fft_length / 4))
    far = len(distances) - near
    if not far:
        return rows, rows
    # A row at a quarter of the transform would be its own partner.
    before = round(fft_length / 2 - distances[-1] - distances[0])
    partners = op.pad(
        part(rows, len(distances) - 1, near - 1, step=-1),
        integers(0, before, 0, 0, near - far - before, 0),
    )
    others = part(rows, 0, near)
    return op.add(others, partners), op.sub(others, partners)


def power_of(
    cosine_rows: Var,
    sine_rows: Var,
    frequencies: NDArray[np.int64],
    distances: NDArray[np.float64],
    fft_length: int,
) -> Var:
    """Return the power at ``frequencies`` of folded frames, shape (chunks, frequencies, frames)."""
    import spox.opset.ai.onnx.v17 as op

    angles = 2 * np.pi / fft_length * np.outer(frequencies, distances)
    cosines, sines = (op.const(wave(angles).astype(np.float32)) for wave in (np.cos, np.sin))
    if np.all(frequencies % 2) and distances[0] + distances[-1] == fft_length / 4:
        # At an odd frequency, a sine is a cosine a quarter of the transform away, up to its sign.
        sines, sine_rows = cosines, part(sine_rows, len(distances) - 1, ENDS[1], step=-1)
    products = [op.matmul(cosines, cosine_rows), op.matmul(sines, sine_rows)]
    return op.add(*(op.mul(each, each) for each in products))


def first_rows(values: Var, rows: int, wanted: int) -> Var:
    """Return the first ``wanted`` of the ``rows`` rows of ``values``."""
    return values if wanted == rows else part(values, 0, wanted)


def column(values: NDArray[np.float64]) -> Var:
    """Return ``values`` as one value for each row."""
    import spox.opset.ai.onnx.v17 as op

    return op.const(values[:, None].astype(np.float32))


def part(values: Var, start: int, stop: int, *, axis: int = ROWS, step: int = 1) -> Var:
    """Return a part of ``values`` along ``axis``."""
    import spox.opset.ai.onnx.v17 as op

    return op.slice(values, *(integers(number) for number in (start, stop, axis, step)))


def integers(*values: int) -> Var:
    import spox.opset.ai.onnx.v17 as op

    return op.const(np.array(values, np.int64))
