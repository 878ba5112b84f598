"""Models whose optional inputs are required, for runtimes that do not set inputs with defaults.

onnxruntime-web refuses values for an input that an initializer gives a default. Without this
initializer the input is an ordinary one, and zeros stand for a missing profile.
"""

from __future__ import annotations

from collections.abc import Iterator

from ser import _wire as wire

# Numbers of fields in onnx.proto, by message.
GRAPH = 7
INITIALIZER, INPUT = 5, 11
TENSOR_NAME, VALUE_NAME = 8, 1


def require_inputs(model: bytes) -> bytes:
    """Return ``model``, an ONNX file, without the defaults of its inputs.

    Raises
    ------
    ValueError
        ``model`` is not an ONNX file.
    """
    return b"".join(
        wire.encode(GRAPH, *without_defaults(field.value)) if field.number == GRAPH else field.whole
        for field in wire.fields(model)
    )


def without_defaults(graph: memoryview) -> Iterator[wire.Bytes]:
    """Yield the fields of ``graph``, except the initializers of its inputs."""
    found = list(wire.fields(graph))
    inputs = {name_in(each.value, VALUE_NAME) for each in found if each.number == INPUT}
    for each in found:
        if each.number != INITIALIZER or name_in(each.value, TENSOR_NAME) not in inputs:
            yield each.whole


def name_in(message: memoryview, number: int) -> bytes:
    """Return the name in the field ``number`` of ``message``."""
    return b"".join(each.value for each in wire.fields(message) if each.number == number)
