"""Time lines as predict answers them: segments and turns, line by line, as CSV and as WebVTT."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Self

from msgspec import Meta, json

from ser._schemas import Schema, parse, shown
from ser._segments import LONGEST, SHORTEST, STEP, WINDOW, Grid, Segment, Turn
from ser._timeline import Timeline
from ser.errors import Fault, InvalidInput, SerError, TooLarge
from ser.model import Model
from ser.service.answers import SegmentAnswer, SegmentLine, TurnAnswer
from ser.service.settings import MEGABYTE, Settings
from ser.sounds import SAMPLING_RATE, Signal

NDJSON, CSV, VTT = "application/x-ndjson", "text/csv", "text/vtt"

LINE_BYTES, NUMBER_BYTES = 160, 26
"""About the size of a segment in JSON without its probabilities, and of a probability beside its
label."""
REPETITIONS = 8
"""How often a sound of ``SER_MAX_AUDIO_SECONDS`` may be heard by windows that overlap: twice as
often as the default ones do. Without a bound it would be 120 times."""
ALLOWED = 'true, or an object such as {"window": 2.0, "step": 0.5}, in forms also "2.0,0.5"'

Seconds = Annotated[float, Meta(ge=SHORTEST, le=LONGEST)]


class TimelineRequest(Schema, frozen=True, kw_only=True):
    """The windows of a time line."""

    window: Annotated[Seconds, Meta(description="Length of a window in seconds.")] = WINDOW
    step: Annotated[
        Seconds, Meta(description="Distance between the starts of two windows in seconds.")
    ] = STEP

    @classmethod
    def parse(cls, value: object) -> Self | None:
        """Return the windows in ``value``: true for the default ones, false for none, an object, or
        the two numbers between commas."""
        text = value.strip().lower() if isinstance(value, str) else value
        if text in (True, "true"):
            return cls()
        if text in (False, "false"):
            return None
        if isinstance(text, str) and not text.startswith("{"):
            numbers = [each.strip() for each in text.split(",")]
            if len(numbers) != 2:
                raise InvalidInput(f"{shown(value)} does not fit; allowed: {ALLOWED}")
            return parse(cls, dict(zip(("window", "step"), numbers, strict=True)))
        if not isinstance(text, str | Mapping):
            raise InvalidInput(f"{shown(value)} does not fit; allowed: {ALLOWED}")
        return parse(cls, value)


def require_bounds(
    windows: TimelineRequest, model: Model, signals: Sequence[Signal | SerError], settings: Settings
) -> None:
    """Raise :class:`TooLarge` for time lines that take too long or make too large an answer, before
    they are computed.

    The answer is larger than ``SER_MAX_ANSWER_MB``, or the windows together are longer than
    :data:`REPETITIONS` times ``SER_MAX_AUDIO_SECONDS``.
    """
    grid = Grid.of(windows.window, windows.step)
    lengths = [len(each) for each in signals if not isinstance(each, SerError)]
    counts = [grid.count(length) for length in lengths]
    labels = sum(NUMBER_BYTES + len(json.encode(str(label))) for label in model.labels)
    if sum(counts) * (LINE_BYTES + labels) > settings.max_answer_bytes:
        raise TooLarge(
            f"The time line has {sum(counts):,} segments, and an answer with them would be larger "
            f"than {settings.max_answer_bytes / MEGABYTE:g} MB, the limit set by "
            "SER_MAX_ANSWER_MB; ask for a longer step, or for less sound at once."
        )
    samples = sum(
        count * min(grid.window, length) for count, length in zip(counts, lengths, strict=True)
    )
    allowed = REPETITIONS * settings.max_audio_seconds
    if samples > allowed * SAMPLING_RATE:
        raise TooLarge(
            f"The {sum(counts):,} windows of the time line have {samples / SAMPLING_RATE:,.0f} s "
            f"together; allowed: {allowed:,g} s, {REPETITIONS} times the limit set by "
            "SER_MAX_AUDIO_SECONDS. Ask for a longer step, a shorter window, or less sound at once."
        )


def require_one(form: str, count: int) -> None:
    """Raise :class:`InvalidInput` unless a time line in another form than JSON is of one sound."""
    if count != 1:
        raise InvalidInput(Fault(("audio",), f"{count:,} sounds; allowed with Accept: {form}: one"))


def fields_of(segment: Segment, names: Sequence[str]) -> dict[str, Any]:
    """Return the fields of a segment's answer; ``names`` are those of the probabilities."""
    return {
        "begin": segment.begin,
        "end": segment.end,
        "emotion": segment.emotion,
        "label": segment.label.code if segment.label else None,
        "confidence": segment.confidence,
        "probabilities": dict(zip(names, segment.probabilities.array.tolist(), strict=True)),
        "speech": segment.speech,
    }


def line_of(index: int, segment: Segment, names: Sequence[str]) -> SegmentLine:
    """Return ``segment`` of the sound with this index as a line of its own."""
    return SegmentLine(sound=index, **fields_of(segment, names))


def segments_of(timeline: Timeline, names: Sequence[str]) -> list[SegmentAnswer]:
    """Return the segments of ``timeline``."""
    return [SegmentAnswer(**fields_of(each, names)) for each in timeline]


def turns_of(turns: Iterable[Turn]) -> list[TurnAnswer]:
    """Return ``turns`` as answers have them."""
    return [
        TurnAnswer(begin=turn.begin, end=turn.end, emotion=turn.emotion, confidence=turn.confidence)
        for turn in turns
    ]
