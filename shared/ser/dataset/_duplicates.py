"""Recordings that a corpus contains more than once, whatever their names."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ser.corpora import Rejection, Utterance
from ser.sounds import SAMPLING_RATE, Signal

STEPS = 2**15
"""Steps between silence and full scale to which samples are rounded before they are compared."""


class SignalFacts(NamedTuple):
    """The facts about a signal that a corpus keeps in memory."""

    samples: int
    """Length in samples."""
    peak: float
    """Highest absolute value."""
    digest: bytes
    """The :func:`fingerprint`."""
    recorded_at: int
    """Sampling rate of the recording in Hz, before it was resampled."""

    @classmethod
    def of(cls, signal: Signal, recorded_at: int = SAMPLING_RATE) -> SignalFacts:
        """Return the facts about ``signal``, float32 of shape (samples,)."""
        return cls(len(signal), float(np.abs(signal).max()), fingerprint(signal), recorded_at)


class Decoded(NamedTuple):
    """An utterance, and the facts about its signal."""

    utterance: Utterance
    facts: SignalFacts


class DistinctRecordings(NamedTuple):
    """The recordings of a corpus without copies of one another."""

    recordings: list[Decoded]
    """The recordings to use, in their order."""
    rejected: list[Rejection]
    """The copies, and the recordings with contradictory labels."""
    notes: list[str]
    """Notes for the user on the rejected recordings."""


def distinct(recordings: Sequence[Decoded], names: Mapping[str, str]) -> DistinctRecordings:
    """Return ``recordings`` without copies; ``names`` has the name of each label by its code.

    Recordings are the same if their signals agree in every sample, rounded to 16 bits. Lossless
    copies in another container, of another sample format or with equal channels are found. Copies
    that were compressed with loss (MP3, OGG), resampled, amplified or trimmed are not.

    The first of several copies is used. If their labels differ, none is used, since it is unknown
    which of the labels is right.
    """
    groups: dict[bytes, list[Decoded]] = defaultdict(list)
    for recording in recordings:
        groups[recording.facts.digest].append(recording)
    copied = [group for group in groups.values() if len(group) > 1]
    contradictory = [group for group in copied if len({r.utterance.code for r in group}) > 1]
    agreeing = [group for group in copied if len({r.utterance.code for r in group}) == 1]
    rejected = [
        *(rejection for group in agreeing for rejection in reject_copies(group)),
        *(rejection for group in contradictory for rejection in reject_all(group, names)),
    ]
    unused = {rejection.file for rejection in rejected}
    return DistinctRecordings(
        [each for each in recordings if str(each.utterance.file) not in unused],
        rejected,
        [*note_copies(agreeing), *note_contradictions(contradictory), *note_speakers(agreeing)],
    )


def fingerprint(signal: Signal) -> bytes:
    """Return a digest of ``signal`` that is the same for all lossless copies of it."""
    steps = np.rint(signal * np.float32(STEPS)) + np.float32(0)  # The sum turns -0 into 0.
    return hashlib.sha256(steps.data).digest()


def reject_copies(group: Sequence[Decoded]) -> Iterable[Rejection]:
    """Return a rejection for each recording of ``group`` except the first."""
    kept, *copies = (recording.utterance for recording in group)
    return [Rejection(str(copy.file), f"the same sound as {kept.file}") for copy in copies]


def reject_all(group: Sequence[Decoded], names: Mapping[str, str]) -> Iterable[Rejection]:
    """Return a rejection for each recording of ``group``, whose labels contradict each other."""
    labels = " and ".join(sorted({names[each.utterance.code] for each in group}))
    files = [str(recording.utterance.file) for recording in group]
    return [
        Rejection(
            file,
            f"the same sound as {next(other for other in files if other != file)}, under another "
            f"label ({labels}); allowed: one label for a sound",
        )
        for file in files
    ]


def note_copies(groups: Sequence[Sequence[Decoded]]) -> list[str]:
    """Return a note that counts the copies in ``groups``; no note without copies."""
    if copies := sum(len(group) - 1 for group in groups):
        return [f"copies of other sounds: {copies}; each sound is used once, see rejected"]
    return []


def note_contradictions(groups: Sequence[Sequence[Decoded]]) -> list[str]:
    """Return a note that counts the recordings in ``groups``; no note without any."""
    if contradictions := sum(map(len, groups)):
        return [f"sounds under two labels or more: {contradictions}; none is used, see rejected"]
    return []


def note_speakers(groups: Sequence[Sequence[Decoded]]) -> list[str]:
    """Return a note that names speakers with common sounds; no note without any."""
    shared = {frozenset(each.utterance.speaker for each in group) - {""} for group in groups}
    pairs = sorted(" and ".join(sorted(speakers)) for speakers in shared if len(speakers) > 1)
    if pairs:
        return [f"speakers with the same sound, perhaps one person: {', '.join(pairs)}"]
    return []
