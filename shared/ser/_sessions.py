"""Sessions of onnxruntime, which run ONNX graphs on the thread of the caller."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ser._runs import CLOCK, runtime_errors

if TYPE_CHECKING:
    import onnxruntime

ERROR = 3
"""Log level of onnxruntime; the next lower level warns about every optional input."""

MAX_THREADS = 4
"""Maximum number of threads of a session with large weights; more of them wait for each other."""
LARGE_WEIGHTS = 4_000_000
"""Bytes of weights from which products are long enough for several threads; an encoder has more,
a classifier fewer."""
OPENING_SECONDS = 60.0
"""Time after which the opening of a session is given up."""
ARENAS = threading.Lock()
"""Held from the registration of an arena until the session has taken it."""
NO_WEIGHTS: Mapping[str, NDArray[np.float32]] = {}


def open_session(
    graph: bytes,
    *,
    optimize: bool = True,
    weights: Mapping[str, NDArray[np.float32]] = NO_WEIGHTS,
    memory: int | None = None,
) -> onnxruntime.InferenceSession:
    """Return a session that runs ``graph``, the bytes of an ONNX file.

    Each call uses one thread, so callers can process many sounds in parallel. With large
    ``weights``, a call uses further cores while they are idle.

    Parameters
    ----------
    optimize
        Whether onnxruntime folds constants and fuses nodes. A published model is folded already
        (:func:`ser._graph.compose`); repeating that would double its loading time.
    weights
        Values of the initializers whose data is outside ``graph``. The session does not copy them,
        so the caller must keep them as long as the session.
    memory
        Memory in bytes that all calls of the session may take together; ``None``: no limit.

    Raises
    ------
    ValueError
        ``graph`` is not an ONNX file that this version of onnxruntime runs, or takes too long.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if not optimize:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    # A memory pattern would be kept for each duration. The arena keeps the memory of the longest
    # chunk; without it, the system would clear that memory again for each sound, which takes a
    # quarter of the time.
    options.enable_mem_pattern = False
    large = sum(each.nbytes for each in weights.values()) >= LARGE_WEIGHTS
    options.intra_op_num_threads = min(os.cpu_count() or 1, MAX_THREADS) if large else 1
    options.log_severity_level = ERROR
    # The options refer to these values without owning them.
    values = {
        name: onnxruntime.OrtValue.ortvalue_from_numpy(each) for name, each in weights.items()
    }
    for name, value in values.items():
        options.add_initializer(name, value)
    if weights:
        # Otherwise each session would keep a rearranged copy of its weights.
        options.add_session_config_entry("session.disable_prepacking", "1")
        # Otherwise idle threads would take processor time from other calls.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    cancel = partial(options.set_load_cancellation_flag, True)
    try:
        with ARENAS if memory else nullcontext(), CLOCK.limit(OPENING_SECONDS, cancel):
            if memory:
                use_arena(options, memory)
            return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except runtime_errors() as error:
        raise ValueError(str(error)) from error


def use_arena(options: onnxruntime.SessionOptions, size: int) -> None:
    """Make the next session with ``options`` take its memory from an arena of ``size`` bytes."""
    import onnxruntime

    place = onnxruntime.OrtMemoryInfo(
        "Cpu", onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, onnxruntime.OrtMemType.DEFAULT
    )
    # It replaces the arena that was registered before, which its session keeps.
    onnxruntime.create_and_register_allocator(place, onnxruntime.OrtArenaCfg({"max_mem": size}))
    options.add_session_config_entry("session.use_env_allocators", "1")
    # The weights are bounded by the size of the file.
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
