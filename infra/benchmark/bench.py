"""The state of a benchmark: its corpus, its effort, and everything that several sections need.

Models, recordings and environments are made when they are first used.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from benchmark.contest import Contest, Contestant, Effort, NotMeasuredError, sound_of
from benchmark.copies import Speech
from benchmark.release import Release
from benchmark.rows import OURS, USUAL, Rows
from benchmark.servers import framework, our_function
from benchmark.smile import Alternatives, Turns, make_environment
from benchmark.suffixes import ACCURATE, DIRECT, SAME_NETWORK
from benchmark.workplace import RECIPE, Workplace
from benchmark.yardstick import Yardstick, make_accurate, make_yardstick, publish_model
from ser.errors import SerError
from ser.model import Model
from ser.sounds import SAMPLING_RATE, Signal

USUAL_FUNCTION = Path(__file__).parent / "usual" / "main.py"
CLIP_SECONDS = 3
"""Duration of the clip in rows that do not compare durations."""

T = TypeVar("T")


class Bench:
    """A benchmark in progress.

    Parameters
    ----------
    place
        Its folder and its corpus.
    effort
        The number of measurements.
    environment
        The folder of the environment of openSMILE, which is kept for further benchmarks.
    """

    def __init__(self, place: Workplace, effort: Effort, environment: Path) -> None:
        self.place, self.effort = place, effort
        self.rows: Rows = {}
        """The rows of the section that is measured."""
        self.stages: dict[str, dict[str, float]] = {}
        """Seconds of each stage of a training, by the name of its row."""
        self.missing: dict[str, None] = {}
        """Reasons for which a part was not measured, in their order."""
        self._environment = environment
        self._stack = ExitStack()

    def close(self) -> None:
        """End the processes that serve several sections."""
        self._stack.close()

    def contest(self, *contestants: tuple[Contestant, ...]) -> Contest:
        """Return a comparison of ``contestants`` in the present section."""
        together = tuple(each for some in contestants for each in some)
        return Contest(self.place, together, self.speech.signals, self.effort, self.rows)

    @cached_property
    def speech(self) -> Speech:
        """The recordings of the corpus."""
        return Speech.of(self.place)

    @cached_property
    def recordings(self) -> Path:
        """A folder with the recordings as files, and their labels."""
        return self.speech.write(self.place.folder / "speech").parent

    @property
    def kept_features(self) -> Path:
        """The ``data_path`` that keeps the features of our recipe."""
        return self.place.folder / "recipe"

    @cached_property
    def recipe(self) -> Path:
        """The folder of the model of our recipe."""
        return publish_model(self.place, self.place.training(RECIPE, data="recipe"))[0]

    @cached_property
    def yardstick(self) -> Yardstick:
        """The models of the usual function, and of ours with the same network."""
        return make_yardstick(self.place)

    @cached_property
    def accurate(self) -> tuple[Path, ...]:
        """The folder of a model with an encoder; an empty tuple without its weights."""
        try:
            return (make_accurate(self.place),)
        except SerError as error:
            self.missing[f"Rows of the preset accurate: {error}"] = None
            return ()

    @cached_property
    def ours(self) -> tuple[Contestant, ...]:
        """Our function with each model, and the usual function with either call."""
        network, usual = self.yardstick.same_network, self.yardstick.usual
        return (
            our_contestant(self.recipe, ("", DIRECT)),
            our_contestant(network, (SAME_NETWORK,)),
            usual_contestant(usual, network, ("", SAME_NETWORK)),
            usual_contestant(usual, network, (DIRECT,), (("call", "directly"),)),
            *(our_contestant(model, (ACCURATE,)) for model in self.accurate),
        )

    @property
    def alternatives(self) -> tuple[Contestant, ...]:
        """FastAPI and BentoML around openSMILE and an SVM; an empty tuple if they are missing."""
        return self._unless_missing("Servers of openSMILE", lambda: self.smile.contestants)

    @cached_property
    def before(self) -> tuple[Contestant, ...]:
        """The function of an earlier release; an empty tuple if there is none."""

        def serve() -> tuple[Contestant, ...]:
            return (Release.unpack(self.place.folder / "release").contestant(self.place),)

        return self._unless_missing("The release before", serve)

    @property
    def environment(self) -> Path:
        """The Python of openSMILE's environment; :class:`NotMeasuredError` if it is missing."""
        return raised(self._python)

    @property
    def smile(self) -> Alternatives:
        """The SVM on openSMILE's features; :class:`NotMeasuredError` if it is missing."""
        return raised(self._alternatives)

    @cached_property
    def turns(self) -> Turns:
        """A process of openSMILE; :class:`NotMeasuredError` if it is missing."""
        return self._stack.enter_context(self.smile.turns())

    @cached_property
    def _python(self) -> Path | NotMeasuredError:
        # The error is kept, since an installation that fails may take minutes.
        try:
            return make_environment(self._environment)
        except NotMeasuredError as error:
            self.missing[str(error)] = None
            return error

    @cached_property
    def _alternatives(self) -> Alternatives | NotMeasuredError:
        try:
            python = self.environment
        except NotMeasuredError as error:
            return error
        clip = sound_of(self.speech.signals, CLIP_SECONDS)
        return Alternatives.train(python, self.recordings, self.place.folder, clip)

    def _unless_missing(
        self, name: str, make: Callable[[], tuple[Contestant, ...]]
    ) -> tuple[Contestant, ...]:
        try:
            return make()
        except NotMeasuredError as error:
            self.missing[f"{name}: {error}"] = None
            return ()


def raised(value: T | NotMeasuredError) -> T:
    """Return ``value``, or raise it if it is an error."""
    if isinstance(value, NotMeasuredError):
        raise value
    return value


def our_contestant(model: Path, suffixes: tuple[str, ...]) -> Contestant:
    """Return our function with ``model``."""
    return Contestant(OURS, our_function("predict"), code_predictor(model), suffixes, model)


def usual_contestant(
    model: Path,
    network: Path,
    suffixes: tuple[str, ...],
    extra_fields: tuple[tuple[str, str], ...] = (),
) -> Contestant:
    """Return the usual function with ``model``, which answers as our model ``network`` does."""
    command = framework(USUAL_FUNCTION, "predict")
    return Contestant(USUAL, command, code_predictor(network), suffixes, model, extra_fields)


def code_predictor(model: Path) -> Callable[[Signal], str]:
    """Return a function from a signal to the code of the emotion that ``model`` predicts."""
    loaded = Model((model / "model.onnx").read_bytes())

    def code(signal: Signal) -> str:
        probabilities = loaded.predict(signal, SAMPLING_RATE).probabilities.array
        return loaded.labels[probabilities.argmax()].code

    return code
