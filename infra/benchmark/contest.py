"""The contestants of a benchmark, and the sounds that they are compared on."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from urllib3.filepost import encode_multipart_formdata

from benchmark.rows import Row, Rows
from benchmark.servers import Command, EncodedRequest, Server, serving
from benchmark.workplace import Workplace
from ser.sounds import SAMPLING_RATE, Signal


class NotMeasuredError(Exception):
    """A part of the benchmark cannot be measured here; the message is the reason."""


class Contestant(NamedTuple):
    """A server that predicts emotions, with the model that it serves."""

    side: str
    command: Command
    """Returns the command that serves at a port."""
    expected_code: Callable[[Signal], str] | None = None
    """Returns the code of the emotion that is the correct answer for a signal, if it is known."""
    suffixes: tuple[str, ...] = ("",)
    """The suffixes of the names of the rows in which it competes."""
    model: Path | None = None
    """The folder of the model in its registry; ``None`` for a server with only one model."""
    extra_fields: tuple[tuple[str, str], ...] = ()
    """Further fields of its requests."""
    environment: tuple[tuple[str, str], ...] = ()
    """Environment variables of its own."""
    path: str = "/"
    """Path of its requests."""

    def serving(
        self, settings: Mapping[str, str], workers: int = 1
    ) -> AbstractContextManager[Server]:
        """Serve with ``settings`` as environment variables until the context ends."""
        count = {"WORKERS": str(workers)}
        return serving(self.command, {**settings, **count, **dict(self.environment)}, self.path)

    def encoded_request(
        self, signal: Signal, registries: str, container: str = "WAV"
    ) -> EncodedRequest:
        """Return a request for the emotion of ``signal``; the registry is below ``registries``."""
        file = io.BytesIO()
        soundfile.write(file, signal, SAMPLING_RATE, format=container)
        kind = container.lower()
        fields: dict[str, str | tuple[str, bytes, str]] = {
            "audio": (f"sound.{kind}", file.getvalue(), f"audio/{kind}"),
            **dict(self.extra_fields),
        }
        if self.model:
            fields["model_save_path"] = f"{registries}/{self.model.parent.name}"
            fields["model_id"] = self.model.name
        return EncodedRequest(*encode_multipart_formdata(fields))

    def first_answer(self, server: Server, signal: Signal, registries: str) -> float:
        """Return the seconds from the start of ``server`` to its first answer.

        Raises
        ------
        RuntimeError
            The answer is not correct.
        """
        seconds, answer = server.first_answer(self.encoded_request(signal, registries))
        expected = self.expected_code and self.expected_code(signal)
        if expected and answer["prediction"] != [expected]:
            raise RuntimeError(f"{self.side} answers {answer}; correct is {expected}")
        return seconds


class Effort(NamedTuple):
    """The number of measurements; the defaults take about twenty minutes on two cores."""

    runs: int = 3
    """Turns of each contestant; each adds one value to a row."""
    requests: int = 40
    """Successive requests in one turn, for its percentiles."""
    load_seconds: float = 1.0
    """Time for which answers to many clients are counted."""
    long_seconds: int = 600
    """Duration of the long sound."""
    copies: tuple[int, ...] = (1, 2, 4, 8)
    """Sizes of the corpora of trainings, as multiples of the corpus."""
    hours: float = 100.0
    """Hours of speech of the training from repeated vectors."""


class Contest(NamedTuple):
    """A comparison of servers."""

    place: Workplace
    contestants: tuple[Contestant, ...]
    utterances: tuple[Signal, ...]
    effort: Effort
    rows: Rows

    def sound(self, seconds: int) -> Signal:
        """Return concatenated utterances, float32 of shape (samples,)."""
        return sound_of(self.utterances, seconds)

    def competing(self, name: str) -> list[Contestant]:
        """Return the contestants in rows called ``name``, with any suffix."""
        return [each for each in self.contestants if self._rows_of(each, name)]

    def note(self, contestant: Contestant, name: str, value: float) -> None:
        """Add ``value`` to the rows called ``name`` in which ``contestant`` competes."""
        for row in self._rows_of(contestant, name):
            row.note(value, contestant.side)

    def _rows_of(self, contestant: Contestant, name: str) -> list[Row]:
        rows = (self.rows.get(name + suffix) for suffix in contestant.suffixes)
        return [row for row in rows if row and contestant.side in row.sides]


def sound_of(utterances: tuple[Signal, ...], seconds: int) -> Signal:
    """Return ``utterances`` one after the other, repeated or cut to ``seconds``."""
    return np.resize(np.concatenate(utterances), seconds * SAMPLING_RATE)
