"""The signals of a corpus, decoded when they are used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ser import sounds as audio
from ser.corpora import Sources, StoredSound, Utterance
from ser.dataset._duplicates import SignalFacts, fingerprint
from ser.dataset._lazy import Lazy
from ser.errors import Conflict, InvalidInput, TooLarge
from ser.limits import UNLIMITED, Limit


class Recording(NamedTuple):
    """An utterance and its signal."""

    utterance: Utterance
    signal: audio.Signal
    """Samples, float32 of shape (samples,), mono, 16 kHz, read-only."""

    def read(self) -> Recording:
        """Return this recording, which is in memory."""
        return self


@dataclass(frozen=True)
class StoredRecording:
    """An utterance and the address of its sound.

    It can be pickled, and read on another machine that reaches the place.
    """

    utterance: Utterance
    sound: StoredSound
    facts: SignalFacts
    limit: Limit
    """The longest allowed duration of a sound in seconds."""

    def read(self) -> Recording:
        """Return the utterance with its signal.

        Raises
        ------
        Conflict
            The sound has changed since the corpus was loaded.
        """
        return Recording(self.utterance, self.read_file().signal)

    def read_file(self) -> SoundFile:
        """Return the file, whose sound is still the one that the facts describe.

        Raises
        ------
        Conflict
            The sound has changed since the corpus was loaded.
        """
        try:
            content = self.sound.read()
            signal = audio.read_sound(content, limit=self.limit)
        except (InvalidInput, TooLarge, FileNotFoundError) as error:
            raise changed(self.utterance) from error
        if fingerprint(signal) != self.facts.digest:
            raise changed(self.utterance)
        signal.setflags(write=False)
        return SoundFile(content, signal)


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
        return self.stored(index).read().signal

    def stored(self, index: int) -> StoredRecording:
        """Return an utterance with the address of its sound."""
        utterance = self._utterances[index]
        sound = self._sources.locate(utterance)
        return StoredRecording(utterance, sound, self._facts[index], self._limit)


class StoredRecordings(Lazy[StoredRecording | Recording]):
    """The utterances with the given indices, each with its address, or its signal in memory."""

    def __init__(
        self,
        utterances: Sequence[Utterance],
        signals: Sequence[audio.Signal],
        indices: Sequence[int],
    ) -> None:
        self._utterances, self._signals, self._indices = utterances, signals, indices

    def __len__(self) -> int:
        return len(self._indices)

    def _element(self, index: int) -> StoredRecording | Recording:
        chosen = self._indices[index]
        if isinstance(self._signals, Signals):
            return self._signals.stored(chosen)
        return Recording(self._utterances[chosen], self._signals[chosen])


class Recordings(Lazy[Recording]):
    """The utterances of ``stored`` with their signals."""

    def __init__(self, stored: Sequence[StoredRecording | Recording]) -> None:
        self._stored = stored

    def __len__(self) -> int:
        return len(self._stored)

    def _element(self, index: int) -> Recording:
        return self._stored[index].read()


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
    return StoredRecording(utterance, sources.locate(utterance), facts, limit).read_file()


def changed(utterance: Utterance) -> Conflict:
    """Return the error for an utterance whose file is not the one that was loaded."""
    return Conflict(
        f"the sound {str(utterance.file)!r} has changed since the corpus was loaded; "
        "allowed: files that stay as they are until the training has ended."
    )
