"""The fit of the weights: a logistic regression on averages over the window of the detector."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detector.generated import Array, generated
from detector.recorded import excerpts, shortened, utterances, varied
from ser.sounds import speech as detector

COPIES = 3
"""Number of copies of each utterance in random conditions."""
PER_SPEECH, PER_GENERATED, PER_EXCERPT = 6, 20, 12
"""Number of random windows of each sound."""
WEIGHTS_FILE = Path(detector.__file__).with_name("_speech_weights.py")


class Weights(NamedTuple):
    """The result of the fit."""

    quantities: Array
    constant: float


def fit(archives: list[Path], folders: list[Path]) -> Weights:
    """Return the weights that separate the speech in ``archives`` from music and generated
    sounds. Both sides have the same total weight."""
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(1)
    spoken = list(windows(speech(archives, random), PER_SPEECH, random))
    made = windows((sound for _, sound in generated(80, seed=1)), PER_GENERATED, random)
    music = (excerpt for folder in folders for excerpt in excerpts(folder, each=10))
    other = [*made, *windows(music, PER_EXCERPT, random)]
    rows = np.concatenate([*spoken, *other])
    speaks = np.repeat([True, False], [sum(map(len, spoken)), sum(map(len, other))])
    deviation = rows.std(axis=0) + 1e-6
    # Without an intercept, a window without active frames has no evidence for either side.
    regression = LogisticRegression(
        C=0.1, max_iter=3000, class_weight="balanced", fit_intercept=False
    )
    regression.fit(rows / deviation, speaks)
    weights = regression.coef_[0] / deviation
    return Weights(weights[:-1], float(weights[-1]))


def speech(archives: list[Path], random: np.random.Generator) -> Iterator[Array]:
    """Yield the utterances, their copies, and short pieces."""
    for archive in archives:
        for signal in utterances(archive):
            yield signal
            for _ in range(COPIES):
                yield varied(signal, random)
            yield shortened(signal, random)
            yield shortened(varied(signal, random), random)


def windows(sounds: Iterable[Array], most: int, random: np.random.Generator) -> Iterator[Array]:
    """Yield averages around up to ``most`` random active frames of each sound."""
    for sound in sounds:
        levels, contours, pitch = detector.describe(np.asarray(sound, np.float32))
        loudest = detector.moving_maximum(levels, detector.REACH)
        active = detector.active_frames(levels, loudest)
        if not active.any():
            continue
        measured = detector.quantities(levels - loudest, contours, pitch)
        evidence = np.column_stack([measured, np.ones(len(measured))])
        count = detector.moving_sum(active, detector.HALF_WINDOW) + detector.PRIOR
        chosen = random.choice(np.flatnonzero(active), min(most, int(active.sum())), replace=False)
        yield np.stack(
            [
                detector.moving_sum(active * column, detector.HALF_WINDOW)[chosen] / count[chosen]
                for column in evidence.T
            ],
            axis=1,
        )


def write(weights: Weights) -> None:
    """Write ``weights`` to the module that the detector imports."""
    names = ["level", "level above", "periodicity", "flatness"]
    names += [f"band {number}" for number in range(1, detector.BANDS + 1)]
    table = weights.quantities[: -len(detector.PERIODICITIES) - 4].reshape(-1, len(names)).T
    rest = weights.quantities[table.size :]

    def row(values: Array) -> str:
        return "(" + ", ".join(f"{value:.4g}" for value in values) + "),"

    lines = [
        '"""Weights of the detector of speech, written by ``python -m detector fit``."""\n',
        "from __future__ import annotations\n",
        "import numpy as np\n",
        "CONTOURS = (",
        "    # the value, its square, and its change over 1, 2, 4, 8 frames of the",
        *(f"    {row(values)}  # {name}" for name, values in zip(names, table, strict=True)),
        ")",
        "PERIODICITIES = " + row(rest[: len(detector.PERIODICITIES)])[:-1],
        "# Two voiced frames in a row: the number of them, change, steadiness and jumps of pitch.",
        "PITCH = " + row(rest[len(detector.PERIODICITIES) :])[:-1],
        f"CONSTANT = {weights.constant:.4g}",
        "WEIGHTS = np.array(",
        "    [*np.transpose(CONTOURS).ravel(), *PERIODICITIES, *PITCH], np.float32",
        ")",
        '"""Weights in the order of :func:`ser.sounds.speech.quantities`, shape (weights,)."""',
    ]
    WEIGHTS_FILE.write_text("\n".join(lines) + "\n")
