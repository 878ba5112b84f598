"""The section ``features``: the speed of feature extraction on one thread."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np
import onnxruntime
from threadpoolctl import threadpool_limits

from benchmark.bench import Bench
from benchmark.contest import NotMeasuredError
from benchmark.rows import OURS, Row, Target
from benchmark.usual.main import extract
from ser.sounds import SAMPLING_RATE, Signal

SPEECH_SECONDS = 60
"""Duration of the extracted speech, in whole utterances of the corpus."""
ERROR = 3
"""Log level of onnxruntime; at the level below it warns of every optional input."""
COMPARE, EGEMAPS, LIBROSA = "ComParE_2016", "eGeMAPSv02", "librosa"
OPENSMILE = (COMPARE, EGEMAPS)

Extract = Callable[[Signal], object]


def rows() -> Iterator[Row]:
    """Yield the rows of the section."""
    unit = "× real time"
    targets = (Target(300), Target(7, over=COMPARE), Target(8, over=EGEMAPS))
    yield Row("Functionals", unit, targets, (OURS, *OPENSMILE, LIBROSA), more_is_better=True)
    yield Row("MFCC", unit, sides=(OURS, LIBROSA), more_is_better=True)
    yield Row("Encoder of the preset accurate", unit, more_is_better=True)


def measure(bench: Bench) -> None:
    """Measure the front-ends on the same utterances, in turn."""
    rows = bench.rows
    utterances = first_utterances(bench.speech.signals)
    front_ends: list[tuple[Row, str, Extract]] = [
        (rows["Functionals"], OURS, front_end(bench.recipe)),
        (rows["Functionals"], LIBROSA, usual_statistics),
        (rows["MFCC"], OURS, front_end(bench.yardstick.same_network)),
        (rows["MFCC"], LIBROSA, usual_front_end(bench.yardstick.usual)),
        *(
            (rows["Encoder of the preset accurate"], OURS, front_end(model))
            for model in bench.accurate
        ),
    ]
    with threadpool_limits(1):
        for *_, extract_features in front_ends:
            extract_features(utterances[0])
        for _ in range(bench.effort.runs):
            for row, side, extract_features in front_ends:
                row.note(times_real_time(extract_features, utterances), side)
            for feature_set, speed in opensmile_speeds(bench, duration(utterances)):
                rows["Functionals"].note(speed, feature_set)


def opensmile_speeds(bench: Bench, speech_seconds: float) -> Iterator[tuple[str, float]]:
    """Yield each of openSMILE's sets with its speed in one turn; nothing if it is missing."""
    try:
        turns = bench.turns
    except NotMeasuredError:
        return
    for feature_set in OPENSMILE:
        seconds = turns.ask(f"speed {SPEECH_SECONDS} {feature_set}")
        yield feature_set, speech_seconds / seconds


def first_utterances(signals: tuple[Signal, ...]) -> tuple[Signal, ...]:
    """Return the first of ``signals``, in all at most :data:`SPEECH_SECONDS` long."""
    lengths = accumulate(map(len, signals))
    return signals[: sum(length <= SPEECH_SECONDS * SAMPLING_RATE for length in lengths)]


def duration(utterances: tuple[Signal, ...]) -> float:
    """Return the duration of ``utterances`` in seconds."""
    return sum(map(len, utterances)) / SAMPLING_RATE


def front_end(model: Path) -> Extract:
    """Return the front-end of ``model``, a folder in our registry."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = ERROR
    session = onnxruntime.InferenceSession((model / "model.onnx").read_bytes(), options)
    return lambda signal: session.run(["features"], {"waveform": signal})


def usual_front_end(model: Path) -> Extract:
    """Return the front-end of ``model``, a folder of the usual function."""
    settings = json.loads((model / "settings.json").read_text())
    return lambda signal: extract(signal, settings)


def usual_statistics(signal: Signal) -> object:
    """Return the means that tutorials of speech emotion recognition compute with librosa: 40 MFCCs,
    chroma, mel bands, spectral contrast, and tonal centroids of the harmonic part."""
    import librosa

    # The tonal centroids are computed from octaves, of which the lowest have few samples.
    warnings.filterwarnings("ignore", message="n_fft=.* is too large")
    magnitudes = np.abs(librosa.stft(signal))
    harmonic = librosa.effects.harmonic(signal)
    sets = (
        librosa.feature.mfcc(y=signal, sr=SAMPLING_RATE, n_mfcc=40),
        librosa.feature.chroma_stft(S=magnitudes, sr=SAMPLING_RATE),
        librosa.feature.melspectrogram(y=signal, sr=SAMPLING_RATE),
        librosa.feature.spectral_contrast(S=magnitudes, sr=SAMPLING_RATE),
        librosa.feature.tonnetz(y=harmonic, sr=SAMPLING_RATE),
    )
    return np.concatenate([values.mean(axis=1) for values in sets])


def times_real_time(extract_features: Extract, utterances: tuple[Signal, ...]) -> float:
    """Return the duration of ``utterances`` divided by the processor time of their features."""
    start = time.thread_time()
    for utterance in utterances:
        extract_features(utterance)
    return duration(utterances) / (time.thread_time() - start)
