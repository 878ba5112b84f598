"""Loading of a corpus: the first of two passes over its sounds, which finds facts about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, NamedTuple

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
    StoredSound,
    Utterance,
)
from ser.dataset._duplicates import Decoded, SignalFacts, distinct
from ser.dataset._lazy import Lazy
from ser.dataset._signals import (
    Recording,
    Recordings,
    Signals,
    StoredRecording,
    StoredRecordings,
)
from ser.errors import InvalidInput, RemoteFailed, TooLarge, within
from ser.limits import NO_LIMITS, Limit, Limits
from ser.parallel import THIS_MACHINE, UnusableCluster, Workers, this_worker

SplitAt = Literal["min", "max", "avg"] | int | None

FULL_SCALE = 10 ** (-0.1 / 20)
"""Highest peak of a normalised corpus: 0.1 dB below full scale."""


@dataclass(frozen=True, kw_only=True)
class LoadedCorpus:
    """The utterances of a corpus, and the settings for cutting and amplifying their signals.

    Signals are not held in memory: they are decoded each time they are used. Immutable.
    """

    name: str
    """Name of the corpus, such as ``emodb``, or of all corpora, such as ``emodb + ravdess``."""
    provenance: Provenance
    """Origin and checksum of all files."""
    parts: tuple[CorpusPart, ...] = ()
    """The corpora with sounds that can be used."""
    utterances: tuple[Utterance, ...]
    """The utterances whose sounds can be used, sorted by name."""
    facts: tuple[SignalFacts, ...] = field(repr=False)
    """Length, peak and digest of the signal of each utterance."""
    signals: Sequence[audio.Signal] = field(repr=False)
    """Signal of each utterance, float32 of shape (samples,), mono, 16 kHz, read-only, before the
    gain. An element is decoded when it is used, and raises :class:`~ser.errors.Conflict` if its
    sound has changed since the corpus was loaded."""
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
    def recordings(self) -> Sequence[Recording]:
        """The utterances with their signals, which are decoded when they are used."""
        return Recordings(self.stored_recordings())

    def stored_recordings(
        self, indices: Sequence[int] | None = None
    ) -> Sequence[StoredRecording | Recording]:
        """Return the utterances with the given indices, each with the address of its sound.

        Default: all utterances. An element can be read by a worker on another machine.
        """
        chosen = range(len(self.utterances)) if indices is None else indices
        return StoredRecordings(self.utterances, self.signals, chosen)

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
    workers: Workers = THIS_MACHINE,
    progress: Progress = ignore_progress,
) -> LoadedCorpus:
    """Return the corpora of ``sources``, with the length of the chunks and the gain.

    All sounds are decoded once, to find faults, copies, durations and peaks.

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
        inventory,
        sources,
        limits=limits,
        workers=workers,
        on_progress=step(progress, "load"),
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
    limits: Limits = NO_LIMITS,
    workers: Workers = THIS_MACHINE,
    on_progress: ProgressCallback = ignore_share,
) -> LoadedCorpus:
    """Return the utterances of ``inventory`` whose sounds can be used.

    Copies of a sound are left out as :func:`~ser.dataset._duplicates.distinct` finds them.

    Raises
    ------
    InvalidInput
        No sound can be used.
    TooLarge
        The sounds are longer than ``limits`` allow.
    UnusableCluster
        A worker cannot read a sound that this process can read.
    """
    rejected, decoded = [*inventory.rejected], []
    limit, hours = limits.audio_seconds, limits.corpus_hours
    left = hours.value * 3600 * audio.SAMPLING_RATE
    located = Located(sources, inventory.utterances)
    work = partial(inspect, limit)
    with closing(workers.stream(work, located, by="threads", on_progress=on_progress)) as outcomes:
        for utterance, outcome in zip(inventory.utterances, outcomes, strict=True):
            if isinstance(outcome, SignalFacts):
                decoded.append(Decoded(utterance, outcome))
                left -= outcome.samples
                if left < 0:
                    raise TooLarge(
                        f"the sounds of {inventory.name} are longer than {hours.value:g} hours in "
                        f"total; allowed: {hours}"
                    )
                continue
            if outcome.worker:
                require_equal_access(sources.locate(utterance), outcome)
            rejected.append(Rejection(str(utterance.file), outcome.reason))
    found = distinct(decoded, {label.code: label.name for label in inventory.labels})
    rejected += found.rejected
    if not found.recordings:
        with within("source"):
            raise InvalidInput(
                f"no utterance can be used; {rejected[-1].file}: {rejected[-1].reason}"
            )
    utterances = tuple(utterance for utterance, _ in found.recordings)
    facts = tuple(facts for _, facts in found.recordings)
    codes, corpora = {u.code for u in utterances}, {u.corpus for u in utterances}
    return LoadedCorpus(
        name=inventory.name,
        provenance=inventory.provenance,
        parts=tuple(part for part in inventory.parts if corpora & {part.name, ""}),
        utterances=utterances,
        facts=facts,
        signals=Signals(sources, utterances, facts, limit),
        labels=tuple(label for label in inventory.labels if label.code in codes),
        rejected=tuple(rejected),
        notes=(*inventory.notes, *found.notes),
    )


