"""Nobody is asked about what he has learned from, and nothing enrolled is judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
import pytest
from numpy.typing import NDArray
from ser.evaluation._examination import DRAWS, Examination

from ser._graph import front_end_model
from ser._metadata import MetadataEncoding
from ser._progress import silent
from ser._speaker_profile import SpeakerProfile
from ser.classifiers import Origins
from ser.corpora import Utterance
from ser.corpora.grammars.emodb import LABELS, parse
from ser.dataset import Extracted, Loaded, TrainingRows
from ser.evaluation import Folds, speaker_folds
from ser.frontends import FrontEnds

SPEAKERS = ("03", "08", "09")
OF_EACH = 12
NOTHING = MetadataEncoding({})
Features = NDArray[np.float32]


def utterances() -> Iterator[Utterance]:
    for speaker in SPEAKERS:
        for number in range(OF_EACH):
            code = LABELS[number % 3].code
            yield parse(PurePosixPath(f"{speaker}a01{code}{chr(97 + number)}.wav"))


class Witness:
    """A judge that remembers what it was asked: by their only feature, which sounds."""

    takes_profile = True

    def __init__(self) -> None:
        self.asked: list[tuple[int, int | None, float | None]] = []

    def probabilities(self, features: Features, profile: SpeakerProfile | None = None) -> Features:
        count = profile.count if profile else None
        mean = float(profile.inputs()["speaker_mean"][0]) if profile else None
        self.asked.append((int(features[0, 0]), count, mean))
        return np.asarray(np.eye(len(LABELS), dtype=np.float32)[0])


@pytest.fixture
def witnesses() -> dict[str, Witness]:
    return {speaker: Witness() for speaker in SPEAKERS}


@pytest.fixture
def examination(witnesses: dict[str, Witness]) -> Examination:
    spoken = tuple(utterances())
    front_end = front_end_model(
        FrontEnds.parse({"MFCC": {"num_cepstral": 1}}),
        chunk_samples=4000,
        gain=1.0,
        encoding=NOTHING,
    )
    tone = np.sin(2 * np.pi * 440 / 16_000 * np.arange(4000)).astype(np.float32)
    features = tuple(np.full((1, 1), index, np.float32) for index in range(len(spoken)))
    folds: Folds = speaker_folds(spoken)
    return Examination(
        loaded=Loaded(spoken, tuple(tone for _ in spoken), LABELS, 4000, 1.0, ()),
        extracted=Extracted(front_end, NOTHING, ("x",), features, tuple(() for _ in spoken)),
        folds=folds,
        judges=witnesses,  # type: ignore[arg-type]
        notes=[],
        random_state=0,
    )


def names_of(examination: Examination, indices: set[int]) -> set[str]:
    return {examination.loaded.utterances[index].name for index in indices}


def test_each_judge_is_asked_about_its_own_fold_alone(
    examination: Examination, witnesses: dict[str, Witness]
) -> None:
    examination.as_recorded()
    for speaker, witness in witnesses.items():
        asked = Counter(index for index, *_ in witness.asked)
        assert set(asked.values()) == {1}
        assert names_of(examination, set(asked)) == examination.folds[speaker]


def test_what_is_enrolled_is_not_judged_and_makes_the_profile(
    examination: Examination, witnesses: dict[str, Witness]
) -> None:
    found = examination.enrolled()
    assert [each["clips"] for each in found] == [5, 10, None]
    own = {speaker: range(n * OF_EACH, (n + 1) * OF_EACH) for n, speaker in enumerate(SPEAKERS)}
    for speaker, witness in witnesses.items():
        for clips in (5, 10):
            asked = [(index, mean) for index, count, mean in witness.asked if count == clips]
            assert len(asked) == DRAWS * (OF_EACH - clips)
            for draw in range(DRAWS):
                left = asked[draw * (OF_EACH - clips) : (draw + 1) * (OF_EACH - clips)]
                enrolled = set(own[speaker]) - {index for index, _ in left}
                assert len(enrolled) == clips
                for _, mean in left:
                    assert mean == pytest.approx(np.mean(list(enrolled)))
        everything = [index for index, count, _ in witness.asked if count == OF_EACH]
        assert everything == list(own[speaker])


def test_what_holds_no_speech_is_not_guessed_about(
    examination: Examination, witnesses: dict[str, Witness]
) -> None:
    loud = examination.loaded.signals
    faint = tuple(signal * np.float32(0.00056) for signal in loud)  # -68 dBFS
    quiet = Examination(
        examination.loaded._replace(signals=faint),
        examination.extracted,
        examination.folds,
        examination.judges,
        [],
        0,
    )
    found = quiet.degraded(silent)
    # As recorded, and after each degradation but one: 12 dB below, nothing is loud enough.
    assert "gain -12 dB" in found
    asked = sum(len(witness.asked) for witness in witnesses.values())
    assert asked == len(loud) * (1 + len(found) - 1)


def test_rows_left_out_leave_with_their_copies() -> None:
    names = np.array(["a", "a", "b", "b", "c"])
    origins = Origins(np.array(["1", "1", "1", "1", "2"]), names, np.array([0, 1, 0, 1, 0]))
    rows = TrainingRows(np.arange(5, dtype=np.float32)[:, None], np.arange(5), origins)
    X, y, (speakers, kept, variants) = rows.without({"a", "c"})
    assert X.ravel().tolist() == y.tolist() == [2, 3]
    assert kept.tolist() == ["b", "b"]
    assert (speakers.tolist(), variants.tolist()) == (["1", "1"], [0, 1])
