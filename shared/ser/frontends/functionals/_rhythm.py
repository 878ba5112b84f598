"""Rhythm: runs of consecutive frames in which a mask is 1."""

from __future__ import annotations

from ser.frontends.functionals._array import FRAMES, Array, Named, concat
from ser.frontends.functionals._descriptors import FRAME_SECONDS

LATER = (5, 10, 20, 40)
"""Distances in frames at which the persistence of the mask is measured."""


def rhythm(mask: Array) -> Named:
    """Return rate, duration, share and persistence of the runs of ``mask``.

    These are the runs per second; their mean duration in seconds; the share of frames in runs; and
    the share of these frames after which the mask is 1 at each distance of :data:`LATER`.
    """
    starts = (mask * (1.0 - mask.shift(1, fill=0.0))).sum(FRAMES)
    held = mask.sum(FRAMES)
    frames = mask.at_least(1.0).sum(FRAMES)
    later_masks = concat([mask.shift(-later, fill=0.0) for later in LATER])
    still = (later_masks * mask).sum(FRAMES) / held.at_least(1.0)
    return Named(
        ("runs_per_second", "run_seconds", "share", *(f"still_after{later}" for later in LATER)),
        concat(
            [
                starts / (frames * FRAME_SECONDS),
                held * FRAME_SECONDS / starts.at_least(1.0),
                held / frames,
                still,
            ]
        ),
    ).with_prefix("rhythm.")
