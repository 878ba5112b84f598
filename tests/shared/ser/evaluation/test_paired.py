"""The paired comparison of two models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.evaluation import compare_paired

EMOTIONS = ("anger", "boredom", "fear")
UNKNOWN = ("",)


def speakers_of(number: int, speakers: int) -> list[str]:
    return [f"{index % speakers:02}" for index in range(number)]


labels = st.lists(
    st.tuples(*[st.sampled_from(EMOTIONS)] * 3, st.sampled_from("abcdef")), min_size=2, max_size=30
)


@given(rows=labels)
def test_equal_predictions_differ_by_nothing(rows: list[tuple[str, str, str, str]]) -> None:
    true, predicted, _, speakers = map(list, zip(*rows, strict=True))
    for figure in ("uar", "wa"):
        paired = compare_paired(true, predicted, predicted, speakers, figure)
        assert paired.old == paired.new
        assert paired.lower == 0


@given(rows=labels)
def test_the_figures_are_those_of_the_predictions_and_the_bound_is_below_their_difference(
    rows: list[tuple[str, str, str, str]],
) -> None:
    true, old, new, speakers = map(list, zip(*rows, strict=True))
    uar = compare_paired(true, old, new, speakers, "uar")
    for predicted, found in ((old, uar.old), (new, uar.new)):
        recalls = [
            np.mean([p == t for p, t in zip(predicted, true, strict=True) if t == emotion])
            for emotion in {*true}
        ]
        assert found == pytest.approx(np.mean(recalls))
    assert uar.lower <= uar.new - uar.old + 1e-9
    wa = compare_paired(true, old, new, speakers, "wa")
    assert wa.old == pytest.approx(np.mean([o == t for o, t in zip(old, true, strict=True)]))


def test_speakers_are_drawn_if_all_are_known_and_there_are_enough() -> None:
    true = list(EMOTIONS) * 10
    for speakers, unit in (
        (speakers_of(30, 5), "speakers"),
        (speakers_of(30, 4), "utterances"),
        (["", *speakers_of(29, 10)], "utterances"),
    ):
        assert compare_paired(true, true, true, speakers, "uar").unit == unit


def test_utterances_of_one_speaker_count_as_one_observation() -> None:
    """A model that fails for one of six speakers alone is not certain to be better for others."""
    true, speakers = ["anger"] * 60, speakers_of(60, 6)
    old = ["fear" if speaker == "00" else "anger" for speaker in speakers]
    by_speaker = compare_paired(true, old, true, speakers, "wa")
    by_utterance = compare_paired(true, old, true, UNKNOWN * 60, "wa")
    assert by_speaker.lower == 0
    assert by_utterance.lower > 0.08


def test_what_both_models_find_difficult_does_not_count() -> None:
    generator = np.random.default_rng(1)
    true = list(generator.choice(EMOTIONS, 200))
    both = [each if generator.random() < 0.6 else "none" for each in true]
    paired = compare_paired(true, both, both, UNKNOWN * 200, "uar")
    independent = [each if generator.random() < 0.6 else "none" for each in true]
    assert paired.lower == 0
    assert compare_paired(true, both, independent, UNKNOWN * 200, "uar").lower < -0.03


def test_the_bound_holds_in_a_simulation() -> None:
    """In 95 of 100 repetitions the true difference, 0, is above the bound."""
    generator = np.random.default_rng(2)

    def predictions(true: Sequence[str]) -> list[str]:
        return [each if generator.random() < 0.7 else "none" for each in true]

    above = 0
    for _ in range(120):
        true = list(generator.choice(EMOTIONS, 60))
        found = compare_paired(true, predictions(true), predictions(true), UNKNOWN * 60, "uar")
        above += found.lower <= 0
    assert 0.9 < above / 120 < 0.99
