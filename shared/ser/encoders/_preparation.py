"""Encoders made ready for a front-end: cut, converted, and tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from ser.encoders._known import KNOWN
from ser.errors import InvalidInput, within
from ser.sounds import SAMPLING_RATE

if TYPE_CHECKING:
    import onnx

Input = Literal["log-mel", "waveform"]

MEL_BANDS = 80
STRIDE = SAMPLING_RATE // 100
"""Samples between the frames of log-mel spectra (10 ms)."""
TENTHS_OF_SECONDS = (1, 2, 5, 10)
"""Durations that are tried for the shortest one that an encoder accepts."""


class PreparedEncoder(NamedTuple):
    """An encoder that is cut behind its outputs, and the lengths of its input."""

    model: onnx.ModelProto
    """A model with one input of any length."""
    widths: tuple[int, ...]
    """Number of features of each output."""
    shortest: int
    """Minimum length of the input in samples or frames; shorter ones must be padded."""
    longest: int
    """Maximum length of the input in samples or frames."""


def prepare(
    source: str,
    model: onnx.ModelProto,
    outputs: Sequence[str],
    *,
    kind: Input,
    part_seconds: float,
) -> PreparedEncoder:
    """Return the part of ``model`` that computes ``outputs``, ready to be used.

    An encoder that is not known runs on noise of several durations in a process of its own.

    Parameters
    ----------
    source
        The name or the address of ``model``.
    kind
        What the encoder expects: ``log-mel``, float32 of shape (1, 80, frames), or ``waveform``,
        float32 of shape (1, samples).
    part_seconds
        Maximum duration of the input.

    Raises
    ------
    InvalidInput
        The encoder cannot be used. The location of a fault is ``source``, ``output`` or ``input``.
    """
    from ser.encoders import _cutting as cutting
    from ser.encoders import _trial as trial
    from ser.encoders._inspection import refuse_operators, required_inputs

    part = cutting.cut_behind(model, outputs)
    (value,) = required_inputs(part.graph)
    unit = STRIDE if kind == "log-mel" else 1
    lengths = [tenths * SAMPLING_RATE // 10 // unit for tenths in TENTHS_OF_SECONDS]
    longest = int(part_seconds * SAMPLING_RATE) // unit
    with within("input"):
        fixed = fixed_length(value, kind, lengths[0])
    set_any_length(value)
    original = None
    with within("source"):
        trial.require_size(part)
        if cutting.opset_of(part) != cutting.OPSET:
            part, original = cutting.in_opset(trial.folded(part)), part
        refuse_operators(part)
        part = cutting.with_inferred_shapes(part)
    if source in KNOWN:
        return PreparedEncoder(part, known_widths(part), lengths[0], longest)
    # The last but one is no multiple of a usual stride.
    tried = [fixed] if fixed else [*(n for n in lengths if n < longest - 2), longest - 2, longest]
    rows = [1, MEL_BANDS] if kind == "log-mel" else [1]
    runs = trial.try_lengths(part, original, outputs, [[*rows, length] for length in tried])
    with within("output"):
        widths = common_widths(outputs, [run.shapes for run in runs])
    shortest = shortest_accepted(tried, [run.length for run in runs])
    return PreparedEncoder(part, widths, shortest, min(longest, fixed or longest))


def shortest_accepted(tried: Sequence[int], accepted: Sequence[int]) -> int:
    """Return the shortest of ``tried`` from which on all are ``accepted``."""
    refused = [length for length in tried if length not in accepted]
    return min(length for length in accepted if length > max(refused, default=0))


def fixed_length(value: onnx.ValueInfoProto, kind: Input, shortest: int) -> int | None:
    """Return the only length that the input ``value`` has by its type; ``None``: any."""
    shape = value.type.tensor_type.shape
    dims = [dim.dim_value or None for dim in shape.dim]
    expected = [1, MEL_BANDS, None] if kind == "log-mel" else [1, None]
    fits = len(dims) == len(expected) and all(
        dim in (None, want) for dim, want in zip(dims[:-1], expected[:-1], strict=True)
    )
    if not fits:
        found = ", ".join(str(dim.dim_value or dim.dim_param or "?") for dim in shape.dim)
        allowed = ", ".join(str(dim or "any") for dim in expected)
        raise InvalidInput(
            f"{kind!r} does not fit the encoder, whose input has the shape ({found}); "
            f"allowed: an input of shape ({allowed}), its first dimension 1 or any"
        )
    length = dims[-1]
    if length is not None and length < shortest:
        raise InvalidInput(
            f"the input of the encoder has the length {length}; allowed: {shortest} or more"
        )
    return length


def set_any_length(value: onnx.ValueInfoProto) -> None:
    """Remove the lengths from the type of ``value``."""
    for dim in value.type.tensor_type.shape.dim:
        dim.Clear()


def known_widths(model: onnx.ModelProto) -> tuple[int, ...]:
    """Return the number of features of each output as inferred."""
    shapes = [value.type.tensor_type.shape for value in model.graph.output]
    return tuple(int(shape.dim[-1].dim_value) for shape in shapes)


def common_widths(
    outputs: Sequence[str], runs: Sequence[Sequence[Sequence[int]]]
) -> tuple[int, ...]:
    """Return the number of features of each output, which the shapes of all runs must share."""
    widths = []
    for name, shapes in zip(outputs, zip(*runs, strict=True), strict=True):
        found = {shape[-1] for shape in shapes}
        if len(found) > 1:
            raise InvalidInput(
                f"the last dimension of {name!r} depends on the duration "
                f"({', '.join(map(str, sorted(found)))}); "
                "allowed: a tensor of shape (1, frames, features)"
            )
        widths.append(int(found.pop()))
    return tuple(widths)
