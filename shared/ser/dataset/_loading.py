"""Loading of the files of a corpus as signals in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from ser import sounds as audio
from ser._labels import Label
from ser._progress import Progress, ProgressCallback, ignore_progress, ignore_share, step
from ser._schemas import as_json_types, convert
from ser.corpora import (
    CorpusChoice,
    CorpusPart,
    Inventory,
    LabelRule,
    Provenance,
    Rejection,
    Sources,
    Utterance,
)
from ser.dataset._duplicates import Recording, distinct
from ser.errors import InvalidInput, TooLarge, within
from ser.limits import NO_LIMITS, UNLIMITED, Limit, Limits

SplitAt = Literal["min", "max", "avg"] | int | None

FULL_SCALE = 10 ** (-0.1 / 20)
"""Highest peak of a normalised corpus: 0.1 dB below full scale."""


@dataclass(frozen=True, kw_only=True)
class LoadedCorpus:
    """The signals of a corpus, and the settings for cutting and amplifying them. Immutable."""

    name: str
    """Name of the corpus, such as ``emodb``, or of all corpora, such as ``emodb + ravdess``."""
    provenance: Provenance
    """Origin and checksum of all files."""
    parts: tuple[CorpusPart, ...] = ()
    """The corpora with sounds that can be used."""
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
    """Notes for the user on the recognition of the corpus and on its sounds."""
    chunk_samples: int | None = None
    """Length of a chunk in samples; ``None``: utterances stay whole."""
    gain: float = 1.0
    """Factor by which all signals are multiplied."""

    @property
    def recordings(self) -> list[Recording]:
        """The utterances with their signals."""
        return [*map(Recording, self.utterances, self.signals)]

    @property
    def by_source(self) -> list[list[int]]:
        """Indices of the utterances of each source."""
        source_of = {part.name: part.source for part in self.parts}
        found: list[list[int]] = [[] for _ in range(1 + max(source_of.values(), default=0))]
        for index, utterance in enumerate(self.utterances):
            found[source_of.get(utterance.corpus, 0)].append(index)
        return found


def load_corpus(
    sources: Sources,
    *,
    corpus: CorpusChoice | str | Mapping[str, str] = "auto",
    labels: LabelRule | None = None,
    split_at: SplitAt = "min",
    normalize: bool = True,
    force: bool = False,
    limits: Limits = NO_LIMITS,
    progress: Progress = ignore_progress,
) -> LoadedCorpus:
    """Return the corpora of ``sources`` as signals, with the length of the chunks and the gain.

    Parameters
    ----------
    corpus, labels
        As for :class:`~ser.dataset.Dataset`.
    split_at, normalize
        As for :meth:`~ser.dataset.Dataset.load`.
    force
        Whether to fetch and unpack kept files again, and to remove kept features.

    Raises
    ------
    SerError
        ``sources`` cannot be fetched or unpacked; any kind of error.
    InvalidInput
        ``sources`` contain no utterance of ``corpus``, ``labels`` name no label, or ``split_at``
        exceeds the longest utterance.
    """
    inventory = sources.inventory(
        sources.obtain(force=force, on_progress=step(progress, "download")),
        corpus=parse_choice(corpus),
        labels=labels,
        on_progress=step(progress, "extract"),
    )
    decoded = decode_utterances(
        inventory, sources, limit=limits.audio_seconds, on_progress=step(progress, "load")
    )
    return cut_and_amplify(decoded, split_at, normalize)


def parse_choice(corpus: CorpusChoice | str | Mapping[str, str]) -> CorpusChoice:
    """Return ``corpus`` as a choice; the location of a fault begins with ``corpus``."""
    with within("corpus"):
        return CorpusChoice.parse(corpus)


def parse_rule(labels: object) -> LabelRule | None:
    """Return ``labels`` as a rule; the location of a fault begins with ``labels``."""
    with within("labels"):
        rule: LabelRule | None = convert(as_json_types(labels), LabelRule | None)
        return rule


def decode_utterances(
    inventory: Inventory,
    sources: Sources,
    *,
    limit: Limit = UNLIMITED,
    on_progress: ProgressCallback = ignore_share,
) -> LoadedCorpus:
    """Return the utterances of ``inventory`` whose sounds can be used, with their signals.

    Copies of a sound are left out as :func:`~ser.dataset._duplicates.distinct` finds them.

    Raises
    ------
    InvalidInput
        No sound can be used.
    """
    recordings: list[Recording] = []
    rejected = list(inventory.rejected)
    for done, utterance in enumerate(inventory.utterances, start=1):
        try:
            signal = audio.read_sound(sources.read(utterance), limit=limit)
            recordings.append(Recording(utterance, read_only(audio.require_sound(signal))))
        except (InvalidInput, TooLarge) as error:
            rejected.append(Rejection(str(utterance.file), error.detail))
        on_progress(done / len(inventory.utterances))
    found = distinct(recordings, {label.code: label.name for label in inventory.labels})
    rejected += found.rejected
    if not found.recordings:
        with within("source"):
            raise InvalidInput(
                f"no utterance can be used; {rejected[-1].file}: {rejected[-1].reason}"
            )
    codes = {utterance.code for utterance, _ in found.recordings}
    corpora = {utterance.corpus for utterance, _ in found.recordings}
    return LoadedCorpus(
        name=inventory.name,
        provenance=inventory.provenance,
        parts=tuple(part for part in inventory.parts if corpora & {part.name, ""}),
        utterances=tuple(utterance for utterance, _ in found.recordings),
        signals=tuple(signal for _, signal in found.recordings),
        labels=tuple(label for label in inventory.labels if label.code in codes),
        rejected=tuple(rejected),
        notes=(*inventory.notes, *found.notes),
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
