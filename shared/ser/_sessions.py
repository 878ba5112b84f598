"""Sessions of onnxruntime, which run ONNX graphs on the thread of the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime

ERROR = 3
"""Log level of onnxruntime; the next lower level warns about every optional input."""


def open_session(graph: bytes, *, optimize: bool = True) -> onnxruntime.InferenceSession:
    """Return a session that runs ``graph``, the bytes of an ONNX file.

    Each call uses one thread, so callers can process many sounds in parallel.

    Parameters
    ----------
    optimize
        Whether onnxruntime folds constants and fuses nodes. A published model is folded already
        (:func:`ser._graph.compose`); repeating that would double its loading time.

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
    # An arena would keep the memory of the longest sound, and a memory pattern would be kept for
    # each duration; neither makes predictions faster.
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
