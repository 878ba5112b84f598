"""No classifier predicts utterances that it was fitted to; enrolled sounds are not predicted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import made
from ser._graph import front_end_model
from ser._metadata import MetadataEncoding
from ser._progress import ignore_share
from ser._speaker_profile import SpeakerProfile
from ser.corpora import Provenance, Utterance
from ser.corpora.grammars.emodb import LABELS, parse
from ser.dataset import ExtractedCorpus, LoadedCorpus, StoredFeatures
from ser.evaluation import FoldEvaluation, speaker_folds
from ser.frontends import FrontEnds

SPEAKERS = ("03", "08", "09")
DRAWS = 5
OF_EACH = 12
NOTHING = MetadataEncoding({})
Features = NDArray[np.float32]


def utterances() -> Iterator[Utterance]:
    for speaker in SPEAKERS:
        for number in range(OF_EACH):
            code = LABELS[number % 3].code
            yield parse(PurePosixPath(f"{speaker}a01{code}{chr(97 + number)}.wav"))


class RecordingClassifier:
    """A fold's classifier that records its calls; the only feature is the index of the sound."""

    takes_profile = True

    def __init__(self) -> None:
        self.asked: list[tuple[int, int | None, float | None]] = []

    def probabilities(
        self, features: Features, profile: SpeakerProfile | None = None, domain: None = None
    ) -> Features:
        del domain
        count = profile.count if profile else None
        mean = float(profile.inputs()["speaker_mean"][0]) if profile else None
        self.asked.append((int(features[0, 0]), count, mean))
        return np.asarray(np.eye(len(LABELS), dtype=np.float32)[0])


@pytest.fixture
def classifiers() -> dict[str, RecordingClassifier]:
    return {speaker: RecordingClassifier() for speaker in SPEAKERS}


@pytest.fixture
def evaluation(classifiers: dict[str, RecordingClassifier]) -> FoldEvaluation:
    spoken = tuple(utterances())
    front_end = front_end_model(
        FrontEnds.parse({"MFCC": {"num_cepstral": 1}}),
        chunk_samples=4000,
        gain=1.0,
        encoding=NOTHING,
    )
    tone = np.sin(2 * np.pi * 440 / 16_000 * np.arange(4000)).astype(np.float32)
    features = [[np.full((1, 1), index, np.float32)] for index in range(len(spoken))]
    return FoldEvaluation(
        loaded=LoadedCorpus(
            name="emodb",
            provenance=Provenance("emodb.zip", "", "", 0),
            utterances=spoken,
            facts=(),
            signals=tuple(tone for _ in spoken),
            labels=LABELS,
            rejected=(),
            chunk_samples=4000,
        ),
        extracted=ExtractedCorpus(
            front_end=front_end.SerializeToString(),
            encoding=NOTHING,
            feature_names=("x",),
            stored=StoredFeatures.of(features),
        ),
        folds=speaker_folds(spoken),
        classifiers=classifiers,  # type: ignore[arg-type]
        notes=[],
        random_state=0,
    )


def names_of(evaluation: FoldEvaluation, indices: set[int]) -> set[str]:
    return {evaluation.loaded.utterances[index].name for index in indices}


def test_each_classifier_predicts_the_utterances_of_its_own_fold_only(
    evaluation: FoldEvaluation, classifiers: dict[str, RecordingClassifier]
) -> None:
    evaluation.recorded_metrics()
    for speaker, classifier in classifiers.items():
        asked = Counter(index for index, *_ in classifier.asked)
        assert set(asked.values()) == {1}
        assert names_of(evaluation, set(asked)) == evaluation.folds[speaker]


def test_enrolled_sounds_make_the_profile_and_are_not_predicted(
    evaluation: FoldEvaluation, classifiers: dict[str, RecordingClassifier]
) -> None:
    found = evaluation.enrolment_effects()
    assert [each["clips"] for each in found] == [5, 10, None]
    own = {speaker: range(n * OF_EACH, (n + 1) * OF_EACH) for n, speaker in enumerate(SPEAKERS)}
    for speaker, classifier in classifiers.items():
        for clips in (5, 10):
            asked = [(index, mean) for index, count, mean in classifier.asked if count == clips]
            assert len(asked) == DRAWS * (OF_EACH - clips)
            for draw in range(DRAWS):
                left = asked[draw * (OF_EACH - clips) : (draw + 1) * (OF_EACH - clips)]
                enrolled = set(own[speaker]) - {index for index, _ in left}
                assert len(enrolled) == clips
                for _, mean in left:
                    assert mean == pytest.approx(np.mean(list(enrolled)))
        everything = [index for index, count, _ in classifier.asked if count == OF_EACH]
        assert everything == list(own[speaker])


def test_speakers_of_one_fold_are_enrolled_one_by_one(
    evaluation: FoldEvaluation, classifiers: dict[str, RecordingClassifier]
) -> None:
    folds = speaker_folds(evaluation.loaded.utterances, 2)
    assert list(folds) == ["03 + 09", "08"]
    by_fold: Any = {"03 + 09": classifiers["03"], "08": classifiers["08"]}
    replace(evaluation, folds=folds, classifiers=by_fold).enrolment_effects()
    assert not classifiers["09"].asked
    for speaker, fold in zip(range(3), ("03", "08", "03"), strict=True):
        own = range(speaker * OF_EACH, (speaker + 1) * OF_EACH)
        asked = [call for call in classifiers[fold].asked if call[0] in own]
        means = [mean for _, count, mean in asked if count == OF_EACH]
        assert means == [pytest.approx(np.mean(own))] * OF_EACH


def test_a_sound_without_speech_is_not_given_to_a_classifier(
    evaluation: FoldEvaluation, classifiers: dict[str, RecordingClassifier]
) -> None:
    voice = np.resize(made.signal("03a01Wa.wav"), 8000)
    tones = evaluation.loaded.signals
    signals = (voice, *tones[1:])
    mixed = replace(evaluation, loaded=replace(evaluation.loaded, signals=signals))
    found = mixed.degradation_effects(ignore_share)
    # All as recorded, and only the voice, not the tones, after each degradation.
    asked = sum(len(classifier.asked) for classifier in classifiers.values())
    assert asked == len(tones) + len(found)
