"""ONNX graphs as sessions of onnxruntime, each of which runs on the thread of its caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

ERROR = 3
"""Level of onnxruntime's log; the level below warns of every input that is optional."""


def open_session(graph: bytes, *, optimize: bool = True) -> onnxruntime.InferenceSession:
    """Return a session that runs ``graph``, the bytes of an ONNX file.

    It uses one thread for each call, so that callers with many sounds run them in parallel.

    Parameters
    ----------
    optimize
        Whether onnxruntime folds constants and fuses nodes. A published model is folded already
        (:func:`ser._graph.compose`); doing it again would double the time to load it.

    Raises
    ------
    ValueError
        ``graph`` is not an ONNX file that this version of onnxruntime runs.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # An arena never gives back the memory of the longest sound, and patterns are kept for each
    # duration; neither makes an answer faster.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = ERROR
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except (
        state.Fail,
        state.InvalidArgument,
        state.InvalidGraph,
        state.InvalidProtobuf,
        state.NotImplemented,
    ) as error:
        raise ValueError(str(error)) from error
