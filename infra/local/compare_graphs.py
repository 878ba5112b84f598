"""Processor time of the graphs of this clone against those of a commit, on one thread.

``EMODB_ZIP=<archive> python infra/local/compare_graphs.py <commit>`` prints, for 3, 10 and 30 s of
speech, how many times as long the graphs of the commit take. Both analyse the same speech in turn
in one process, so the load of the machine changes the ratio little.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime

from ser._sessions import open_session
from ser._weights import take_weights
from ser.sounds import SAMPLING_RATE, Signal, read_sound
from stack import ROOT

SECONDS = {3: 60, 10: 20, 30: 8}
"""Durations of the speech, and how often each graph analyses it."""
BUILD = """
import sys
from pathlib import Path
import numpy as np
import spox.opset.ai.onnx.v17 as op
from spox import Tensor, argument, build
from ser.frontends import FrontEnds
from ser.frontends._encoder_input import log_mel
from ser.frontends._features import build_analysis
from ser.registry import READY_FOLDER

folder = Path(sys.argv[1])
for name, level in (("Functionals", "functionals"), ("MFCC", "descriptors")):
    analysis = build_analysis(FrontEnds.parse({name: {}}), level)
    (folder / f"{name}.onnx").write_bytes(analysis.graph)
waveform = argument(Tensor(np.float32, ("samples",)))
levels = log_mel(op.unsqueeze(waveform, op.const(np.array([0]))))
model = build({"waveform": waveform}, {"rows": levels})
(folder / "log-mel.onnx").write_bytes(model.SerializeToString())
(folder / "model ready.onnx").write_bytes((READY_FOLDER / "model.onnx").read_bytes())
"""
"""The program that writes the graphs of the sources on its path."""


def main(commit: str, archive: str) -> None:
    """Print a row for each graph."""
    speech = read_speech(archive)
    with tempfile.TemporaryDirectory() as place:
        old, new = Path(place, "old"), Path(place, "new")
        write_graphs(sources_of(commit, Path(place)), old)
        write_graphs(ROOT / "shared", new)
        for file in sorted(new.glob("*.onnx")):
            sessions = [open_graph(folder / file.name) for folder in (old, new)]
            times = [
                compare(sessions, np.resize(speech, seconds * SAMPLING_RATE), runs)
                for seconds, runs in SECONDS.items()
            ]
            columns = [f"{then:.2f}, {now:.2f} ms, {ratio:.2f}" for then, now, ratio in times]
            print(f"| {file.stem} | {' | '.join(columns)} |", flush=True)


def sources_of(commit: str, place: Path) -> Path:
    """Return the folder of the library in ``commit``, extracted to ``place``."""
    archive = place / "sources.zip"
    git = shutil.which("git") or sys.exit("git is missing")
    subprocess.run(
        [git, "archive", "--format=zip", f"--output={archive}", commit, "shared"],
        cwd=ROOT,
        check=True,
    )
    shutil.unpack_archive(archive, place)
    return place / "shared"


def read_speech(archive: str) -> Signal:
    """Return the first utterances of ``archive`` in one signal."""
    with zipfile.ZipFile(archive) as corpus:
        names = sorted(name for name in corpus.namelist() if name.endswith(".wav"))[:12]
        return np.concatenate([read_sound(corpus.read(name)) for name in names])


def write_graphs(sources: Path, folder: Path) -> None:
    """Write the graphs of ``sources`` to ``folder``."""
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(sources)}
    subprocess.run([sys.executable, "-c", BUILD, folder], env=environment, check=True)


def open_graph(file: Path) -> onnxruntime.InferenceSession:
    """Return a session as ``predict`` opens it; both sides get the same options."""
    graph, weights = take_weights(file.read_bytes())
    KEPT.append(weights)
    return open_session(graph, weights=weights)


def compare(
    sessions: list[onnxruntime.InferenceSession], signal: Signal, runs: int
) -> tuple[float, float, float]:
    """Return the processor time of both sessions in milliseconds, and their ratio."""
    times: list[list[float]] = [[] for _ in sessions]
    for turn in range(runs + 2):
        for session, found in zip(sessions, times, strict=True):
            start = time.process_time()
            session.run([session.get_outputs()[0].name], {"waveform": signal})
            if turn >= 2:
                found.append(1000 * (time.process_time() - start))
    first, second = map(median, times)
    return first, second, first / second


KEPT: list[object] = []
"""The weights that open sessions refer to."""

if __name__ == "__main__":
    if len(sys.argv) != 2 or not os.environ.get("EMODB_ZIP"):
        sys.exit("EMODB_ZIP=<archive> python infra/local/compare_graphs.py <commit>")
    main(sys.argv[1], os.environ["EMODB_ZIP"])
