"""Reading of the weights in a file of CTranslate2, ``model.bin``.

Source: the writer in CTranslate2's ``python/ctranslate2/specs/model_spec.py``, binary version 6.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ser.encoders._weights import halved
from ser.errors import InvalidInput

BINARY_VERSION = 6
FLOATS = {0: "<f4", 4: "<f2"}
"""The types that are read, by their numbers: single and half precision."""
ENCODER = "encoder/"
"""What the names of the encoder's variables begin with."""


class Reader:
    """The values of a file in their order."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._data, self._position = memoryview(data), 0

    def take(self, count: int) -> memoryview:
        start, self._position = self._position, self._position + count
        if self._position > len(self._data):
            raise InvalidInput("the file is cut; allowed: a whole model.bin")
        return self._data[start : self._position]

    def number(self, form: str) -> int:
        value: int = struct.unpack(f"<{form}", self.take(struct.calcsize(form)))[0]
        return value

    def text(self) -> str:
        return bytes(self.take(self.number("H"))).rstrip(b"\0").decode(errors="replace")


def encoder_tensors(data: bytes | bytearray) -> dict[str, NDArray[np.float16]]:
    """Return the weights of the encoder in ``data``, by Hugging Face's names.

    Raises
    ------
    InvalidInput
        ``data`` is not a ``model.bin``, or not one of Whisper in half or single precision.
    """
    named: dict[str, NDArray[np.float16]] = {}
    for name, tensor in variables(data):
        named |= renamed(name.removeprefix(ENCODER), tensor)
    return named


def variables(data: bytes | bytearray) -> Iterator[tuple[str, NDArray[np.float16]]]:
    """Yield each variable of the encoder with its name, if it has one of :data:`FLOATS`."""
    reader = Reader(data)
    version = reader.number("I")
    if version != BINARY_VERSION:
        raise InvalidInput(f"model.bin has the version {version}; allowed: {BINARY_VERSION}")
    reader.text(), reader.number("I")  # the architecture and its revision
    for _ in range(reader.number("I")):
        name = reader.text()
        shape = [reader.number("I") for _ in range(reader.number("B"))]
        kind, size = reader.number("B"), reader.number("I")
        values = reader.take(size)
        if name.startswith(ENCODER) and kind in FLOATS:
            dtype = np.dtype(FLOATS[kind])
            if size != math.prod(shape) * dtype.itemsize:
                raise InvalidInput(f"{name} has {size} bytes; allowed: those of its shape {shape}")
            yield name, halved(np.frombuffer(values, dtype).reshape(shape))


PARTS = {
    "self_attention/layer_norm": "self_attn_layer_norm",
    "self_attention/linear_1": "self_attn.out_proj",
    "ffn/layer_norm": "final_layer_norm",
    "ffn/linear_0": "fc1",
    "ffn/linear_1": "fc2",
}
"""Names of the parts of a layer: CTranslate2's, and Hugging Face's."""
VALUES = {"gamma": "weight", "beta": "bias", "weight": "weight", "bias": "bias"}


def renamed(name: str, tensor: NDArray[np.float16]) -> dict[str, NDArray[np.float16]]:
    """Return the weights of which the variable ``name`` consists, by Hugging Face's names.

    A variable that Whisper does not have is left out.
    """
    if name == "position_encodings/encodings":
        return {"embed_positions.weight": tensor}
    part, _, value = name.rpartition("/")
    layer, _, inner = part.partition("/")
    if value not in VALUES:
        return {}
    if not inner:
        return {f"{part}.{VALUES[value]}": tensor}
    prefix = f"layers.{layer.removeprefix('layer_')}"
    if inner == "self_attention/linear_0" and tensor.shape and tensor.shape[0] % 3 == 0:
        # Queries, keys and values are stored as one; keys have no bias.
        pieces = dict(zip(("q_proj", "k_proj", "v_proj"), np.split(tensor, 3), strict=True))
        return {
            f"{prefix}.self_attn.{piece}.{value}": rows
            for piece, rows in pieces.items()
            if (piece, value) != ("k_proj", "bias")
        }
    return {f"{prefix}.{PARTS[inner]}.{VALUES[value]}": tensor} if inner in PARTS else {}
