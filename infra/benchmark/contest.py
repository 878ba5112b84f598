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

from benchmark.rows import Row, Rows, Side
from benchmark.servers import EncodedRequest, Server, serving
from benchmark.workplace import Workplace
from ser.sounds import SAMPLING_RATE, Signal
from stack import ROOT

OURS = ROOT / "functions" / "predict" / "main.py"
USUAL = Path(__file__).parent / "usual" / "main.py"


class Contestant(NamedTuple):
    """A predict function with the model that it serves."""

    side: Side
    model: Path
    """The folder of the model in its registry."""
    expected_code: Callable[[Signal], str]
    """Returns the code of the emotion that is the correct answer for a signal."""
    suffixes: tuple[str, ...]
    """The suffixes of the names of the rows in which it competes."""
    extra_fields: tuple[tuple[str, str], ...] = ()
    """Further fields of its requests."""

    def serving(self, settings: Mapping[str, str]) -> AbstractContextManager[Server]:
        """Serve the function with ``settings`` until the context ends."""
        return serving(OURS if self.side == "ours" else USUAL, "predict", settings)

    def encoded_request(
        self, signal: Signal, registries: str, container: str = "WAV"
    ) -> EncodedRequest:
        """Return a request for the emotion of ``signal``; the registry is below ``registries``."""
        file = io.BytesIO()
        soundfile.write(file, signal, SAMPLING_RATE, format=container)
        kind = container.lower()
        fields: dict[str, str | tuple[str, bytes, str]] = {
            "model_save_path": f"{registries}/{self.model.parent.name}",
            "model_id": self.model.name,
            "audio": (f"sound.{kind}", file.getvalue(), f"audio/{kind}"),
            **dict(self.extra_fields),
        }
        return EncodedRequest(*encode_multipart_formdata(fields))

    def first_answer(self, server: Server, signal: Signal, registries: str) -> float:
        """Return the seconds from the start of ``server`` to its first answer.

        Raises
        ------
        RuntimeError
            The answer is not correct.
        """
        seconds, answer = server.first_answer(self.encoded_request(signal, registries))
        if answer["prediction"] != [self.expected_code(signal)]:
            raise RuntimeError(
                f"{self.side} answers {answer}; correct is {self.expected_code(signal)}"
            )
        return seconds


class Effort(NamedTuple):
    """The number of measurements; the defaults take about six minutes on two cores."""

    runs: int = 5
    """Turns of each contestant; each adds one value to a row."""
    requests: int = 40
    """Successive requests in one turn, for its percentiles."""
    load_seconds: float = 1.0
    """Time for which answers to one or eight clients are counted."""
    long_seconds: int = 600
    """Duration of the long sound."""


class Contest(NamedTuple):
    """A benchmark in progress."""

    place: Workplace
    contestants: tuple[Contestant, ...]
    """Our function with our recipe, our function with the network of the usual one, the usual
    function, and then the contestants of fewer rows."""
    utterances: tuple[Signal, ...]
    effort: Effort
    rows: Rows

    def sound(self, seconds: int) -> Signal:
        """Return concatenated utterances, float32 of shape (samples,)."""
        return np.resize(np.concatenate(self.utterances), seconds * SAMPLING_RATE)

    def competing(self, name: str) -> list[Contestant]:
        """Return the contestants in rows called ``name``, with any suffix."""
        return [each for each in self.contestants if self._rows_of(each, name)]

    def note(self, contestant: Contestant, name: str, value: float) -> None:
        """Add ``value`` to the rows called ``name`` in which ``contestant`` competes."""
        for row in self._rows_of(contestant, name):
            row.of(contestant.side).append(value)

    def _rows_of(self, contestant: Contestant, name: str) -> list[Row]:
        names = [name + suffix for suffix in contestant.suffixes]
        return [self.rows[each] for each in names if each in self.rows]
