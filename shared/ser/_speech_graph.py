"""Detection of speech as part of an ONNX graph, and the selection of the frames around it.

The detection equals that of :func:`ser.sounds.speech.speech_frames`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import spox.opset.ai.onnx.v17 as op
from numpy.typing import NDArray

from ser.sounds import SAMPLING_RATE, SPEECH_FRAME, speech

if TYPE_CHECKING:
    from spox import Var

MARGIN = 8
"""Frames on either side of speech that are kept (0.2 s), such as a final consonant."""
ALIGNMENT = SAMPLING_RATE // 100
"""Distance in samples between the frames of the front-ends, by default."""
LOUD = 0.01
"""Magnitude of a loud sample relative to the peak: -40 dB."""
END = np.iinfo(np.int64).max


class Selection(NamedTuple):
    """A signal without its long pauses, as nodes of a graph."""

    waveform: Var
    """The samples within :data:`MARGIN` frames of speech, float32 of shape (samples,). If there is
    no speech, these are all samples."""
    speaking: Var
    """1 for each frame of ``waveform`` that belongs to speech, 0 for others; float32 of shape
    (frames,)."""
    positions: Var
    """Number of each of these frames in the whole signal, int64 of shape (frames,)."""
    speech: Var
    """Whether there is any speech, a bool."""


def select_speech(waveform: Var) -> Selection:
    """Return the selection of ``waveform``, float32 of shape (samples,)."""
    padding = op.mod(op.neg(op.shape(waveform)), integers(SPEECH_FRAME))
    padded = op.pad(waveform, op.concat([integers(0), padding], axis=0))
    frames = op.reshape(padded, integers(-1, SPEECH_FRAME))
    # Shape (1, 1, frames), as the operators of convolution take it.
    speaking = speech_frames(padded, frames)
    found = op.greater(op.reduce_max(speaking, keepdims=False), number(0))
    near = op.greater(moving_maximum(speaking, MARGIN), number(0))
    keep = op.reshape(op.or_(near, op.not_(found)), integers(-1))
    kept = op.reshape(op.compress(frames, keep, axis=0), integers(-1))
    # The padding is removed again if the last frame is kept.
    last = op.cast(part(keep, -1, END, axis=0), to=np.int64)
    end = op.sub(op.shape(kept), op.mul(last, padding))
    return Selection(
        waveform=op.slice(
            kept, op.mul(alignment(kept), op.cast(op.reshape(found, integers(1)), to=np.int64)), end
        ),
        speaking=op.compress(op.reshape(speaking, integers(-1)), keep, axis=0),
        positions=op.squeeze(op.non_zero(keep), integers(0)),
        speech=found,
    )


def alignment(samples: Var) -> Var:
    """Return the number of samples before the first loud one, modulo :data:`ALIGNMENT`; (1,).

    Without them, the frames of the front-ends are at the same places in the speech however long the
    silence before it is.
    """
    magnitude = op.abs(samples)
    loud = op.greater(magnitude, op.mul(op.reduce_max(magnitude), number(LOUD)))
    first = op.arg_max(op.cast(loud, to=np.float32), axis=0)
    return op.mod(first, integers(ALIGNMENT))


def speech_frames(padded: Var, frames: Var) -> Var:
    """Return 1 for each frame that belongs to speech, 0 for others; shape (1, 1, frames).

    ``padded`` has the samples of ``frames``, shape (frames, samples), in one row.
    """
    centred = op.sub(frames, op.reduce_mean(frames, axes=[1]))
    energy = op.reshape(op.reduce_sum_square(centred, axes=[1]), integers(1, 1, -1))
    levels = decibels(op.div(energy, number(SPEECH_FRAME)), speech.POWER_FLOOR)
    loudest = moving_maximum(levels, speech.REACH)
    relative = op.sub(levels, loudest)
    active = op.and_(
        op.greater(levels, number(speech.SPEECH_LEVEL)),
        op.greater(relative, number(-speech.ACTIVE_RANGE)),
    )
    mask = op.cast(active, to=np.float32)
    score = op.mul(mask, frame_scores(levels, relative, padded))
    window = 2 * speech.HALF_WINDOW + 1
    sums = op.conv(
        op.concat([score, mask], axis=0),
        op.const(np.ones((1, 1, window), np.float32)),
        pads=[speech.HALF_WINDOW] * 2,
    )
    evidence, count = part(sums, 0, 1, axis=0), part(sums, 1, 2, axis=0)
    average = op.div(evidence, op.add(count, number(speech.PRIOR)))
    decided = moving_maximum(
        op.where(active, average, number(float(np.finfo(np.float32).min))), speech.HALF_WINDOW
    )
    return op.cast(op.and_(active, op.greater(decided, number(speech.THRESHOLD))), to=np.float32)


def frame_scores(levels: Var, relative: Var, padded: Var) -> Var:
    """Return the score of each frame, shape (1, 1, frames)."""
    kernels = speech.kernels()
    share, total = spectrum(padded, kernels)
    below = decibels(op.div(total, number(kernels.reference)), speech.POWER_FLOOR)
    similarity = op.matmul(op.const(kernels.periodicity), share)
    periodicity = op.reduce_max(similarity, axes=[1])
    bands = op.matmul(op.const(kernels.bands), share)
    above = op.clip(op.sub(levels, below), number(0), number(speech.LEVEL_RANGE))
    contours = op.concat(
        [
            op.max([relative, number(-speech.LEVEL_RANGE)]),
            above,
            periodicity,
            op.reduce_mean(decibels(share, speech.SHARE_FLOOR), axes=[1]),
            decibels(bands, speech.BAND_FLOOR),
        ],
        axis=1,
    )
    changes = [op.abs(op.sub(contours, delay(contours, lag))) for lag in speech.LAGS]
    rows = 4 + speech.BANDS
    linear, rest = np.split(speech.WEIGHTS, [rows * (2 + len(speech.LAGS))])
    described = op.concat([contours, op.mul(contours, contours), *changes], axis=1)
    pitch = op.gather(op.const(kernels.pitches), op.arg_max(similarity, axis=1), axis=0)
    counted = op.concat(pitch_quantities(periodicity, pitch), axis=1)
    return op.add(
        op.add(op.matmul(row(linear), described), op.matmul(row(rest), counted)),
        number(speech.CONSTANT),
    )


def spectrum(padded: Var, kernels: speech.Kernels) -> tuple[Var, Var]:
    """Return the share of each frequency in the power of each frame, and the power, (1, 1, frames).

    The shares have the shape (1, bins, frames).
    """
    # With the samples of a group as channels, the filter takes half the time of one with a stride.
    around = op.pad(padded, integers(speech.FILTER_PADDING, speech.FILTER_PADDING))
    groups = op.reshape(around, integers(1, -1, speech.DECIMATION))
    taps = kernels.low_pass.reshape(1, -1, speech.DECIMATION)
    low = op.conv(op.transpose(groups, perm=[0, 2, 1]), op.const(taps.transpose(0, 2, 1)))
    waves = op.conv(
        low,
        op.const(kernels.transform[:, None]),
        strides=[speech.LOW_STRIDE],
        pads=[speech.LOW_PADDING] * 2,
    )
    squares = op.mul(waves, waves)
    bins = len(kernels.transform) // 2
    power = op.add(part(squares, 0, bins, axis=1), part(squares, bins, 2 * bins, axis=1))
    total = op.add(op.reduce_sum(power, integers(1)), number(kernels.reference * 1e-12))
    return op.div(power, total), total


def pitch_quantities(periodicity: Var, pitch: Var) -> list[Var]:
    """Return the last rows of :func:`ser.sounds.speech.quantities`, each (1, 1, frames)."""
    voiced = op.cast(op.greater(periodicity, number(speech.VOICED)), to=np.float32)
    both = op.mul(voiced, delay(voiced, 1))
    change = op.abs(op.sub(pitch, delay(pitch, 1)))
    steady = op.cast(op.less(change, number(speech.STEADY)), to=np.float32)
    jump = op.cast(op.greater(change, number(speech.JUMP)), to=np.float32)
    thresholds = op.const(np.array(speech.PERIODICITIES, np.float32)[None, :, None])
    return [
        op.cast(op.greater(periodicity, thresholds), to=np.float32),
        both,
        op.mul(both, op.min([change, number(speech.GLIDE)])),
        op.mul(both, steady),
        op.mul(both, jump),
    ]


def decibels(power: Var, floor: float) -> Var:
    """Return ``power`` plus ``floor`` in dB."""
    return op.mul(op.log(op.add(power, number(floor))), number(speech.DECIBELS))


def moving_maximum(values: Var, reach: int) -> Var:
    """Return the maximum of up to ``reach`` values on either side; shape (1, 1, frames)."""
    return op.max_pool(values, kernel_shape=[2 * reach + 1], pads=[reach] * 2, strides=[1])[0]


def delay(values: Var, frames: int) -> Var:
    """Return ``values``, shape (1, rows, frames), delayed; copies of the first one precede them."""
    padded = op.pad(values, integers(0, 0, frames, 0, 0, 0), mode="edge")
    return part(padded, 0, -frames, axis=2)


def part(values: Var, start: int, stop: int, *, axis: int) -> Var:
    return op.slice(values, integers(start), integers(stop), integers(axis))


def number(value: float) -> Var:
    return op.const(np.float32(value))


def integers(*values: int) -> Var:
    return op.const(np.array(values, np.int64))


def row(values: NDArray[Any]) -> Var:
    return op.const(values[None].astype(np.float32))
