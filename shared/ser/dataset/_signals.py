"""The signals of a corpus, decoded when they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ser import sounds as audio
from ser.corpora import Sources, Utterance
from ser.dataset._duplicates import SignalFacts, fingerprint
from ser.dataset._lazy import Lazy
from ser.errors import Conflict, InvalidInput, TooLarge
from ser.limits import UNLIMITED, Limit


class Recording(NamedTuple):
    """An utterance and its signal."""

    utterance: Utterance
    signal: audio.Signal
    """Samples, float32 of shape (samples,), mono, 16 kHz, read-only."""


class Signals(Lazy[audio.Signal]):
    """The signals of utterances, which are read and decoded each time they are used.

    The files are not locked, so each signal is compared with the one that the facts describe. An
    element raises :class:`Conflict` if its sound has changed since.

    Parameters
    ----------
    sources
        The files of the utterances.
    utterances, facts
        The utterances, and the facts about the signal of each.
    limit
        The longest allowed duration of a sound in seconds.
    """

    def __init__(
        self,
        sources: Sources,
        utterances: Sequence[Utterance],
        facts: Sequence[SignalFacts],
        limit: Limit,
    ) -> None:
        self._sources, self._limit = sources, limit
        self._utterances, self._facts = utterances, facts

    def __len__(self) -> int:
        return len(self._utterances)

    def _element(self, index: int) -> audio.Signal:
        utterance, facts = self._utterances[index], self._facts[index]
        return read_unchanged(self._sources, utterance, facts, self._limit).signal


class Recordings(Lazy[Recording]):
    """The utterances with the given indices, each with its signal."""

    def __init__(
        self,
        utterances: Sequence[Utterance],
        signals: Sequence[audio.Signal],
        indices: Sequence[int],
    ) -> None:
        self._utterances, self._signals, self._indices = utterances, signals, indices

    def __len__(self) -> int:
        return len(self._indices)

    def _element(self, index: int) -> Recording:
        chosen = self._indices[index]
        return Recording(self._utterances[chosen], self._signals[chosen])


class SoundFile(NamedTuple):
    """The file of an utterance, and its signal."""

    content: bytes
    signal: audio.Signal
    """As that of a :class:`Recording`."""


def read_unchanged(
    sources: Sources, utterance: Utterance, facts: SignalFacts, limit: Limit = UNLIMITED
) -> SoundFile:
    """Return the file of ``utterance``, whose sound is still the one that ``facts`` describe.

    Raises
    ------
    Conflict
        The sound has changed since the corpus was loaded.
    """
    try:
        content = sources.read(utterance)
        signal = audio.read_sound(content, limit=limit)
    except (InvalidInput, TooLarge, FileNotFoundError) as error:
        raise changed(utterance) from error
    if fingerprint(signal) != facts.digest:
        raise changed(utterance)
    signal.setflags(write=False)
    return SoundFile(content, signal)


def changed(utterance: Utterance) -> Conflict:
    """Return the error for an utterance whose file is not the one that was loaded."""
    return Conflict(
        f"the sound {str(utterance.file)!r} has changed since the corpus was loaded; "
        "allowed: files that stay as they are until the training has ended."
    )
