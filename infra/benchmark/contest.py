"""Who is compared, where, and over which sounds."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from urllib3.filepost import encode_multipart_formdata

from benchmark.rows import Row, Rows, Who
from benchmark.servers import Question, Server, serving
from benchmark.workplace import Workplace
from ser.sounds import SAMPLING_RATE, Signal
from stack import ROOT

OURS = ROOT / "functions" / "predict" / "main.py"
USUAL = Path(__file__).parent / "usual" / "main.py"


class Contestant(NamedTuple):
    """A predict function with the model that it serves."""

    who: Who
    model: Path
    """The folder of the model in its registry."""
    hears: Callable[[Signal], str]
    """From a signal to the code of the emotion that is the correct answer."""
    endings: tuple[str, ...]
    """What the names of the rows end in that it competes in."""
    further: tuple[tuple[str, str], ...] = ()
    """Fields of its requests beside the usual ones."""

    def serving(self, settings: Mapping[str, str]) -> AbstractContextManager[Server]:
        """Serve the function meanwhile, in the environment of ``settings``."""
        return serving(OURS if self.who == "ours" else USUAL, "predict", settings)

    def question(self, signal: Signal, registries: str, container: str = "WAV") -> Question:
        """Return a request for the emotion of ``signal``, the registry being in ``registries``."""
        file = io.BytesIO()
        soundfile.write(file, signal, SAMPLING_RATE, format=container)
        kind = container.lower()
        fields: dict[str, str | tuple[str, bytes, str]] = {
            "model_save_path": f"{registries}/{self.model.parent.name}",
            "model_id": self.model.name,
            "audio": (f"sound.{kind}", file.getvalue(), f"audio/{kind}"),
            **dict(self.further),
        }
        return Question(*encode_multipart_formdata(fields))

    def first_answer(self, server: Server, signal: Signal, registries: str) -> float:
        """Return how many seconds after the start of ``server`` the first correct answer came.

        Raises
        ------
        RuntimeError
            The first answer is not correct.
        """
        seconds, answer = server.first_answer(self.question(signal, registries))
        if answer["prediction"] != [self.hears(signal)]:
            raise RuntimeError(f"{self.who} answers {answer}; correct is {self.hears(signal)}")
        return seconds


class Effort(NamedTuple):
    """How much is asked; the default takes about six minutes on two cores."""

    runs: int = 5
    """Turns that the contestants take; each adds one value to a row."""
    requests: int = 40
    """Of one client after the other, for the percentiles of one turn."""
    load_seconds: float = 1.0
    """How long the answers to one or to eight clients are counted."""
    long_seconds: int = 600
    """Duration of the long sound."""


class Contest(NamedTuple):
    """A benchmark under way."""

    place: Workplace
    contestants: tuple[Contestant, ...]
    """Ours with our recipe, ours with the network of the usual function, the usual one, and those
    that compete in less."""
    utterances: tuple[Signal, ...]
    effort: Effort
    rows: Rows

    def sound(self, seconds: int) -> Signal:
        """Return utterances one after the other, float32 of shape (samples,)."""
        return np.resize(np.concatenate(self.utterances), seconds * SAMPLING_RATE)

    def competing(self, name: str) -> list[Contestant]:
        """Return who competes in a row called ``name``, whatever it ends in."""
        return [each for each in self.contestants if self._rows_of(each, name)]

    def note(self, contestant: Contestant, name: str, value: float) -> None:
        """Add ``value`` to the rows called ``name`` that ``contestant`` competes in."""
        for row in self._rows_of(contestant, name):
            row.of(contestant.who).append(value)

    def _rows_of(self, contestant: Contestant, name: str) -> list[Row]:
        names = [name + ending for ending in contestant.endings]
        return [self.rows[each] for each in names if each in self.rows]
