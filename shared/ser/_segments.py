"""Segments and turns of a time line, and the places of its windows in a sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from numbers import Real
from typing import NamedTuple

import msgspec

from ser._labels import Label
from ser._prediction import Prediction, Probabilities
from ser.errors import InvalidInput
from ser.sounds import MIN_SECONDS, SAMPLING_RATE, SHORTEST_SPEECH

WINDOW, STEP = 2.0, 0.5
"""Default length of a window, and distance between windows, in seconds."""
SHORTEST, LONGEST = 0.25, 30.0
"""Smallest and largest allowed value of either in seconds. Longer sounds are cut anyway."""
LEAST_SPEECH = 0.25
"""Share of speech below which a segment has no emotion, unless it is as much as
:data:`ser.sounds.SHORTEST_SPEECH`."""
VALIDATED = 2.0
"""Duration in seconds below which models recognise much less than in whole utterances; see the
recall by duration in docs/timeline.md."""


class Segment(msgspec.Struct, frozen=True):
    """The prediction of a model for one window of a sound.

    Examples
    --------
    >>> segment = next(iter(ser.load_model("latest", registry="model").timeline("speech.wav")))
    >>> segment.begin, segment.emotion
    (0.0, 'anger')
    >>> 0 <= segment.speech <= 1
    True
    """

    begin: float
    """Start of the window in the sound in seconds."""
    end: float
    label: Label | None
    """The most probable label; ``None`` if less than a quarter of the window, and than 0.5 s, is
    speech."""
    probabilities: Probabilities
    """As in :class:`ser.Prediction`. Without speech, all are equal."""
    speech: float
    """Share of the window that is speech, from 0 to 1. Models of versions before 0.2 know only
    whether there is any."""

    @property
    def emotion(self) -> str | None:
        """English word for the most probable emotion; ``None`` if there is no label."""
        return self.label.emotion if self.label else None

    @property
    def confidence(self) -> float:
        """The highest probability, from 0 to 1, also if there is no label."""
        return float(self.probabilities.array.max())


class Turn(msgspec.Struct, frozen=True):
    """Neighbouring segments with one emotion.

    Each segment counts for the middle of its window, as long as a step, so turns do not overlap.
    Between turns is silence.

    Examples
    --------
    >>> timeline = ser.load_model("latest", registry="model").timeline("speech.wav")
    >>> [turn.emotion for turn in timeline.turns]
    ['anger']
    """

    begin: float
    """Start in the sound in seconds."""
    end: float
    label: Label
    confidence: float
    """Mean confidence of the segments, from 0 to 1."""

    @property
    def emotion(self) -> str:
        """English word for the emotion."""
        return self.label.emotion


class Place(NamedTuple):
    """A window of a sound, in samples."""

    begin: int
    end: int


class Grid(NamedTuple):
    """The windows of a time line: their length, and the distance between them, in samples."""

    window: int
    step: int

    @classmethod
    def of(cls, window: float, step: float) -> Grid:
        """Return the grid for values in seconds; raise :class:`InvalidInput` for others than
        numbers from :data:`SHORTEST` to :data:`LONGEST`."""
        for name, value in (("window", window), ("step", step)):
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            if not (is_number and SHORTEST <= value <= LONGEST):
                raise InvalidInput(
                    f"{name} is {value!r}; allowed: seconds from {SHORTEST:g} to {LONGEST:g}"
                )
        return cls(round(window * SAMPLING_RATE), round(step * SAMPLING_RATE))

    def places(self, samples: int) -> Iterator[Place]:
        """Yield the windows of a sound of this length; the last one may be shorter.

        A window begins while there is sound that no window before it has covered, and at least the
        shortest sound that can be judged.
        """
        number = 0
        while (place := self.place(number, samples)) is not None:
            yield place
            number += 1

    def place(self, number: int, samples: int) -> Place | None:
        """Return the window with this number in a sound of ``samples``; ``None`` without one."""
        begin = number * self.step
        covered = begin - self.step + self.window if number else 0
        left = samples - begin
        if covered >= samples or left < MIN_SECONDS * SAMPLING_RATE:
            return None
        return Place(begin, min(begin + self.window, samples))

    def count(self, samples: int) -> int:
        """Return the number of windows of a sound of this length."""
        found = max(1, -(-(samples - self.window) // self.step) + 1)
        while found and self.place(found - 1, samples) is None:
            found -= 1
        return found

    @property
    def note(self) -> str | None:
        """The reason why segments are less certain than whole sounds, if they are."""
        if self.window >= VALIDATED * SAMPLING_RATE:
            return None
        return (
            f"A window of {self.window / SAMPLING_RATE:g} s is shorter than the utterances that "
            f"models are validated on: below {VALIDATED:g} s they recognise fewer emotions."
        )


def segment_of(place: Place, prediction: Prediction, seconds: float | None) -> Segment:
    """Return the segment of the window ``place``.

    ``seconds`` is the duration of its speech; ``None`` if the model does not measure it.
    """
    duration = (place.end - place.begin) / SAMPLING_RATE
    speech = float(prediction.speech) if seconds is None else min(1.0, seconds / duration)
    is_speech = prediction.speech and speech >= min(LEAST_SPEECH, SHORTEST_SPEECH / duration)
    return Segment(
        begin=place.begin / SAMPLING_RATE,
        end=place.end / SAMPLING_RATE,
        label=prediction.label if is_speech else None,
        probabilities=prediction.probabilities,
        speech=speech,
    )


def turns_of(segments: Iterable[Segment], grid: Grid) -> tuple[Turn, ...]:
    """Return the turns of ``segments``, which are in order."""
    found: list[Turn] = []
    group: list[Segment] = []
    every = list(segments)
    for number, segment in enumerate(every):
        group.append(segment)
        following = every[number + 1] if number + 1 < len(every) else None
        if following is None or following.label != segment.label:
            if segment.label is not None:
                is_first, is_last = number + 1 == len(group), following is None
                found.append(turn_of(group, segment.label, grid, is_first, is_last))
            group = []
    return tuple(found)


def turn_of(group: list[Segment], label: Label, grid: Grid, is_first: bool, is_last: bool) -> Turn:
    """Return the turn of ``group``; at the ends of a sound, a segment counts for all of it."""
    margin = max(0, grid.window - grid.step) / 2 / SAMPLING_RATE
    last = group[-1]
    begin = group[0].begin + (0 if is_first else margin)
    end = last.end if is_last else last.begin + grid.window / SAMPLING_RATE - margin
    return Turn(
        begin=begin,
        end=max(begin, end),
        label=label,
        confidence=sum(each.confidence for each in group) / len(group),
    )
