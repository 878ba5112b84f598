"""The weights of an encoder of Whisper: which ones its graph needs, and their digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.encoders._known import LAYERS
from ser.errors import InvalidInput

Weights = dict[str, NDArray[np.float16]]
"""The weights by their names in Hugging Face's file, without :data:`PREFIX`."""

HEAD = 64
"""Features of an attention head, in all sizes of Whisper."""
MEL_BANDS = 80
PREFIX = "model.encoder."
"""What the names of the encoder's weights begin with in Hugging Face's file."""
FLOATS = ("F16", "F32")
"""Types of weights in ``safetensors``. Whisper was published in half precision, so single precision
holds the same values."""
FIRST = ("conv1.weight", "embed_positions.weight", "layers.0.fc1.weight")
"""The weights whose shapes say how large the encoder is."""


def read_safetensors(path: Path) -> Weights:
    """Return the weights that the graph needs from a file of ``safetensors``.

    Raises
    ------
    InvalidInput
        The file is damaged, or does not hold the encoder of a Whisper.
    OSError
        It cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = {name.removeprefix(PREFIX): name for name in file.keys()}  # noqa: SIM118
            shapes = {
                name: tuple(file.get_slice(full).get_shape())
                for name, full in names.items()
                if full.startswith(PREFIX)
            }
            weights = {}
            for name in needed(shapes):
                values = file.get_slice(names[name])
                if values.get_dtype() not in FLOATS:
                    raise InvalidInput(
                        f"{name} is of type {values.get_dtype()}; allowed: {', '.join(FLOATS)}"
                    )
                weights[name] = halved(file.get_tensor(names[name]))
    except SafetensorError as error:
        raise InvalidInput(f"the file is damaged: {error}") from error
    return weights


def halved(values: NDArray[np.floating]) -> NDArray[np.float16]:
    """Return ``values`` in half precision."""
    with np.errstate(over="ignore"):  # a value above 65,504 changes the digest
        return values.astype("<f2", copy=False)


def write_safetensors(path: Path, weights: Weights) -> None:
    """Write ``weights`` to a file that :func:`read_safetensors` reads."""
    from safetensors.numpy import save

    named = {PREFIX + name: np.ascontiguousarray(values) for name, values in weights.items()}
    path.write_bytes(save(named, metadata={"digest": digest_of(weights)}))


def stated_digest(path: Path) -> str | None:
    """Return the digest that :func:`write_safetensors` stored in the file."""
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        digest: str | None = (file.metadata() or {}).get("digest")
    return digest


def digest_of(weights: Weights) -> str:
    """Return the SHA-256 of the names, shapes and values of ``weights``, in hexadecimal."""
    checksum = hashlib.sha256()
    for name, values in sorted(weights.items()):
        checksum.update(f"{name} {list(values.shape)}\n".encode())
        checksum.update(np.ascontiguousarray(values, "<f2").data)
    return checksum.hexdigest()


def selected(tensors: Mapping[str, NDArray[np.float16]]) -> Weights:
    """Return those of ``tensors`` that the graph needs.

    Raises
    ------
    InvalidInput
        One is missing, or does not have the shape that the others demand.
    """
    names = needed({name: values.shape for name, values in tensors.items()})
    return {name: tensors[name] for name in names}


def layers_of(weights: Mapping[str, object]) -> int:
    """Return the number of layers in ``weights``, at most :data:`~ser.encoders._known.LAYERS`."""
    return next((n for n in range(LAYERS) if f"layers.{n}.fc1.weight" not in weights), LAYERS)


def needed(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    """Return the names of the weights that the graph needs, given the shapes of all weights.

    Raises
    ------
    InvalidInput
        One is missing, or does not have the shape that the others demand.
    """
    for name in FIRST:
        if name not in shapes:
            raise InvalidInput(f"it has no {name}; allowed: the weights of an encoder of Whisper")
    features, positions = shapes["conv1.weight"][0], shapes["embed_positions.weight"][0]
    inner = shapes["layers.0.fc1.weight"][0]
    if features % HEAD:
        raise InvalidInput(f"it has {features} features; allowed: a multiple of {HEAD}")
    expected = expected_shapes(features, inner, positions, layers_of(shapes))
    for name, shape in expected.items():
        if shapes.get(name) != shape:
            found = f"of shape {list(shapes[name])}" if name in shapes else "missing"
            raise InvalidInput(f"{name} is {found}; allowed: shape {list(shape)}")
    return [*expected]


def expected_shapes(
    features: int, inner: int, positions: int, layers: int
) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight of an encoder of this size."""
    square, vector = (features, features), (features,)
    shapes: dict[str, tuple[int, ...]] = {
        "conv1.weight": (features, MEL_BANDS, 3),
        "conv1.bias": vector,
        "conv2.weight": (features, features, 3),
        "conv2.bias": vector,
        "embed_positions.weight": (positions, features),
    }
    layer: dict[str, tuple[int, ...]] = {
        "self_attn.k_proj.weight": square,  # keys have no bias
        **both("self_attn.v_proj", square),
        **both("self_attn.q_proj", square),
        **both("self_attn.out_proj", square),
        **both("self_attn_layer_norm", vector),
        **both("fc1", (inner, features)),
        **both("fc2", (features, inner)),
        **both("final_layer_norm", vector),
    }
    for number in range(layers):
        shapes |= {f"layers.{number}.{name}": shape for name, shape in layer.items()}
    return shapes


def both(name: str, shape: tuple[int, ...]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a weight and of its bias."""
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
