"""From the files of a corpus to signals in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import numpy as np

from ser import sounds as audio
from ser._labels import Label
from ser._progress import Report
from ser.corpora import Rejection, Table, Utterance
from ser.errors import InvalidInput, TooLarge, within
from ser.limits import Limit

SplitAt = Literal["min", "max", "avg"] | int | None

FULL_SCALE = 10 ** (-0.1 / 20)
"""The level that normalising raises the highest peak to: full scale less 0.1 dB."""


class Sound(NamedTuple):
    """An utterance as it is heard."""

    utterance: Utterance
    signal: audio.Signal


class Loaded(NamedTuple):
    """The sounds of a corpus, ready to be cut into chunks."""

    utterances: tuple[Utterance, ...]
    signals: tuple[audio.Signal, ...]
    labels: tuple[Label, ...]
    """The emotions that occur, in the order of their classes."""
    chunk_samples: int | None
    """Length of a chunk; ``None``: utterances stay whole."""
    gain: float
    rejected: tuple[Rejection, ...]

    @property
    def sounds(self) -> list[Sound]:
        """The utterances with their signals."""
        return [*map(Sound, self.utterances, self.signals)]


def decode(
    table: Table, read: Callable[[Utterance], bytes], *, limit: Limit, report: Report
) -> Loaded:
    """Return the sounds of ``table`` that can be heard, whole and as loud as they are.

    Raises
    ------
    InvalidInput
        There are none.
    """
    utterances, signals, rejected = [], [], list(table.rejected)
    for done, utterance in enumerate(table.utterances, start=1):
        try:
            signal = audio.read_sound(read(utterance), limit=limit)
            signals.append(audio.require_speech(signal))
            utterances.append(utterance)
        except (InvalidInput, TooLarge) as error:
            rejected.append(Rejection(str(utterance.file), error.detail))
        report(done / len(table.utterances))
    if not utterances:
        with within("remote_url"):
            raise InvalidInput(
                f"no utterance can be decoded; {rejected[-1].file}: {rejected[-1].reason}"
            )
    codes = {utterance.code for utterance in utterances}
    return Loaded(
        utterances=tuple(utterances),
        signals=tuple(signals),
        labels=tuple(label for label in table.corpus.labels if label.code in codes),
        chunk_samples=None,
        gain=1.0,
        rejected=tuple(rejected),
    )


def cut_and_amplified(loaded: Loaded, split_at: SplitAt, normalize: bool) -> Loaded:
    """Return ``loaded`` with the length of its chunks and the gain that are asked for.

    Raises
    ------
    InvalidInput
        ``split_at`` is longer than the longest utterance.
    """
    return loaded._replace(
        chunk_samples=chunk_samples(split_at, loaded.signals),
        gain=FULL_SCALE / peak(loaded.signals) if normalize else 1.0,
    )


def peak(signals: Iterable[audio.Signal]) -> float:
    """Return the highest absolute value of all ``signals``."""
    return max(float(np.abs(signal).max()) for signal in signals)


def chunk_samples(split_at: SplitAt, signals: Iterable[audio.Signal]) -> int | None:
    """Return the length of a chunk in samples that ``split_at`` means for ``signals``."""
    if split_at is None:
        return None
    lengths = [len(signal) for signal in signals]
    if not isinstance(split_at, int):
        mean = sum(lengths) / len(lengths)
        return {"min": min(lengths), "max": max(lengths), "avg": round(mean)}[split_at]
    longest = 1000 * max(lengths) // audio.SAMPLING_RATE
    if split_at > longest:
        with within("dataset_load_split_at"):
            raise InvalidInput(
                f"{split_at} ms; allowed: at most {longest} ms, the longest utterance"
            )
    return split_at * audio.SAMPLING_RATE // 1000
