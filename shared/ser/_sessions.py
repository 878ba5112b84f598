"""Graphs at work, one thread to each: whoever has many sounds hears them side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

ERROR = 3
"""Of onnxruntime's log; the level below warns of every input that may be left out."""


def open_session(graph: bytes, *, optimize: bool = True) -> onnxruntime.InferenceSession:
    """Return ``graph``, the bytes of an ONNX file, ready to run.

    Parameters
    ----------
    optimize
        Whether to look for what can be folded and fused. Of a published model it has been
        (:func:`ser._graph.compose`); to look again would double the time it takes to load.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # An arena keeps what the longest sound took for ever, and a pattern for each duration; neither
    # makes an answer faster.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = ERROR
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
