"""Runs of encoders whose behaviour is unknown, within limits on time and memory."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import onnx

from ser._schemas import shortened
from ser.errors import InvalidInput, within

MAX_GRAPH_BYTES = 500_000_000
"""Maximum size of the part of an encoder that is used. Building a model takes nine times that in
memory."""
MAX_MEMORY = 4_000_000_000
"""Maximum memory of a run in bytes."""
MAX_SECONDS = 120.0
"""Maximum time of all runs of an encoder, including the start of their process."""
MAX_ERROR = 1e-2
"""Maximum difference that a conversion may make, relative to the deviation of the values."""
SCRIPT = Path(__file__).with_name("_trial_process.py")


class Run(NamedTuple):
    """The result of a run on an input of one length."""

    length: int
    """Length of the input."""
    shapes: list[list[int]]
    """Shape of each output."""


def require_size(model: onnx.ModelProto) -> None:
    """Raise :class:`InvalidInput` if ``model`` is too large to build a model from."""
    size = model.ByteSize()
    if size > MAX_GRAPH_BYTES:
        raise InvalidInput(
            f"the part of the encoder in front of the output has {size:,} bytes; "
            f"allowed: {MAX_GRAPH_BYTES:,}"
        )


def folded(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` with its constant expressions evaluated.

    Raises
    ------
    InvalidInput
        onnxruntime cannot open the model, or takes too much time or memory.
    """
    with process(model, None, []) as (folder, _):
        optimized = onnx.load(folder / "folded.onnx")
    # onnxruntime declares every operator set that it supports; the model still uses its own.
    del optimized.opset_import[:]
    optimized.opset_import.extend(model.opset_import)
    return optimized


def try_lengths(
    model: onnx.ModelProto,
    original: onnx.ModelProto | None,
    outputs: Sequence[str],
    shapes: Sequence[Sequence[int]],
) -> list[Run]:
    """Return the results of ``model`` for noise of each of ``shapes``, the time last.

    A run that fails is left out, but the last one must not fail.

    Parameters
    ----------
    original
        A model whose outputs must be the same; ``None``: there is none.

    Raises
    ------
    InvalidInput
        The runs take too much time or memory, the last one fails, or an output is not float32 of
        shape (1, frames, features) with finite values equal to those of ``original``. The location
        of a fault is ``source`` or ``output``.
    """
    with within("source"), process(model, original, shapes) as (_, answers):
        if "failure" in answers[-1]:
            raise InvalidInput(
                f"the encoder fails on an input of shape {(*shapes[-1],)}: "
                f"{shortened(' '.join(answers[-1]['failure'].split()), 300)}; "
                "allowed: an encoder that accepts it"
            )
    runs = []
    for shape, answer in zip(shapes, answers, strict=True):
        if "outputs" in answer:
            for name, facts in zip(outputs, answer["outputs"], strict=True):
                refuse_output(shortened(name), facts)
            runs.append(Run(shape[-1], [facts["shape"] for facts in answer["outputs"]]))
    return runs


@contextmanager
def process(
    model: onnx.ModelProto, original: onnx.ModelProto | None, shapes: Sequence[Sequence[int]]
) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
    """Yield the folder and the answers of a process that has run ``model``."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "encoder.onnx").write_bytes(model.SerializeToString())
        if original is not None:
            (folder / "original.onnx").write_bytes(original.SerializeToString())
        request = json.dumps({"memory": MAX_MEMORY, "shapes": shapes})
        try:
            done = subprocess.run(
                [sys.executable, "-P", str(SCRIPT), request],
                cwd=folder,
                capture_output=True,
                timeout=MAX_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise InvalidInput(
                f"the encoder runs for more than {MAX_SECONDS:g} s; allowed: less"
            ) from error
        if done.returncode:
            last = " ".join(done.stderr.decode(errors="replace").split())[-300:]
            raise InvalidInput(
                f"the encoder cannot run: its process ended with code {done.returncode} ({last}); "
                f"allowed: an encoder that runs in {MAX_MEMORY:,} bytes of memory"
            )
        yield folder, [json.loads(line) for line in done.stdout.splitlines()]


def refuse_output(name: str, facts: dict[str, Any]) -> None:
    """Raise :class:`InvalidInput` unless an output is of use."""
    shape = tuple(facts["shape"])
    if facts["type"] != "float32" or len(shape) != 3 or shape[0] != 1 or 0 in shape:
        with within("output"):
            raise InvalidInput(
                f"{name!r} is {facts['type']} of shape {shape}; "
                "allowed: float32 of shape (1, frames, features)"
            )
    if not facts["finite"]:
        with within("output"):
            raise InvalidInput(f"{name!r} has values that are not finite; allowed: finite values")
    if facts["error"] > MAX_ERROR:
        with within("source"):
            raise InvalidInput(
                f"converting its opset changes {name!r} by {facts['error']:.2g} of its deviation; "
                f"allowed: at most {MAX_ERROR:g}, such as by an encoder exported with the opset 17"
            )
