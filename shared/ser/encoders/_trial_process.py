"""Runs an encoder in a process of its own, in whose working directory its files are.

The argument is JSON: ``{"memory", "shapes"}``, the memory in bytes that the process may take, and
the shapes of inputs. The process runs ``encoder.onnx`` on noise of each shape; without shapes, it
writes the graph with its constants folded to ``folded.onnx``. For each shape it writes one line of
JSON: ``{"outputs": [{"type", "shape", "finite", "error"}]}``, where ``error`` is the difference
from the outputs of ``original.onnx`` if there is such a file; or ``{"failure"}``.

It imports nothing of ``ser``, so it starts fast.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray


def main() -> None:
    """Run the encoder."""
    request = json.loads(sys.argv[1])
    limit_memory(request["memory"])
    session = open_session("encoder.onnx", folded="" if request["shapes"] else "folded.onnx")
    original = open_session("original.onnx") if Path("original.onnx").exists() else None
    for shape in request["shapes"]:
        print(json.dumps(answer(session, original, shape)), flush=True)


def answer(
    session: onnxruntime.InferenceSession,
    original: onnxruntime.InferenceSession | None,
    shape: list[int],
) -> dict[str, Any]:
    """Return the facts about the outputs for noise of ``shape``."""
    noise = np.random.default_rng(0).standard_normal(shape, np.float32)
    try:
        outputs = run(session, noise)
        expected = run(original, noise) if original else outputs
        return {"outputs": [*map(describe, outputs, expected)]}
    except Exception as error:  # noqa: BLE001 - onnxruntime's exceptions have no base of their own
        return {"failure": f"{type(error).__name__}: {error}"}


def run(session: onnxruntime.InferenceSession, values: NDArray[np.float32]) -> list[NDArray[Any]]:
    """Return the outputs of a graph."""
    return [np.asarray(each) for each in session.run(None, {session.get_inputs()[0].name: values})]


def open_session(path: str, folded: str = "") -> onnxruntime.InferenceSession:
    """Return a session of the graph at ``path``, which is also written to ``folded``."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = folded
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def describe(value: NDArray[Any], original: NDArray[Any]) -> dict[str, object]:
    """Return the facts about an output; the error is relative to the deviation of the original."""
    numeric = value.dtype.kind == "f"
    finite = numeric and bool(np.isfinite(value).all())
    comparable = finite and value.shape == original.shape and value.size > 0
    error = float(np.abs(value - original).max() / (original.std() + 1e-6)) if comparable else 1.0
    return {"type": str(value.dtype), "shape": value.shape, "finite": finite, "error": error}


def limit_memory(size: int) -> None:
    """Limit the memory of this process to ``size`` bytes more than it has now."""
    status = Path("/proc/self/statm")
    if status.exists():
        most = int(status.read_text().split()[0]) * resource.getpagesize() + size
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main()
