"""Trainings on one corpus are asked about another; unlabelled sounds are not predicted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from ser._labels import Label
from ser._metadata import MetadataEncoding
from ser.corpora import Provenance, Utterance
from ser.dataset import ExtractedCorpus, LoadedCorpus, StoredFeatures
from ser.evaluation import (
    OTHERS,
    UNLABELLED,
    TransferEvaluation,
    left_out_trials,
    matrix_lines,
    transfer_cells,
)

Features = NDArray[np.float32]
EMOTIONS = ("anger", "fear", "neutral")
CORPORA = {"one": EMOTIONS, "two": EMOTIONS, "three": ("anger", "neutral")}
SPEAKERS = 3
OF_EACH = 4
"""Utterances of each speaker and emotion."""


def utterances(corpora: Mapping[str, tuple[str, ...]] = CORPORA) -> tuple[Utterance, ...]:
    spoken = [
        Utterance(
            name=f"{corpus}_{speaker}{emotion}{take}.wav",
            file=f"{corpus}/{speaker}{emotion}{take}.wav",  # type: ignore[arg-type]
            code=emotion,
            speaker=f"{corpus}:{speaker}",
            gender="",
            text="",
            corpus=corpus,
        )
        for corpus, emotions in corpora.items()
        for speaker in range(SPEAKERS)
        for emotion in emotions
        for take in range(OF_EACH)
    ]
    return tuple(sorted(spoken, key=lambda u: u.name))


@dataclass
class Classifier:
    """A classifier that knows the utterance by its only feature, and records what it is asked.

    It is right about every sound, but only with unlabelled sounds of the domain.
    """

    classes: list[str]
    spoken: tuple[Utterance, ...]
    takes_domain: bool = True
    asked: list[tuple[int, int, float]] = field(default_factory=list)

    def probabilities(
        self, features: Features, profile: None = None, domain: Any = None
    ) -> Features:
        assert profile is None
        given: Any = domain.inputs() if domain else {"domain_count": 0, "domain_mean": [0]}
        index = int(features[0, 0])
        self.asked.append((index, int(given["domain_count"]), float(given["domain_mean"][0])))
        right = self.classes.index(self.spoken[index].code)
        answer = right if domain else (right + 1) % len(self.classes)
        return np.asarray(np.eye(len(self.classes), dtype=np.float32)[answer])


def evaluation(spoken: tuple[Utterance, ...], *, takes_domain: bool = True) -> TransferEvaluation:
    trials = [*left_out_trials(spoken).values()]
    trials += [trial for cell in transfer_cells(spoken) for trial in cell.trials]
    code_of = {utterance.name: utterance.code for utterance in spoken}
    emotions = sorted({utterance.code for utterance in spoken})
    return TransferEvaluation(
        loaded=LoadedCorpus(
            name="all",
            provenance=Provenance("all.zip", "", "", 0),
            utterances=spoken,
            facts=(),
            signals=(),
            labels=tuple(Label(emotion, emotion, emotion) for emotion in emotions),
            rejected=(),
            chunk_samples=None,
        ),
        extracted=ExtractedCorpus(
            front_end=b"",
            encoding=MetadataEncoding({}),
            feature_names=("x",),
            stored=StoredFeatures.of(
                [[np.full((1, 1), index, np.float32)] for index in range(len(spoken))]
            ),
        ),
        classifiers={
            trial.trained_on: Classifier(  # type: ignore[misc]
                sorted({code_of[name] for name in trial.trained_on}), spoken, takes_domain
            )
            for trial in trials
        },
        random_state=0,
    )


def test_each_pair_of_corpora_has_a_training_without_the_test_corpus() -> None:
    spoken = utterances()
    corpus_of = {utterance.name: utterance.corpus for utterance in spoken}
    cells = {(cell.train, cell.test): cell for cell in transfer_cells(spoken)}
    assert set(cells) == {(a, b) for a in (*CORPORA, OTHERS) for b in CORPORA}
    for (train, test), cell in cells.items():
        for trial in cell.trials:
            assert {corpus_of[name] for name in trial.tested_on} == {test}
            trained_on = {corpus_of[name] for name in trial.trained_on}
            assert trained_on == ({*CORPORA} - {test} if train == OTHERS else {train})
            assert trial.trained_on.isdisjoint(trial.tested_on)


def test_a_pair_is_limited_to_the_emotions_that_both_have() -> None:
    spoken = utterances()
    code_of = {utterance.name: utterance.code for utterance in spoken}
    cells = {(cell.train, cell.test): cell for cell in transfer_cells(spoken)}
    for pair in (("one", "three"), ("three", "one"), (OTHERS, "three")):
        (trial,) = cells[pair].trials
        for names in trial:
            assert {code_of[name] for name in names} == {"anger", "neutral"}
    assert cells[OTHERS, "one"].codes == {*EMOTIONS}


def test_speakers_are_left_out_on_the_diagonal() -> None:
    spoken = utterances()
    speaker_of = {utterance.name: utterance.speaker for utterance in spoken}
    cells = {(cell.train, cell.test): cell for cell in transfer_cells(spoken)}
    trials = cells["one", "one"].trials
    assert len(trials) == SPEAKERS
    for trial in trials:
        assert {speaker_of[n] for n in trial.trained_on}.isdisjoint(
            speaker_of[n] for n in trial.tested_on
        )
    grouped = {(cell.train, cell.test): cell for cell in transfer_cells(spoken, 2)}
    assert len(grouped["one", "one"].trials) == 2


def test_pairs_without_two_common_emotions_and_lone_speakers_have_no_cell() -> None:
    spoken = utterances({"one": ("anger", "fear"), "two": ("anger", "neutral")})
    assert {(cell.train, cell.test) for cell in transfer_cells(spoken)} == {
        ("one", "one"),
        ("two", "two"),
    }
    alone = tuple(
        msgspec.structs.replace(u, speaker="one:0") if u.corpus == "one" else u for u in spoken
    )
    assert [(cell.train, cell.test) for cell in transfer_cells(alone)] == [("two", "two")]
    assert transfer_cells([u for u in spoken if u.corpus == "one"]) == []


def test_unlabelled_sounds_make_the_domain_and_are_not_predicted() -> None:
    spoken = utterances()
    tested = evaluation(spoken)
    cell = next(c for c in transfer_cells(spoken) if (c.train, c.test) == ("one", "two"))
    figures = tested.figures_of(cell)
    assert (figures.uar, figures.utterances) == (0, 36)
    adapted = figures.adapted
    assert adapted
    assert (adapted.sounds, adapted.uar, adapted.without) == (UNLABELLED, 1, 0)
    assert adapted.ece == pytest.approx(0)
    classifier = tested.classifiers[cell.trials[0].trained_on]
    own = {index for index, u in enumerate(spoken) if u.corpus == "two"}
    by_mean: dict[float, set[int]] = {}
    for index, count, mean in classifier.asked:  # type: ignore[attr-defined]
        if count:
            assert count == UNLABELLED
            by_mean.setdefault(mean, set()).add(index)
    assert len(by_mean) == adapted.draws
    for mean, predicted in by_mean.items():
        assert predicted < own
        assert len(own - predicted) == UNLABELLED
        assert mean == pytest.approx(np.mean([*(own - predicted)]))


def test_every_training_is_asked_with_the_same_unlabelled_sounds() -> None:
    spoken = utterances()
    tested = evaluation(spoken)
    means = []
    for cell in transfer_cells(spoken):
        if cell.test == "two" and cell.train in ("one", OTHERS):
            tested.figures_of(cell)
            asked = tested.classifiers[cell.trials[0].trained_on].asked  # type: ignore[attr-defined]
            means.append({mean for _, count, mean in asked if count})
    assert means[0] == means[1]


@pytest.mark.parametrize(
    ("pair", "takes_domain", "emotions"),
    [
        (("one", "one"), True, EMOTIONS),
        (("one", "two"), False, EMOTIONS),
        # 18 sounds are not more than 20.
        (("one", "two"), True, ("anger", "neutral")),
    ],
)
def test_figures_are_not_adapted_at_home_with_few_sounds_or_by_other_classifiers(
    pair: tuple[str, str], takes_domain: bool, emotions: tuple[str, ...]
) -> None:
    spoken = utterances({"one": emotions, "two": emotions})
    if emotions != EMOTIONS:
        spoken = tuple(u for u in spoken if not u.name.endswith("3.wav"))
    tested = evaluation(spoken, takes_domain=takes_domain)
    (cell,) = [c for c in transfer_cells(spoken) if (c.train, c.test) == pair]
    assert tested.figures_of(cell).adapted is None


def test_a_corpus_is_left_out_with_all_its_emotions() -> None:
    spoken = utterances()
    tested = evaluation(spoken)
    trials = left_out_trials(spoken)
    assert list(trials) == sorted(CORPORA)
    for corpus, trial in trials.items():
        metrics = tested.metrics_of(trial)
        supports = {name: each["support"] for name, each in metrics["per_class"].items()}
        assert [name.partition(" ")[0] for name, count in supports.items() if count] == [
            *CORPORA[corpus]
        ]


def test_the_matrix_has_a_row_for_each_training() -> None:
    spoken = utterances()
    transfers = tuple(map(evaluation(spoken).figures_of, transfer_cells(spoken)))
    title, head, *rows = matrix_lines(transfers)
    assert "20 unlabelled sounds" in title
    assert head.split() == sorted(CORPORA)
    cells = [re.split(r" {2,}", row) for row in rows]
    assert [train for train, *_ in cells] == [*sorted(CORPORA), OTHERS]
    assert cells[0][1:] == ["0.000/1.000", *["0.000/1.000 → 1.000/0.000"] * 2]
    plain, *_ = matrix_lines([msgspec.structs.replace(each, adapted=None) for each in transfers])
    assert "unlabelled" not in plain
    missing = [each for each in transfers if (each.train, each.test) != ("one", "two")]
    assert [*matrix_lines(missing)][2].endswith(" -")
    assert [*matrix_lines([])] == []
