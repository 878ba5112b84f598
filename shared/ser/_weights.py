"""The weights that a model's file stores in half precision, expanded and shared between models.

In the file, a ``Cast`` follows each of them (:mod:`ser._packing`), which any runtime evaluates.
Here both are taken out of the file, and the weights are given to the session instead, so that
models with the same encoder use one copy in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from ser import _wire as wire

Tensor = NDArray[np.float32]
Weights = Mapping[str, Tensor]
"""Tensors by their names in a graph; read-only, because models share them."""

# Numbers of fields in onnx.proto, by message, and of types of tensors.
GRAPH = 7
NODE, INITIALIZER = 1, 5
INPUT, OUTPUT, OPERATOR, ATTRIBUTE = 1, 2, 4, 5
ATTRIBUTE_INTEGER = 3
SHAPE, TYPE, NAME, DATA, EXTERNAL_DATA, LOCATION = 1, 2, 8, 9, 13, 14
KEY, VALUE = 1, 2
FLOAT, FLOAT16 = 1, 10
EXTERNAL = 1
CAST = "Cast"


class Cast(NamedTuple):
    """A node that converts a tensor to single precision, by the names of both."""

    source: str
    result: str


class HalfTensor(NamedTuple):
    """An initializer in half precision."""

    name: str
    shape: tuple[int, ...]
    data: memoryview


def take_weights(model: bytes) -> tuple[bytes, Weights]:
    """Return ``model``, an ONNX file, without its packed weights, and these weights.

    In the returned file, an initializer without values has the name and shape of each of them.
    Weights that another model in memory has are not created again.

    Raises
    ------
    ValueError
        ``model`` is not an ONNX file.
    """
    parts: list[wire.Bytes] = []
    weights: dict[str, Tensor] = {}
    for field in wire.fields(model):
        if field.number == GRAPH:
            graph, taken = split_graph(field.value)
            parts.append(wire.encode(GRAPH, *graph))
            weights |= taken
        else:
            parts.append(field.whole)
    return b"".join(parts), weights


def split_graph(graph: memoryview) -> tuple[list[wire.Bytes], dict[str, Tensor]]:
    """Return the fields of ``graph`` without its packed weights, and these weights."""
    fields = list(wire.fields(graph))
    casts = [
        # Most nodes are something else, and need not be parsed.
        read_cast(field.value)
        if field.number == NODE and CAST.encode() in bytes(field.value)
        else None
        for field in fields
    ]
    halves = [
        read_half_tensor(field.value) if field.number == INITIALIZER else None for field in fields
    ]
    sources = {cast.source for cast in casts if cast}
    packed = {half.name: half for half in halves if half and half.name in sources}
    kept: list[wire.Bytes] = []
    weights: dict[str, Tensor] = {}
    for field, cast, half in zip(fields, casts, halves, strict=True):
        if cast and cast.source in packed:
            tensor = weights[cast.result] = KNOWN.expand(packed[cast.source])
            kept.append(wire.encode(INITIALIZER, placeholder(cast.result, tensor.shape)))
        elif half is None or half.name not in packed:
            kept.append(field.whole)
    return kept, weights


def read_cast(node: memoryview) -> Cast | None:
    """Return the names of ``node``; ``None`` if it does not convert to single precision."""
    values = wire.parse(node)
    if text(values, OPERATOR) != CAST:
        return None
    targets = [numbers(wire.parse(each), ATTRIBUTE_INTEGER) for each in values.get(ATTRIBUTE, [])]
    return Cast(text(values, INPUT), text(values, OUTPUT)) if targets == [[FLOAT]] else None


def read_half_tensor(tensor: memoryview) -> HalfTensor | None:
    """Return ``tensor``; ``None`` if it is not in half precision."""
    values = wire.parse(tensor)
    if numbers(values, TYPE) != [FLOAT16] or DATA not in values:
        return None
    return HalfTensor(text(values, NAME), tuple(numbers(values, SHAPE)), values[DATA][0])


def text(values: wire.Values, number: int) -> str:
    return b"".join(values.get(number, [])).decode()


def numbers(values: wire.Values, number: int) -> list[int]:
    return list(wire.integers(b"".join(values.get(number, []))))


def placeholder(name: str, shape: tuple[int, ...]) -> bytes:
    """Return an initializer in single precision whose values are not in the file."""
    # onnxruntime requires a path that exists, here the working directory, but does not read it.
    place = wire.encode(KEY, b"location") + wire.encode(VALUE, b".")
    return b"".join(
        [
            *(wire.encode_integer(SHAPE, size) for size in shape),
            wire.encode_integer(TYPE, FLOAT),
            wire.encode(NAME, name.encode()),
            wire.encode(EXTERNAL_DATA, place),
            wire.encode_integer(LOCATION, EXTERNAL),
        ]
    )


class KnownTensors:
    """The expanded weights of all models in memory, each once.

    They are recognised by the SHA-256 of their values in half precision, and dropped with the last
    model that has them.
    """

    def __init__(self) -> None:
        self._tensors: WeakValueDictionary[tuple[object, ...], Tensor] = WeakValueDictionary()
        self._lock = Lock()

    def expand(self, half: HalfTensor) -> Tensor:
        """Return ``half`` in single precision.

        Raises
        ------
        ValueError
            The shape does not fit the number of values.
        """
        key = (half.shape, hashlib.sha256(half.data).digest())
        with self._lock:
            tensor = self._tensors.get(key)
            if tensor is None:
                values = np.frombuffer(half.data, "<f2").astype(np.float32)
                tensor = self._tensors[key] = values.reshape(half.shape)
                tensor.flags.writeable = False
        return tensor


KNOWN = KnownTensors()
