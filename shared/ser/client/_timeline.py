"""Time lines of a server, whose segments are yielded as they arrive."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ser._labels import Label
from ser._prediction import Prediction, Probabilities, emotion_keys
from ser.client._answers import prediction_of
from ser.client._errors import error_of
from ser.client._transport import File, Transport
from ser.errors import RemoteFailed, SerError
from ser.model import Segment, Timeline, Turn

END = "model_id"
"""A field that only the last line has, the whole answer."""


class RemoteTimeline(Timeline):
    """The time line of a sound by a server.

    The first iteration sends the sound and yields each segment when it arrives; all other
    attributes wait for its end.
    """

    def __init__(
        self, transport: Transport, labels: Sequence[Label], form: Mapping[str, str], file: File
    ) -> None:
        self._transport, self._labels = transport, tuple(labels)
        self._form, self._file = form, file
        self._emotions = emotion_keys(labels)
        self._found: tuple[Segment, ...] | None = None
        self._answer: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[Segment]:
        if self._found is not None:
            yield from self._found
            return
        found, answer = [], None
        with self._transport.lines("/predict", self._form, [self._file]) as lines:
            for line in lines:
                if END in line:
                    answer = line
                elif "detail" in line:
                    raise error_of(line)
                else:
                    found.append(segment_of(line, self._labels))
                    yield found[-1]
        if answer is None:
            raise RemoteFailed("the server ended the time line before its end")
        self._found, self._answer = tuple(found), answer

    def __len__(self) -> int:
        if self._found is None:
            # Lists ask for the length before they iterate, which must not send the sound twice.
            raise TypeError("the number of segments is known once the time line has ended")
        return len(self._found)

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """Neighbouring segments with one emotion, joined."""
        by_emotion = {label.emotion: label for label in self._labels}
        return tuple(
            Turn(each["begin"], each["end"], by_emotion[each["emotion"]], each["confidence"])
            for each in self._whole["turns"][0]
        )

    @cached_property
    def prediction(self) -> Prediction:
        """The prediction for the whole sound."""
        found = prediction_of(self._whole, self._labels)
        if isinstance(found, SerError):
            raise found
        return found

    @property
    def note(self) -> str | None:
        """The reason why segments are less certain than whole sounds, if they are."""
        note: str | None = self._whole["timeline_note"][0]
        return note

    def __repr__(self) -> str:
        return "RemoteTimeline()" if self._found is None else super().__repr__()

    @property
    def _whole(self) -> dict[str, Any]:
        """The whole answer."""
        for _ in self:
            pass
        assert self._answer is not None
        return self._answer


def segment_of(line: Mapping[str, Any], labels: Sequence[Label]) -> Segment:
    """Return the segment in a line of an answer."""
    try:
        shares: Mapping[str, float] = line["probabilities"]
        array = np.array([shares[str(label)] for label in labels], dtype=np.float32)
        by_code = {label.code: label for label in labels}
        return Segment(
            begin=line["begin"],
            end=line["end"],
            label=None if line["label"] is None else by_code[line["label"]],
            probabilities=Probabilities(emotion_keys(labels), array),
            speech=line["speech"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RemoteFailed(
            f"the server answered without {error}; allowed: servers of this version"
        ) from error
