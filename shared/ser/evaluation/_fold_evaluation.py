"""Cross-validation: a classifier that was fitted without a fold predicts its utterances."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ser._progress import ProgressCallback
from ser._speaker_profile import SpeakerProfile
from ser.classifiers import Block, Table
from ser.corpora import Utterance
from ser.dataset import (
    ExtractedCorpus,
    Extractor,
    LoadedCorpus,
    Recording,
    StoredRecording,
    random_generator,
    training_rows,
)
from ser.evaluation._degradation import DEGRADATIONS, Degradation
from ser.evaluation._families import left_out_importance
from ser.evaluation._fold_classifiers import FoldClassifier
from ser.evaluation._heard import HEARD
from ser.evaluation._intervals import metrics_with_intervals
from ser.evaluation._metrics import Metrics, metrics
from ser.evaluation._splits import Folds
from ser.parallel import THIS_MACHINE, Workers

FeatureMatrix = NDArray[np.float32]
Probabilities = NDArray[np.float32]

ENROLLED = (5, 10, 20)
"""Numbers of enrolled sounds per speaker."""
DRAWS = 5
"""Number of random draws of the enrolled sounds."""


class EnrolmentEffect(NamedTuple):
    """The UAR on the same sounds, with and without enrolment."""

    enrolled: float
    not_enrolled: float


@dataclass(frozen=True)
class FoldEvaluation:
    """The utterances of a corpus and, for each fold, a classifier fitted without that fold."""

    loaded: LoadedCorpus
    extracted: ExtractedCorpus
    folds: Folds
    classifiers: Mapping[str, FoldClassifier]
    """The classifier of each fold, by the name of the fold."""
    notes: Sequence[str]
    """Decisions taken during the trainings of the classifiers."""
    random_state: int
    workers: Workers = THIS_MACHINE

    fold_of: Mapping[str, str] = field(init=False, repr=False)
    """The fold of each utterance, by the name of the utterance."""

    def __post_init__(self) -> None:
        fold_of = {name: fold for fold, names in self.folds.items() for name in names}
        object.__setattr__(self, "fold_of", MappingProxyType(fold_of))

    def probabilities(self) -> Probabilities:
        """Return the probabilities of the utterances, float32 of shape (utterances, classes)."""
        rows = training_rows(self.loaded, self.extracted)
        folds = [self.fold_of[utterance.name] for utterance in self.loaded.utterances]
        answers = rows.sum(LeftOutAnswers(self.classifiers, folds))
        return np.stack([answers[index] for index in range(len(folds))])

    def family_importance(self) -> dict[str, Any]:
        """Return the recall lost without each family of features, as the entry ``families``."""
        return left_out_importance(
            self.classifiers,
            [self.fold_of[utterance.name] for utterance in self.loaded.utterances],
            self.loaded.labels,
            self.extracted.feature_names,
            training_rows(self.loaded, self.extracted),
            self.random_state,
        )

    @property
    def speakers(self) -> Folds:
        """The names of the utterances of each speaker; a fold may have several speakers."""
        speakers = sorted({utterance.speaker for utterance in self.loaded.utterances})
        return {
            speaker: frozenset(u.name for u in self.loaded.utterances if u.speaker == speaker)
            for speaker in speakers
        }

    def recorded_metrics(self) -> Metrics:
        """Return the metrics on the utterances as recorded, not degraded, with intervals."""
        return metrics_with_intervals(
            self.loaded.labels, self.loaded.utterances, self.probabilities()
        )

    def enrolment_effects(self) -> list[dict[str, Any]]:
        """Return the UAR with enrolled sounds; empty if a classifier does not use profiles.

        Of each speaker, ``clips`` random sounds are enrolled, and all others are predicted. ``uar``
        is the mean over ``draws`` draws, ``deviation`` the standard deviation between them, and
        ``without`` the mean on the same sounds without enrolment. If ``clips`` is null, all sounds
        of a speaker are enrolled and predicted, which is an upper bound for enrolment.
        """
        if not all(classifier.takes_profile for classifier in self.classifiers.values()):
            return []
        random = np.random.default_rng(self.random_state)
        smallest = min(map(len, self.speakers.values()))
        return [
            summarise(clips, [self._draw_and_enrol(clips, random) for _ in range(DRAWS)])
            for clips in ENROLLED
            if clips < smallest
        ] + [summarise(None, [self._effect(self.speakers, skipped=frozenset())])]

    def degradation_effects(self, on_progress: ProgressCallback) -> dict[str, dict[str, float]]:
        """Return the UAR after each degradation, and the loss relative to the original sounds."""
        return self._effects_of(DEGRADATIONS, on_progress)

    def duration_effects(self, on_progress: ProgressCallback) -> dict[str, dict[str, float]]:
        """Return the UAR on the beginnings of the utterances, and the loss relative to the whole
        ones; a shorter utterance is heard whole."""
        return self._effects_of(HEARD, on_progress)

    def _effects_of(
        self, changes: Mapping[str, Degradation], on_progress: ProgressCallback
    ) -> dict[str, dict[str, float]]:
        extractor = Extractor(self.extracted.front_end, self.extracted.encoding)
        streamed = self.workers.stream(
            partial(changed_features, changes, extractor, self.random_state),
            self.loaded.stored_recordings(),
            by="threads",
            on_progress=on_progress,
        )
        with closing(streamed) as features:
            answers = [
                [self._predict_one(utterance, changed) for changed in each]
                for utterance, each in zip(self.loaded.utterances, features, strict=True)
            ]
        original, found = self.recorded_metrics()["uar"], {}
        for name, changed in zip(changes, zip(*answers, strict=True), strict=True):
            uar = metrics(self.loaded.labels, self.loaded.utterances, np.stack(changed))["uar"]
            found[name] = {"uar": uar, "lost": original - uar}
        return found

    def _draw_and_enrol(self, clips: int, random: np.random.Generator) -> EnrolmentEffect:
        enrolled = {
            speaker: frozenset(random.choice(sorted(names), clips, replace=False).tolist())
            for speaker, names in self.speakers.items()
        }
        return self._effect(enrolled, skipped=frozenset().union(*enrolled.values()))

    def _effect(self, enrolled: Folds, skipped: frozenset[str]) -> EnrolmentEffect:
        """Return the UAR with and without enrolment of the sounds ``enrolled``, by speaker."""
        return EnrolmentEffect(
            enrolled=self._uar(self._profiles(enrolled), skipped),
            not_enrolled=self._uar({}, skipped),
        )

    def _profiles(self, enrolled: Folds) -> dict[str, SpeakerProfile]:
        """Return the profile of each speaker from the utterances ``enrolled``."""
        index_of = {u.name: index for index, u in enumerate(self.loaded.utterances)}
        features, digest = self.extracted.features, self.extracted.digest
        return {
            speaker: SpeakerProfile.pooled(
                [SpeakerProfile.of(digest, features[index_of[name]]) for name in sorted(names)]
            )
            for speaker, names in enrolled.items()
        }

    def _uar(self, profiles: Mapping[str, SpeakerProfile], skipped: Collection[str]) -> float:
        """Return the UAR on all utterances but those ``skipped``, with profiles of speakers."""
        utterances, answers = [], []
        for utterance, features in self._utterances_with_features():
            if utterance.name not in skipped:
                utterances.append(utterance)
                answers.append(self._predict_one(utterance, features, profiles))
        return metrics(self.loaded.labels, utterances, np.stack(answers))["uar"]

    def _utterances_with_features(self) -> Iterator[tuple[Utterance, FeatureMatrix]]:
        return zip(self.loaded.utterances, self.extracted.features, strict=True)

    def _predict_one(
        self,
        utterance: Utterance,
        features: FeatureMatrix | None,
        profiles: Mapping[str, SpeakerProfile] = MappingProxyType({}),
    ) -> Probabilities:
        """Return the probabilities of ``utterance``, with the profile of its speaker.

        ``features`` are ``None`` for a sound without speech.
        """
        if features is None:
            # As in the graph of a model: without speech all classes are equally probable.
            classes = len(self.loaded.labels)
            return np.full(classes, 1 / classes, np.float32)
        classifier = self.classifiers[self.fold_of[utterance.name]]
        return classifier.probabilities(features, profiles.get(utterance.speaker))


@dataclass(frozen=True)
class LeftOutAnswers:
    """The probabilities of recordings by the classifiers that were fitted without them."""

    classifiers: Mapping[str, FoldClassifier]
    folds: Sequence[str]
    """The fold of each utterance."""

    def __call__(self, block: Block) -> Table[int, Probabilities]:
        X, utterances, _ = block.recorded
        starts = np.flatnonzero(np.diff(utterances, prepend=-1))
        return Table(
            {
                index: self.classifiers[self.folds[index]].probabilities(features)
                for index, features in zip(
                    utterances[starts].tolist(), np.split(X, starts[1:]), strict=True
                )
            }
        )


def changed_features(
    changes: Mapping[str, Degradation],
    extractor: Extractor,
    random_state: int,
    recording: StoredRecording | Recording,
) -> list[FeatureMatrix | None]:
    """Return the features of ``recording`` after each of ``changes``; ``None`` without speech."""
    utterance, signal = recording.read()
    changed = [
        change(signal, random_generator(utterance, random_state)) for change in changes.values()
    ]
    return [extractor.features_of_speech(utterance, each) for each in changed]


def summarise(clips: int | None, effects: Sequence[EnrolmentEffect]) -> dict[str, Any]:
    """Return mean and standard deviation of the UAR over the draws of ``clips`` sounds."""
    uars = [effect.enrolled for effect in effects]
    return {
        "clips": clips,
        "draws": len(uars),
        "uar": float(np.mean(uars)),
        "deviation": float(np.std(uars, ddof=1)) if len(uars) > 1 else 0.0,
        "without": float(np.mean([effect.not_enrolled for effect in effects])),
    }
