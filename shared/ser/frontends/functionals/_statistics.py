"""Functionals: statistics of contours over the frames in which a mask is 1.

The statistics are 0 if the mask is 0 in all frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ser.frontends.functionals._array import FRAMES, Array, Named, concat, constant
from ser.frontends.functionals._descriptors import FRAME_SECONDS

PERCENTILES = (0.01, 0.10, 0.25, 0.50, 0.75, 0.90, 0.99)
STATISTICS = (
    *("mean", "deviation", "skewness", "kurtosis"),
    *(f"p{100 * share:.0f}" for share in PERCENTILES),
    *("slope", "bow"),
)
REACH = 2
"""Number of frames on either side from which a delta is computed."""
ABOVE_ALL = 1e9
"""A number above all values of a contour; it sorts frames outside of the mask last."""


def summary(contours: Named, mask: Array) -> Named:
    """Return the :data:`STATISTICS` of ``contours`` and of their deltas.

    Slopes are per second. ``bow`` is the curvature of the contour, 0 for a straight line.
    """
    changes = deltas(contours, mask)
    names = (*contours.names, *changes.names)
    values = concat([contours.values, changes.values])
    found = concat(
        [
            moments(values, mask),
            percentiles(values, mask, PERCENTILES),
            slope_and_bow(values, mask),
        ],
        axis=FRAMES,
    )
    return Named(
        tuple(f"{name}.{statistic}" for name in names for statistic in STATISTICS),
        found.column(len(names) * len(STATISTICS)),
    )


def mean(values: Array, mask: Array) -> Array:
    return (values * mask).sum(FRAMES) / mask.sum(FRAMES).at_least(1.0)


def moments(values: Array, mask: Array) -> Array:
    """Return mean, deviation, skewness and kurtosis, along the axis of the frames."""
    centre = mean(values, mask)
    away = values - centre
    square = away * away
    variance = mean(square, mask)
    scale = variance.at_least(1e-8)
    return concat(
        [
            centre,
            variance.sqrt(),
            mean(square * away, mask) / (scale * scale.sqrt()),
            mean(square * square, mask) / (scale * scale),
        ],
        axis=FRAMES,
    )


def percentiles(values: Array, mask: Array, shares: Sequence[float]) -> Array:
    """Return the percentiles at ``shares``, along the axis of the frames.

    Values are interpolated linearly, as by numpy.
    """
    count = mask.sum(FRAMES)
    rank = constant(shares, FRAMES) * (count - 1.0).at_least(0.0)
    weights = 1.0 - (positions(mask).transpose() - rank).abs()
    return values.where(mask, ABOVE_ALL).ascending().times(weights.at_least(0.0)) * (count > 0.0)


def positions(mask: Array) -> Array:
    """Return 0, 1, 2, ... along the frames of ``mask``."""
    return mask.at_least(1.0).cumulative_sum(FRAMES) - 1.0


def slope_and_bow(values: Array, mask: Array) -> Array:
    """Return slope and bow of the parabola through each contour, along the axis of the frames."""
    time = positions(mask) * FRAME_SECONDS
    late = (time - mean(time, mask)) * mask
    spread = mean(late * late, mask)
    outside = (late * late - spread) * mask
    slope = mean(late * values, mask) / spread.at_least(FRAME_SECONDS**2)
    bow = mean(outside * values, mask) / mean(outside * outside, mask).sqrt().at_least(
        FRAME_SECONDS**2
    )
    return concat([slope, bow], axis=FRAMES)


def deltas(contours: Named, mask: Array) -> Named:
    """Return the slope per second of a line fitted to the frames around each frame.

    The line passes through the frame itself. Frames outside of the mask are ignored, so
    pauses and unvoiced frames cause no changes.
    """
    lags = np.arange(-REACH, REACH + 1)[None]
    values = contours.values
    rise = (values * mask).correlate(lags) - values * mask.correlate(lags)
    run = mask.correlate(lags**2).at_least(1.0) * FRAME_SECONDS
    return Named(contours.names, rise / run * mask).with_prefix("delta_")


def correlations(contours: Named, mask: Array) -> Named:
    """Return Pearson's correlation of each pair of ``contours`` over the frames of ``mask``."""
    away = (contours.values - mean(contours.values, mask)) * mask
    scaled = away / (away * away).sum(FRAMES).sqrt().at_least(1e-3)
    count = len(contours.names)
    pairs = [(one, other) for one in range(count) for other in range(one)]
    cells = np.eye(count**2)[[one * count + other for one, other in pairs]]
    return Named(
        tuple(f"{contours.names[one]}~{contours.names[other]}" for one, other in pairs),
        scaled.times(scaled.transpose()).column(count**2).project(cells),
    )