class Located(Lazy[StoredSound]):
    """The addresses of the sounds of ``utterances``."""

    def __init__(self, sources: Sources, utterances: Sequence[Utterance]) -> None:
        self._sources, self._utterances = sources, utterances

    def __len__(self) -> int:
        return len(self._utterances)

    def _element(self, index: int) -> StoredSound:
        return self._sources.locate(self._utterances[index])


class Flaw(NamedTuple):
    """The reason not to use a sound."""

    reason: str
    worker: str = ""
    """The worker of a cluster that cannot read the file; empty for other reasons."""


def inspect(limit: Limit, sound: StoredSound) -> SignalFacts | Flaw:
    """Return the facts about the signal of ``sound``, or the reason not to use it."""
    worker = this_worker()
    try:
        content = sound.read()
    except InvalidInput as error:
        return Flaw(error.detail, worker.address if worker else "")
    except RemoteFailed as error:
        if worker is None:
            raise
        return Flaw(error.detail, worker.address)
    try:
        signal = audio.require_sound(audio.read_sound(content, limit=limit))
        return SignalFacts.of(signal, audio.file_sampling_rate(content))
    except (InvalidInput, TooLarge) as error:
        return Flaw(error.detail)


def require_equal_access(sound: StoredSound, flaw: Flaw) -> None:
    """Raise :class:`UnusableCluster` if this process can read ``sound``, but a worker cannot.

    Raises
    ------
    RemoteFailed
        This process cannot read it now either.
    """
    try:
        sound.read()
    except InvalidInput:
        return
    raise unreachable(flaw.worker, flaw.reason)


def unreachable(worker: str, reason: str) -> UnusableCluster:
    """Return the error for a worker that cannot read a sound of the corpus."""
    return UnusableCluster(
        f"the Dask worker {worker} cannot read a sound of the corpus: {reason}; allowed: a bucket, "
        "with the AWS_ variables that reach it in the environment of every worker; or a folder, or "
        "an archive and a data_path, that all workers have under the same path"
    )


def cut_and_amplify(loaded: LoadedCorpus, split_at: SplitAt, normalize: bool) -> LoadedCorpus:
    """Return ``loaded`` with the length of its chunks and its gain set.

    Raises
    ------
    InvalidInput
        ``split_at`` is longer than the longest utterance.
    """
    return replace(
        loaded,
        chunk_samples=chunk_length(split_at, [facts.samples for facts in loaded.facts]),
        gain=FULL_SCALE / max(facts.peak for facts in loaded.facts) if normalize else 1.0,
    )


def chunk_length(split_at: SplitAt, lengths: Sequence[int]) -> int | None:
    """Return the length of a chunk in samples, given the lengths of all signals.

    ``None``: utterances stay whole.
    """
    if split_at is None:
        return None
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
