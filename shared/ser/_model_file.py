"""The file of a model: an ONNX graph with the model's properties in its metadata."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser._model_properties import ModelProperties, unreadable_model
from ser._runs import CLOCK, Turns, is_lack_of_memory, runtime_errors
from ser._sessions import open_session
from ser._weights import Weights, take_weights
from ser.errors import Conflict
from ser.limits import UNLIMITED, Limit
from ser.sealing import InspectedModel, UnsafeModel, Value, inspect_model
from ser.sounds import SAMPLING_RATE

if TYPE_CHECKING:
    import onnxruntime

OUTPUTS = ("probabilities", "speech", "features")
"""Outputs of every model, in this order."""
PLACES = ("seconds", "times")
"""Further outputs of models since version 0.2: the speech in each chunk, and where it begins."""
FAMILIARITY = "familiarity"
"""Last output of models that measure it."""
FLOAT, BOOL = 1, 9
"""Numbers of the types float32 and bool in onnx.proto."""

RUN_SECONDS = 30.0
"""Time that a call of a model may take, whatever the duration of the sound."""
RUN_SECONDS_PER_SECOND = 1.0
"""Further time for each second of the sound. The slowest model needs a twentieth of it on one
core."""


class ModelLimits(NamedTuple):
    """Limits on the models that a program loads."""

    file_bytes: Limit = UNLIMITED
    """Size of ``model.onnx`` in bytes."""
    memory_bytes: Limit = UNLIMITED
    """Memory that the calls of one model may take together, without its weights, in bytes."""


NO_MODEL_LIMITS = ModelLimits()


class OpenedModel(NamedTuple):
    """A model loaded into memory, ready to run."""

    session: onnxruntime.InferenceSession
    properties: ModelProperties
    places: bool
    """Whether the model has the outputs :data:`PLACES`."""
    weights: Weights
    """The weights that the session shares with those of other models."""
    familiarity: bool
    """Whether the model has the output :data:`FAMILIARITY`."""
    values: Mapping[str, Value]
    """All possible outputs by name."""
    limits: ModelLimits
    turns: Turns

    def run(
        self, names: Sequence[str], inputs: Mapping[str, NDArray[Any]]
    ) -> dict[str, NDArray[Any]]:
        """Return the outputs ``names`` for ``inputs``, one of them ``waveform``.

        Raises
        ------
        Conflict
            The model fails, takes too much time or memory, or its outputs are not those of a model.
        """
        try:
            with self.turns.together():
                outputs = self._run(names, inputs)
        except runtime_errors() as error:
            if not is_lack_of_memory(error):
                raise failed_model(error) from error
            # Calls for other sounds may have had the memory.
            try:
                with self.turns.alone():
                    self._release_memory(inputs)
                    outputs = self._run(names, inputs)
            except runtime_errors() as again:
                raise self._lacks_memory(again) from again
        found = dict(zip(names, map(np.asarray, outputs), strict=True))
        for name, value in found.items():
            self._require(name, value)
        return found

    def _release_memory(self, inputs: Mapping[str, NDArray[Any]]) -> None:
        """Give back the memory that earlier calls have left, in pieces too small for this one."""
        silence = {**inputs, "waveform": np.zeros(SAMPLING_RATE // 10, np.float32)}
        # An arena gives back its memory after a call only.
        self._run(["speech"], silence, **{"memory.enable_memory_arena_shrinkage": "cpu:0"})

    def _run(
        self, names: Sequence[str], inputs: Mapping[str, NDArray[Any]], **entries: str
    ) -> Sequence[Any]:
        import onnxruntime

        options = onnxruntime.RunOptions()
        for name, value in entries.items():
            options.add_run_config_entry(name, value)
        seconds = RUN_SECONDS + RUN_SECONDS_PER_SECOND * len(inputs["waveform"]) / SAMPLING_RATE
        with CLOCK.limit(seconds, partial(setattr, options, "terminate", True)):
            try:
                outputs: Sequence[Any] = self.session.run(names, inputs, options)
            except runtime_errors() as error:
                if options.terminate:
                    raise Conflict(
                        f"The model does not answer within {seconds:.0f} s; allowed: a model that "
                        f"takes {RUN_SECONDS:g} s and the duration of the sound. Train it again."
                    ) from error
                raise
        return outputs

    def _lacks_memory(self, error: Exception) -> Conflict:
        if not is_lack_of_memory(error):
            return failed_model(error)
        most = self.limits.memory_bytes
        return Conflict(
            f"The model takes too much memory for this sound; allowed: {most} bytes. Send a "
            "shorter sound, or raise the limit."
        )

    def _require(self, name: str, value: NDArray[Any]) -> None:
        """Raise :class:`Conflict` unless ``value`` can be the output ``name``."""
        expected = self.values[name]
        kind = np.dtype(bool if expected.kind == BOOL else np.float32)
        if value.dtype != kind or not fits(expected.shape, value.shape):
            raise unreadable_model(f"its output {name} is {value.dtype} of shape {value.shape}")
        if name != "features" and not np.isfinite(value).all():
            raise unreadable_model(f"its output {name} has values that are not finite")


def open_model(data: bytes, limits: ModelLimits = NO_MODEL_LIMITS) -> OpenedModel:
    """Return the model in ``data``, the bytes of ``model.onnx``, after its inspection.

    Raises
    ------
    Conflict
        The file is not a model that this version of ``ser`` can read, or one that must not be run.
    """
    if len(data) > limits.file_bytes.value:
        raise Conflict(f"The model has {len(data):,} bytes; allowed: {limits.file_bytes}.")
    try:
        inspected = inspect_model(data)
        properties = ModelProperties.read(inspected.metadata)
        refuse_other_values(inspected, properties)
        graph, weights = take_weights(data)
        del data  # so that it is not in memory twice
        memory = limits.memory_bytes.value
        session = open_session(
            graph,
            optimize=False,
            weights=weights,
            memory=None if math.isinf(memory) else int(memory),
        )
        # onnxruntime keeps the file in case the session changes its providers, which none does.
        session._model_bytes = None
    except ValueError as error:
        raise unreadable_model(str(error)) from error
    outputs = {output.name for output in inspected.outputs}
    return OpenedModel(
        session,
        properties,
        places=PLACES[0] in outputs,
        weights=weights,
        familiarity=FAMILIARITY in outputs,
        values=output_values(properties),
        limits=limits,
        turns=Turns(),
    )


def refuse_other_values(model: InspectedModel, properties: ModelProperties) -> None:
    """Raise :class:`UnsafeModel` unless inputs and outputs are those of a model."""
    names = tuple(value.name for value in model.outputs)
    without = tuple(name for name in names if name != FAMILIARITY)
    if without not in (OUTPUTS, OUTPUTS + PLACES) or names[: len(without)] != without:
        raise UnsafeModel(f"its outputs are {', '.join(names)[:300]}, not {', '.join(OUTPUTS)}")
    outputs = output_values(properties)
    for value in model.outputs:
        refuse_other_value(value, outputs[value.name])
    features, columns = len(properties.feature_names), properties.metadata.size
    required = [Value("waveform", FLOAT, (None,))]
    required += [Value("metadata", FLOAT, (columns,))] * bool(columns)
    optional = [Value(name, FLOAT, shape) for name, shape in profile_shapes(features).items()]
    for found, expected in ((model.inputs, required), (model.options, optional)):
        known = {value.name: value for value in expected}
        names = tuple(value.name for value in found)
        if (found is model.inputs and {*names} != {*known}) or not {*names} <= {*known}:
            raise UnsafeModel(f"its inputs are {', '.join(names)[:300]}, not {', '.join(known)}")
        if len({*names}) < len(names):
            raise UnsafeModel("two inputs have the same name")
        for value in found:
            refuse_other_value(value, known[value.name])


def output_values(properties: ModelProperties) -> dict[str, Value]:
    """Return all possible outputs of a model by name."""
    features = len(properties.feature_names)
    values = (
        Value("probabilities", FLOAT, (len(properties.labels),)),
        Value("speech", BOOL, ()),
        Value("features", FLOAT, (None, features)),
        *(Value(name, FLOAT, (None,)) for name in PLACES),
        Value(FAMILIARITY, FLOAT, ()),
    )
    return {value.name: value for value in values}


def profile_shapes(features: int) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the inputs that may have defaults, by name."""
    return {
        "speaker_mean": (features,),
        "speaker_deviation": (features,),
        "speaker_count": (),
        "domain_mean": (features,),
        "domain_count": (),
    }


def refuse_other_value(value: Value, expected: Value) -> None:
    """Raise :class:`UnsafeModel` unless an input or output has the type and shape of another."""
    if value.kind != expected.kind or not fits(value.shape, expected.shape):
        raise UnsafeModel(
            f"{value.name} has the type {value.kind} and the shape {list(value.shape)}; "
            f"allowed: {expected.kind} and {list(expected.shape)}"
        )


def fits(shape: Sequence[int | None], other: Sequence[int | None]) -> bool:
    """Return whether two shapes are equal where both are known."""
    return len(shape) == len(other) and all(
        None in pair or pair[0] == pair[1] for pair in zip(shape, other, strict=True)
    )


def failed_model(error: Exception) -> Conflict:
    """Return the error for a model that fails on a sound."""
    reason = " ".join(str(error).split())[:300]
    return Conflict(f"The model fails on this sound: {reason}. Train it again.")
