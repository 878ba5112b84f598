"""Small encoders of Whisper with random weights, the files that hold them, and a hub."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

Tensors = dict[str, NDArray[Any]]


def random_whisper(
    layers: int = 2, features: int = 64, inner: int = 96, positions: int = 32, seed: int = 0
) -> Tensors:
    """Return weights by the names of Hugging Face, in half precision."""
    generator = np.random.default_rng(seed)

    def values(*shape: int) -> NDArray[Any]:
        return np.asarray(generator.normal(size=shape) / np.sqrt(shape[-1]), np.float16)

    tensors: Tensors = {
        "conv1.weight": values(features, 80, 3),
        "conv1.bias": values(features),
        "conv2.weight": values(features, features, 3),
        "conv2.bias": values(features),
        "embed_positions.weight": values(positions, features),
        "layer_norm.weight": values(features),
        "layer_norm.bias": values(features),
    }
    for layer in range(layers):
        name = f"layers.{layer}"
        for norm in ("self_attn_layer_norm", "final_layer_norm"):
            tensors[f"{name}.{norm}.weight"] = values(features)
            tensors[f"{name}.{norm}.bias"] = values(features)
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            tensors[f"{name}.self_attn.{part}.weight"] = values(features, features)
            if part != "k_proj":
                tensors[f"{name}.self_attn.{part}.bias"] = values(features)
        tensors[f"{name}.fc1.weight"] = values(inner, features)
        tensors[f"{name}.fc1.bias"] = values(inner)
        tensors[f"{name}.fc2.weight"] = values(features, inner)
        tensors[f"{name}.fc2.bias"] = values(features)
    return tensors


def safetensors_file(tensors: Mapping[str, NDArray[Any]], dtype: str = "f4") -> bytes:
    """Return ``model.safetensors`` with the encoder ``tensors`` and some of a decoder."""
    encoder = {f"model.encoder.{name}": values.astype(dtype) for name, values in tensors.items()}
    return save(encoder | {"model.decoder.layer_norm.weight": np.ones(4, dtype)})


TYPES = {"f4": 0, "i1": 1, "f2": 4}
"""CTranslate2's numbers of types."""


def model_bin(tensors: Mapping[str, NDArray[Any]], dtype: str = "f2", version: int = 6) -> bytes:
    """Return the encoder ``tensors`` as ``model.bin`` of CTranslate2, and some of a decoder."""
    variables = {"decoder/layer_norm/gamma": np.ones(4), **ctranslate2_variables(tensors)}
    data = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<I", 3)
    data += struct.pack("<I", len(variables) + 1)
    # Numbers of heads and the like are variables too.
    data += text("encoder/num_heads") + struct.pack("<BBI", 0, 2, 2) + struct.pack("<h", 1)
    for name, values in variables.items():
        stored = np.ascontiguousarray(values, f"<{dtype}")
        data += text(name) + struct.pack(f"<B{stored.ndim}I", stored.ndim, *stored.shape)
        data += struct.pack("<BI", TYPES[dtype], stored.nbytes) + stored.tobytes()
    return data + struct.pack("<I", 0)  # the number of aliases


def text(value: str) -> bytes:
    """Return ``value`` as CTranslate2 stores it: its length, and a zero at its end."""
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def ctranslate2_variables(tensors: Mapping[str, NDArray[Any]]) -> Tensors:
    """Return ``tensors`` by the names of CTranslate2, with queries, keys and values as one."""
    names = {"weight": "weight", "bias": "bias"}
    norms = {"weight": "gamma", "bias": "beta"}
    variables: Tensors = {"encoder/position_encodings/encodings": tensors["embed_positions.weight"]}
    for part in ("conv1", "conv2", "layer_norm"):
        for value, own in (norms if part == "layer_norm" else names).items():
            variables[f"encoder/{part}/{own}"] = tensors[f"{part}.{value}"]
    layers = sum(name.endswith(".fc1.weight") for name in tensors)
    for layer in range(layers):
        theirs, ours = f"layers.{layer}", f"encoder/layer_{layer}"
        attention = f"{theirs}.self_attn"
        zeros = np.zeros_like(tensors[f"{attention}.q_proj.bias"])
        for value in names:
            fused = [
                tensors.get(f"{attention}.{part}_proj.{value}", zeros) for part in ("q", "k", "v")
            ]
            variables[f"{ours}/self_attention/linear_0/{value}"] = np.concatenate(fused)
            variables[f"{ours}/self_attention/linear_1/{value}"] = tensors[
                f"{attention}.out_proj.{value}"
            ]
            variables[f"{ours}/ffn/linear_0/{value}"] = tensors[f"{theirs}.fc1.{value}"]
            variables[f"{ours}/ffn/linear_1/{value}"] = tensors[f"{theirs}.fc2.{value}"]
        for value, own in norms.items():
            variables[f"{ours}/self_attention/layer_norm/{own}"] = tensors[
                f"{theirs}.self_attn_layer_norm.{value}"
            ]
            variables[f"{ours}/ffn/layer_norm/{own}"] = tensors[
                f"{theirs}.final_layer_norm.{value}"
            ]
    return variables


@dataclass
class Hub:
    """A hub on loopback with one file in each repository."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    """The content by path: ``<repository>/resolve/<revision>/<file>``."""
    requests: list[str] = field(default_factory=list)
    """The requests, such as ``HEAD /<path>``."""


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """Yield a hub that ``huggingface_hub`` downloads from."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def answer(self, *, with_body: bool) -> None:
            hub.requests.append(f"{self.command} {self.path}")
            content = hub.files.get(self.path.lstrip("/"))
            if content is None:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", '"etag"')
            self.send_header("X-Repo-Commit", self.path.split("/")[-2])
            self.end_headers()
            if with_body:
                self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            del args

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub = Hub(f"http://127.0.0.1:{server.server_port}")
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield hub
        finally:
            server.shutdown()


def put(folder: Path, name: str, content: bytes) -> Path:
    """Write ``content`` to the file ``name`` below ``folder``, and return ``folder``."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return folder
