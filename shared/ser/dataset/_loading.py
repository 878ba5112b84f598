"""Loading of the files of a corpus as signals in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np

from ser import sounds as audio
from ser._labels import Label
from ser._progress import Progress, ProgressCallback, ignore_progress, ignore_share, step
from ser.corpora import (
    CorpusChoice,
    CorpusFiles,
    Provenance,
    Rejection,
    Table,
    Utterance,
    is_utf8,
    recognise,
)
from ser.errors import InvalidInput, TooLarge, within
from ser.limits import NO_LIMITS, UNLIMITED, Limit, Limits

SplitAt = Literal["min", "max", "avg"] | int | None

FULL_SCALE = 10 ** (-0.1 / 20)
"""Highest peak of a normalised corpus: 0.1 dB below full scale."""


class Recording(NamedTuple):
    """An utterance and its signal."""

    utterance: Utterance
    signal: audio.Signal
    """Samples, float32 of shape (samples,), mono, 16 kHz, read-only."""


@dataclass(frozen=True, kw_only=True)
class LoadedCorpus:
    """The signals of a corpus, and the settings for cutting and amplifying them. Immutable."""

    name: str
    """Name of the corpus, such as ``emodb``."""
    provenance: Provenance
    """Origin and checksum of the files."""
    utterances: tuple[Utterance, ...]
    """The utterances whose sounds can be used, sorted by name."""
    signals: tuple[audio.Signal, ...] = field(repr=False)
    """Signal of each utterance, float32 of shape (samples,), mono, 16 kHz, read-only, before the
    gain."""
    labels: tuple[Label, ...]
    """The emotions of the utterances, in the order of their classes."""
    rejected: tuple[Rejection, ...]
    """The sounds that cannot be used, each with the reason."""
    notes: tuple[str, ...] = ()
    """Notes for the user on the recognition of the corpus."""
    chunk_samples: int | None = None
    """Length of a chunk in samples; ``None``: utterances stay whole."""
    gain: float = 1.0
    """Factor by which all signals are multiplied."""

    @property
    def recordings(self) -> list[Recording]:
        """The utterances with their signals."""
        return [*map(Recording, self.utterances, self.signals)]


def load_corpus(
    files: CorpusFiles,
    *,
    corpus: CorpusChoice | str | Mapping[str, str] = "auto",
    split_at: SplitAt = "min",
    normalize: bool = True,
    force: bool = False,
    limits: Limits = NO_LIMITS,
    progress: Progress = ignore_progress,
) -> LoadedCorpus:
    """Return the corpus in ``files`` as signals, with the length of the chunks and the gain.

    Parameters
    ----------
    corpus
        As for :class:`~ser.dataset.Dataset`.
    split_at, normalize
        As for :meth:`~ser.dataset.Dataset.load`.
    force
        Whether to fetch and unpack kept files again, and to remove kept features.

    Raises
    ------
    SerError
        ``files`` cannot be fetched or unpacked; any kind of error.
    InvalidInput
        ``files`` contain no utterance of ``corpus``, or ``split_at`` exceeds the longest one.
    """
    choice = parse_choice(corpus)
    provenance = files.obtain(force=force, on_progress=step(progress, "download"))
    table = read_table(files, choice, on_progress=step(progress, "extract"))
    decoded = decode_utterances(
        table, files, provenance, limit=limits.audio_seconds, on_progress=step(progress, "load")
    )
    return cut_and_amplify(decoded, split_at, normalize)


def parse_choice(corpus: CorpusChoice | str | Mapping[str, str]) -> CorpusChoice:
    """Return ``corpus`` as a choice; the location of a fault begins with ``corpus``."""
    with within("corpus"):
        return corpus if isinstance(corpus, CorpusChoice) else CorpusChoice.parse(corpus)


def read_table(
    files: CorpusFiles, requested: CorpusChoice, *, on_progress: ProgressCallback = ignore_share
) -> Table:
    """Return the utterances among ``files``, which must be available on this machine."""
    choice = files.choice(requested)
    return files.inspect(
        lambda folder, sounds: recognise(
            sounds, choice.corpora(folder, [*filter(is_utf8, sounds)])
        ),
        on_progress=on_progress,
    )


def decode_utterances(
    table: Table,
    files: CorpusFiles,
    provenance: Provenance,
    *,
    limit: Limit = UNLIMITED,
    on_progress: ProgressCallback = ignore_share,
) -> LoadedCorpus:
    """Return the utterances of ``table`` whose sounds can be used, with their signals.

    Raises
    ------
    InvalidInput
        No sound can be used.
    """
    recordings, rejected = [], list(table.rejected)
    for done, utterance in enumerate(table.utterances, start=1):
        try:
            signal = audio.read_sound(files.read(utterance.file), limit=limit)
            recordings.append(Recording(utterance, read_only(audio.require_sound(signal))))
        except (InvalidInput, TooLarge) as error:
            rejected.append(Rejection(str(utterance.file), error.detail))
        on_progress(done / len(table.utterances))
    if not recordings:
        with within("source"):
            raise InvalidInput(
                f"no utterance can be decoded; {rejected[-1].file}: {rejected[-1].reason}"
            )
    codes = {utterance.code for utterance, _ in recordings}
    return LoadedCorpus(
        name=table.corpus.name,
        provenance=provenance,
        utterances=tuple(utterance for utterance, _ in recordings),
        signals=tuple(signal for _, signal in recordings),
        labels=tuple(label for label in table.corpus.labels if label.code in codes),
        rejected=tuple(rejected),
        notes=table.notes,
    )


def read_only(array: audio.Signal) -> audio.Signal:
    """Return ``array`` after making it read-only."""
    array.setflags(write=False)
    return array


def cut_and_amplify(loaded: LoadedCorpus, split_at: SplitAt, normalize: bool) -> LoadedCorpus:
    """Return ``loaded`` with the length of its chunks and its gain set.

    Raises
    ------
    InvalidInput
        ``split_at`` is longer than the longest utterance.
    """
    return replace(
        loaded,
        chunk_samples=chunk_length(split_at, loaded.signals),
        gain=FULL_SCALE / highest_peak(loaded.signals) if normalize else 1.0,
    )


def highest_peak(signals: Iterable[audio.Signal]) -> float:
    """Return the highest absolute value of all ``signals``."""
    return max(float(np.abs(signal).max()) for signal in signals)


def chunk_length(split_at: SplitAt, signals: Sequence[audio.Signal]) -> int | None:
    """Return the length of a chunk in samples for ``split_at``; ``None``: utterances stay whole."""
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
