"""Rhythm: how the frames that a mask holds come in runs."""

from __future__ import annotations

from ser.frontends.functionals._array import FRAMES, Array, Named, concat
from ser.frontends.functionals._descriptors import FRAME_SECONDS

LATER = (5, 10, 20, 40)
"""Frames after which it is asked whether the mask still holds."""


def rhythm(mask: Array) -> Named:
    """Return runs per second, their mean duration in seconds, the share of the frames that they
    hold, and the share of these that are held so many frames later too."""
    starts = (mask * (1.0 - mask.shift(1, fill=0.0))).sum(FRAMES)
    held = mask.sum(FRAMES)
    frames = mask.at_least(1.0).sum(FRAMES)
    still = [
        (mask * mask.shift(-later, fill=0.0)).sum(FRAMES) / held.at_least(1.0) for later in LATER
    ]
    return Named(
        ("runs_per_second", "run_seconds", "share", *(f"still_after{later}" for later in LATER)),
        concat(
            [
                starts / (frames * FRAME_SECONDS),
                held * FRAME_SECONDS / starts.at_least(1.0),
                held / frames,
                *still,
            ]
        ),
    ).prefixed("rhythm.")
