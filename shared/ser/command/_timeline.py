"""Time lines of sounds, for ``ser predict --timeline``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from ser.command import _bars
from ser.command._options import Format
from ser.command._output import Column, rows, shown

if TYPE_CHECKING:
    from ser import Segment, Timeline, Turn
    from ser.command._predict import Judge
    from ser.command._sounds import Sound

FIELDS = ("file", "begin", "end", "emotion", "label", "confidence", "speech", "error")


class Windows(NamedTuple):
    """The windows of time lines, in seconds."""

    window: float
    step: float


def print_timelines(
    judge: Judge,
    sounds: Sequence[Sound],
    form: Format,
    windows: Windows,
    abstain_below: float | None,
) -> int:
    """Print the time line of each sound, and return the number of those that cannot be judged.

    A table has a row for each turn, CSV for each segment, and JSON an object for each sound.
    """
    from ser.errors import SerError
    from ser.sounds import SAMPLING_RATE

    failed = 0
    options = {**judge.options, **windows._asdict(), "abstain_below": abstain_below}
    with (
        rows(form, columns_for(sounds), csv_names(judge)) as output,
        _bars.count("timeline", len(sounds)) as advance,
    ):
        for name, content in sounds:
            rate = SAMPLING_RATE if hasattr(content, "__array__") else None
            try:
                for row in rows_of(judge.model.timeline(content, rate, **options), form):
                    output.write({"file": name, **row, "model": judge.name})
            except SerError as error:
                failed += 1
                output.write({"file": name, "error": error.detail, "model": judge.name})
                sys.stderr.write(f"ser: {shown(name)}: {error.detail}\n")
            advance(1)
    return failed


def rows_of(timeline: Timeline, form: Format) -> Iterator[dict[str, Any]]:
    """Yield the rows of a time line, those of CSV as soon as they are computed."""
    if form is Format.CSV:
        yield from map(segment_row, timeline)
    elif form is Format.TABLE:
        yield from map(turn_row, timeline.turns)
    else:
        whole = timeline.prediction
        yield {
            "emotion": whole.emotion,
            "confidence": whole.confidence,
            "error": None,
            "note": timeline.note,
            "turns": [*map(turn_row, timeline.turns)],
            "segments": [*map(segment_row, timeline)],
        }


def segment_row(segment: Segment) -> dict[str, Any]:
    """Return the fields of a segment."""
    return {
        "begin": segment.begin,
        "end": segment.end,
        "emotion": segment.emotion,
        "label": segment.label and segment.label.code,
        "confidence": segment.confidence,
        "speech": segment.speech,
        "probabilities": dict(segment.probabilities),
    }


def turn_row(turn: Turn) -> dict[str, Any]:
    """Return the fields of a turn."""
    return {
        "begin": turn.begin,
        "end": turn.end,
        "emotion": turn.emotion,
        "label": turn.label.code,
        "confidence": turn.confidence,
    }


def columns_for(sounds: Sequence[Sound]) -> list[Column]:
    """Return the columns of a table for ``sounds``."""
    from ser.command._predict import name_column

    times = (Column(name, 9) for name in ("begin", "end"))
    return [name_column(sounds), *times, Column("emotion", 10), Column("confidence", 10)]


def csv_names(judge: Judge) -> list[str]:
    """Return the columns of CSV."""
    return [*FIELDS, *(f"probabilities.{emotion}" for emotion in judge.emotions)]
