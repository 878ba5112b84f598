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


def summary(contours: Named, mask: Array) -> Named:
    """Return the :data:`STATISTICS` of ``contours`` and of their deltas.

    Slopes are per second. ``bow`` is the curvature of the contour, 0 for a straight line.
    """
    changes = deltas(contours, mask)
    names = (*contours.names, *changes.names)
    held = held_frames(mask)
    values = concat([contours.values, changes.values]).frames_of(held)
    time = (mask.at_least(1.0).cumulative_sum(FRAMES) * FRAME_SECONDS).frames_of(held)
    found = concat(
        [
            moments(values),
            interpolated(values, held.sum(FRAMES), PERCENTILES),
            slope_and_bow(values, held.sum(FRAMES), time),
        ],
        axis=FRAMES,
    )
    found *= mask.max(FRAMES)
    return Named(
        tuple(f"{name}.{statistic}" for name in names for statistic in STATISTICS),
        found.column(len(names) * len(STATISTICS)),
    )


def held_frames(mask: Array) -> Array:
    """Return ``mask``, or a mask of all frames if it is 0 in each of them."""
    return mask - mask.max(FRAMES) + 1.0


def moments(values: Array) -> Array:
    """Return mean, deviation, skewness and kurtosis, along the axis of the frames."""
    centre = values.mean(FRAMES)
    away = values - centre
    square = away * away
    variance = square.mean(FRAMES)
    scale = variance.at_least(1e-8)
    return concat(
        [
            centre,
            variance.sqrt(),
            (square * away).mean(FRAMES) / (scale * scale.sqrt()),
            (square * square).mean(FRAMES) / (scale * scale),
        ],
        axis=FRAMES,
    )


def percentiles(values: Array, mask: Array, shares: Sequence[float]) -> Array:
    """Return the percentiles at ``shares``, along the axis of the frames.

    Values are interpolated linearly, as by numpy.
    """
    held = held_frames(mask)
    found = interpolated(values.frames_of(held), held.sum(FRAMES), shares)
    return found * mask.max(FRAMES)


def interpolated(values: Array, count: Array, shares: Sequence[float]) -> Array:
    """Return the percentiles at ``shares`` of the ``count`` frames of ``values``."""
    last = count - 1.0
    rank = constant(shares, FRAMES) * last
    below = rank.whole()
    ascending = values.ascending()
    lower, upper = (ascending.pick_frames(each) for each in (below, (below + 1.0).at_most(last)))
    return lower + (upper - lower) * (rank - below)


def slope_and_bow(values: Array, count: Array, time: Array) -> Array:
    """Return slope and bow of the parabola through each contour, along the axis of the frames.

    ``time`` has the seconds of each of the ``count`` frames.
    """
    late = time - time.mean(FRAMES)
    spread = (late * late).mean(FRAMES)
    outside = late * late - spread
    width = (outside * outside).mean(FRAMES).sqrt()
    shapes = [
        late / spread.at_least(FRAME_SECONDS**2),
        outside / width.at_least(FRAME_SECONDS**2),
    ]
    return values.times(concat(shapes).transpose()) / count


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
    held = held_frames(mask)
    values = contours.values.frames_of(held)
    away = values - values.mean(FRAMES)
    scaled = away / (away * away).sum(FRAMES).sqrt().at_least(1e-3)
    count = len(contours.names)
    pairs = [(one, other) for one in range(count) for other in range(one)]
    cells = [one * count + other for one, other in pairs]
    found = scaled.times(scaled.transpose()).column(count**2).choose_rows(cells)
    return Named(
        tuple(f"{contours.names[one]}~{contours.names[other]}" for one, other in pairs),
        found * mask.max(FRAMES),
    )
