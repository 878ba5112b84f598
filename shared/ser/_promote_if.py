"""The condition under which an alias moves, as requests state it.

It is apart from the comparison of the models, since predict reads it and must start fast.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from ser._schemas import Schema

PairedFigure = Literal["uar", "wa"]


class PromoteIf(Schema, frozen=True, kw_only=True):
    """The condition that a new model is no worse than the one that an alias points at."""

    figure: Annotated[
        PairedFigure,
        Meta(description="The figure that is compared: `uar`, or `wa`, the weighted accuracy."),
    ] = "uar"
    tolerance: Annotated[
        float,
        Meta(ge=0, le=1, description="The difference by which the new model may be worse."),
    ] = 0.05
