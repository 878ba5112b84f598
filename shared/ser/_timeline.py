"""Time lines: the emotions of a sound window by window, of a recording or as it is heard."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ser._csv import row
from ser._prediction import Prediction
from ser._segments import Grid, Place, Segment, Turn, segment_of, turns_of
from ser._threads import map_in_order
from ser.sounds import SAMPLING_RATE, Signal

if TYPE_CHECKING:
    import pandas

Judge = Callable[[Signal], tuple[Prediction, float | None]]
"""Returns the prediction for a signal, and the seconds of its speech if they are measured."""


class Timeline:
    """The emotions of a sound, window by window. Iterating yields each :class:`ser.Segment` as soon
    as it is computed.

    :meth:`ser.Model.timeline` returns a time line.

    Examples
    --------
    >>> timeline = ser.load_model("latest", registry="model").timeline("speech.wav", step=2)
    >>> for segment in timeline:
    ...     print(segment.begin, segment.emotion)
    0.0 anger
    >>> timeline.turns
    (Turn(begin=0.0, end=...
    >>> timeline.prediction.emotion
    'anger'
    """

    def __init__(
        self, judge: Judge, signal: Signal, grid: Grid, emotions: Sequence[str], threads: int
    ) -> None:
        self._judge, self._signal, self._grid = judge, signal, grid
        self._emotions, self._threads = tuple(emotions), threads
        self._found: tuple[Segment, ...] | None = None

    def __iter__(self) -> Iterator[Segment]:
        if self._found is not None:
            yield from self._found
            return
        found = []
        places = self._grid.places(len(self._signal))
        for segment in map_in_order(self._segment, places, self._threads):
            found.append(segment)
            yield segment
        self._found = tuple(found)

    def __len__(self) -> int:
        return self._grid.count(len(self._signal))

    @property
    def segments(self) -> tuple[Segment, ...]:
        """All segments."""
        return tuple(self)

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """Neighbouring segments with one emotion, joined."""
        return turns_of(self.segments, self._grid)

    @cached_property
    def prediction(self) -> Prediction:
        """The prediction for the whole sound, as :meth:`ser.Model.predict` returns it."""
        return self._judge(self._signal)[0]

    @property
    def note(self) -> str | None:
        """The reason why segments are less certain than whole sounds, if they are."""
        return self._grid.note

    def to_frame(self) -> pandas.DataFrame:
        """Return the segments as a ``pandas.DataFrame``, with a column for each emotion.

        Raises
        ------
        ImportError
            pandas is not installed.

        Examples
        --------
        >>> timeline = ser.load_model("latest", registry="model").timeline("speech.wav")
        >>> frame = timeline.to_frame()  # doctest: +SKIP
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError(
                "A frame needs pandas, which is not installed: pip install pandas"
            ) from error
        columns, *rows = self._table()
        return pandas.DataFrame(rows, columns=columns)

    def to_csv(self) -> str:
        """Return the segments as CSV, with a column for each emotion. A label that a spreadsheet
        would run as a formula begins with an apostrophe instead.

        Examples
        --------
        >>> timeline = ser.load_model("latest", registry="model").timeline("speech.wav")
        >>> timeline.to_csv().splitlines()[0]
        'begin,end,emotion,label,confidence,speech,neutral,sadness,anger'
        """
        return "".join(map(row, self._table()))

    def to_vtt(self) -> str:
        """Return the turns as WebVTT, the format of subtitles in browsers.

        Examples
        --------
        >>> timeline = ser.load_model("latest", registry="model").timeline("speech.wav")
        >>> print(timeline.to_vtt())
        WEBVTT
        <BLANKLINE>
        00:00:00.000 --> 00:00:0...
        anger (0...)
        <BLANKLINE>
        """
        cues = (
            f"\n{timestamp(turn.begin)} --> {timestamp(turn.end)}\n"
            f"{cue_text(turn.emotion)} ({turn.confidence:.2f})\n"
            for turn in self.turns
        )
        return "".join(["WEBVTT\n", *cues])

    def _segment(self, place: Place) -> Segment:
        return segment_of(place, *self._judge(self._signal[place.begin : place.end]))

    def _table(self) -> Iterator[list[object]]:
        yield ["begin", "end", "emotion", "label", "confidence", "speech", *self._emotions]
        for each in self.segments:
            label = each.label.code if each.label else None
            values = each.probabilities.array.tolist()
            yield [each.begin, each.end, each.emotion, label, each.confidence, each.speech, *values]

    def __repr__(self) -> str:
        return f"Timeline({len(self)} segments)"


class Listening:
    """The time line of a sound that comes piece by piece.

    It holds one window of the sound. :meth:`ser.Model.listen` returns it.

    Examples
    --------
    >>> from ser.sounds import read_sound
    >>> signal = read_sound("speech.wav")
    >>> listening = ser.load_model("latest", registry="model").listen(step=2)
    >>> for piece in np.array_split(signal, 10):
    ...     for segment in listening.hear(piece):
    ...         print(segment.emotion)
    >>> [segment.emotion for segment in listening.end()]
    ['anger']
    >>> [turn.emotion for turn in listening.turns]
    ['anger']
    """

    def __init__(self, judge: Judge, grid: Grid) -> None:
        self._judge, self._grid = judge, grid
        self._held: list[Signal] = []
        self._begin = self._heard = self._number = 0
        self._segments: list[Segment] = []

    @property
    def seconds(self) -> float:
        """Duration of the sound so far."""
        return self._heard / SAMPLING_RATE

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The turns of the segments so far."""
        return turns_of(self._segments, self._grid)

    @property
    def note(self) -> str | None:
        """As :attr:`ser.Timeline.note`."""
        return self._grid.note

    def hear(self, piece: Signal) -> Iterator[Segment]:
        """Yield the segments that are complete with ``piece``.

        Parameters
        ----------
        piece
            The next samples, mono at 16 kHz, float32 of shape (samples,), from -1 to 1.
        """
        self._held.append(piece)
        self._heard += len(piece)
        while self._number * self._grid.step + self._grid.window <= self._heard:
            begin = self._number * self._grid.step
            yield self._next(Place(begin, begin + self._grid.window))

    def end(self) -> Iterator[Segment]:
        """Yield the last segment, whose window is shorter, if the sound ends within a window."""
        while (place := self._grid.place(self._number, self._heard)) is not None:
            yield self._next(place)

    def _next(self, place: Place) -> Segment:
        sound = self._held[0] if len(self._held) == 1 else np.concatenate(self._held)
        window = sound[place.begin - self._begin : place.end - self._begin]
        segment = segment_of(place, *self._judge(np.ascontiguousarray(window)))
        self._segments.append(segment)
        self._number += 1
        # What lies before the next window is not needed again.
        passed = min(self._number * self._grid.step, self._heard) - self._begin
        self._held, self._begin = [sound[passed:].copy()], self._begin + passed
        return segment


def cue_text(label: str) -> str:
    """Return ``label`` as the text of a cue, in one line: an empty line would end the cue."""
    # Imported here, because cold starts must be short.
    import html

    return html.escape(" ".join(re.split(r"[\r\n]+", label)), quote=False)


def timestamp(seconds: float) -> str:
    """Return a time as WebVTT writes it: ``00:00:01.500``."""
    whole = round(seconds * 1000)
    minutes, milliseconds = divmod(whole, 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"
