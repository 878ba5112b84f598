"""What a recipe is worth to speakers, and for texts, that it has never met."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser._progress import Report
from ser._speaker_profile import SpeakerProfile
from ser.dataset import Extracted, Extractor, Loaded, Sound, random_of
from ser.evaluation._degradation import DEGRADATIONS
from ser.evaluation._fold_classifiers import Judge
from ser.evaluation._metrics import metrics
from ser.evaluation._splits import Folds
from ser.parallel import THIS_MACHINE, Workers
from ser.sounds import holds_speech

Features = NDArray[np.float32]

ENROLLED = (5, 10, 20)
"""How many sounds of a speaker are enrolled."""
DRAWS = 5
"""How often they are drawn."""


class Worth(NamedTuple):
    """UARs of the same sounds."""

    enrolled: float
    """Of speakers who are known."""
    unknown: float
    """Of speakers of whom nothing is known."""


@dataclass(frozen=True)
class Examination:
    """The utterances of a corpus, each asked about by the judge of the fold that leaves it out."""

    loaded: Loaded
    extracted: Extracted
    folds: Folds
    judges: Mapping[str, Judge]
    notes: Sequence[str]
    """What was decided when the judges learned."""
    random_state: int
    workers: Workers = THIS_MACHINE

    def as_recorded(self) -> dict[str, Any]:
        """Return the metrics of the utterances as they are."""
        return self._metrics(self.extracted.features)

    def enrolled(self) -> list[dict[str, Any]]:
        """Return what it is worth to know the speaker; nothing where the judges take no profile.

        ``clips`` sounds are drawn at random of each speaker, and not judged; ``uar`` is the mean
        over ``draws``, ``deviation`` the standard deviation between them, ``without`` the mean for
        the very same sounds if nothing is known. With ``clips`` null all sounds of the speaker
        are known and all are judged: as far as enrolment can go.
        """
        if not all(judge.takes_profile for judge in self.judges.values()):
            return []
        random = np.random.default_rng(self.random_state)
        fewest = min(map(len, self.folds.values()))
        return [
            summary(clips, [self._enrolled_once(clips, random) for _ in range(DRAWS)])
            for clips in ENROLLED
            if clips < fewest
        ] + [summary(None, [self._worth(self.folds, unasked=frozenset())])]

    def degraded(self, report: Report) -> dict[str, dict[str, float]]:
        """Return, by degradation, the UAR of the utterances after it, and how much that loses."""
        extractor = Extractor(self.extracted.front_end, self.extracted.encoding)
        heard = self.workers.map(
            partial(after_degradations, extractor, self.random_state),
            self.loaded.sounds,
            by="threads",
            report=report,
        )
        whole, found = self.as_recorded()["uar"], {}
        for name, features in zip(DEGRADATIONS, zip(*heard, strict=True), strict=True):
            uar = self._metrics(features)["uar"]
            found[name] = {"uar": uar, "lost": whole - uar}
        return found

    def _enrolled_once(self, clips: int, random: np.random.Generator) -> Worth:
        enrolled = {
            speaker: frozenset(random.choice(sorted(names), clips, replace=False).tolist())
            for speaker, names in self.folds.items()
        }
        return self._worth(enrolled, unasked=frozenset().union(*enrolled.values()))

    def _worth(self, enrolled: Folds, unasked: frozenset[str]) -> Worth:
        """The UAR with the sounds ``enrolled`` of each speaker, and without them."""
        features = self.extracted.features
        return Worth(
            self._metrics(features, self._profiles(enrolled), unasked)["uar"],
            self._metrics(features, {}, unasked)["uar"],
        )

    def _profiles(self, enrolled: Folds) -> dict[str, SpeakerProfile]:
        """The profile of each speaker, by the sounds called so."""
        digest = self.extracted.digest
        heard = {
            utterance.name: SpeakerProfile.of(digest, features)
            for utterance, features in zip(
                self.loaded.utterances, self.extracted.features, strict=True
            )
        }
        return {
            speaker: SpeakerProfile.pooled([heard[name] for name in sorted(names)])
            for speaker, names in enrolled.items()
        }

    def _metrics(
        self,
        features: Sequence[Features | None],
        profiles: Mapping[str, SpeakerProfile] = MappingProxyType({}),
        unasked: Collection[str] = (),
    ) -> dict[str, Any]:
        fold_of = {name: fold for fold, names in self.folds.items() for name in names}
        alike = np.full(len(self.loaded.labels), 1 / len(self.loaded.labels), np.float32)
        asked, answers = [], []
        for utterance, sound in zip(self.loaded.utterances, features, strict=True):
            if utterance.name in unasked:
                continue
            fold = fold_of[utterance.name]
            asked.append(utterance)
            answers.append(
                # As a model does: what holds no speech is not guessed about.
                alike
                if sound is None
                else self.judges[fold].probabilities(sound, profiles.get(fold))
            )
        return metrics(self.loaded.labels, asked, np.stack(answers))


def after_degradations(
    extractor: Extractor, random_state: int, sound: Sound
) -> list[Features | None]:
    """Return the features of ``sound`` after each degradation; none where nothing is left."""
    degraded = [
        degrade(sound.signal, random_of(sound.utterance, random_state))
        for degrade in DEGRADATIONS.values()
    ]
    return [
        extractor.features(sound.utterance, signal) if holds_speech(signal) else None
        for signal in degraded
    ]


def summary(clips: int | None, worths: Sequence[Worth]) -> dict[str, Any]:
    uars = [worth.enrolled for worth in worths]
    return {
        "clips": clips,
        "draws": len(uars),
        "uar": float(np.mean(uars)),
        "deviation": float(np.std(uars, ddof=1)) if len(uars) > 1 else 0.0,
        "without": float(np.mean([worth.unknown for worth in worths])),
    }
