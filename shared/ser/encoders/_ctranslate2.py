"""Reading of the weights in a file of CTranslate2, ``model.bin``.

Source: the writer in CTranslate2's ``python/ctranslate2/specs/model_spec.py``, binary version 6.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ser.errors import InvalidInput

BINARY_VERSION = 6
FLOAT16 = 4
"""Number of the type of half precision."""
HEAD = struct.Struct("<I")


class Reader:
    """The values of a file in their order."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position = memoryview(data), 0

    def take(self, count: int) -> memoryview:
        start, self._position = self._position, self._position + count
        if self._position > len(self._data):
            raise InvalidInput("the file of weights is cut; allowed: a whole model.bin")
        return self._data[start : self._position]

    def number(self, form: str) -> int:
        value: int = struct.unpack(f"<{form}", self.take(struct.calcsize(form)))[0]
        return value

    def text(self) -> str:
        return bytes(self.take(self.number("H"))).rstrip(b"\0").decode()


def encoder_tensors(data: bytes) -> dict[str, NDArray[np.float16]]:
    """Return the weights of the encoder of Whisper in ``data``, by Hugging Face's names.

    Raises
    ------
    InvalidInput
        ``data`` is not a ``model.bin`` of Whisper in half precision.
    """
    tensors = dict(variables(data))
    named = {}
    for name, tensor in tensors.items():
        if name.startswith("encoder/"):
            named |= renamed(name.removeprefix("encoder/"), tensor)
    return named


def variables(data: bytes) -> Iterator[tuple[str, NDArray[np.float16]]]:
    """Yield each variable in half precision with its name."""
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
        if kind == FLOAT16:
            yield name, np.frombuffer(values, "<f2").reshape(shape)


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
    """Return the weights of which the variable ``name`` consists, by Hugging Face's names."""
    if name == "position_encodings/encodings":
        return {"embed_positions.weight": tensor}
    part, _, value = name.rpartition("/")
    layer, _, inner = part.partition("/")
    if not layer.startswith("layer_") or layer == "layer_norm":
        return {f"{part}.{VALUES[value]}": tensor}
    prefix = f"layers.{layer.removeprefix('layer_')}"
    if inner == "self_attention/linear_0":
        # Queries, keys and values are stored as one; keys have no bias.
        pieces = dict(zip(("q_proj", "k_proj", "v_proj"), np.split(tensor, 3), strict=True))
        return {
            f"{prefix}.self_attn.{piece}.{value}": rows
            for piece, rows in pieces.items()
            if (piece, value) != ("k_proj", "bias")
        }
    return {f"{prefix}.{PARTS[inner]}.{VALUES[value]}": tensor}
