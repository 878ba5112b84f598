"""Confidence intervals of figures."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ser._labels import Label
from ser.evaluation import intervals, metrics, metrics_with_intervals

LABELS = tuple(Label(code, code, name) for code, name in zip("AFNT", "afnt", strict=True))
FIGURES = ("uar", "wa", "macro_f1")


def judged(
    true: NDArray[np.intp], predicted: NDArray[np.intp], speakers: list[str]
) -> tuple[list[Any], NDArray[np.float32]]:
    """Utterances and probabilities with these classes."""
    utterances = [
        SimpleNamespace(code=LABELS[code].code, speaker=speaker, gender="")
        for code, speaker in zip(true, speakers, strict=True)
    ]
    return utterances, (0.7 * np.eye(4) + 0.075)[predicted].astype(np.float32)


def corpus(random: np.random.Generator, speakers: int, each: int) -> tuple[Any, ...]:
    """A corpus whose speakers, and whose emotions of a speaker, are recognised to different
    degrees: about 0.86 of the utterances, with a deviation of 0.06 between speakers."""
    speaker = np.repeat(np.arange(speakers), 4 * each)
    true = np.tile(np.repeat(np.arange(4), each), speakers)
    odds = 2 + random.normal(0, 0.5, (speakers, 1)) + random.normal(0, 0.5, (speakers, 4))
    is_right = random.random(len(true)) < 1 / (1 + np.exp(-odds[speaker, true]))
    other = (true + random.integers(1, 4, len(true))) % 4
    return true, np.where(is_right, true, other), [f"s{number}" for number in speaker]


@pytest.mark.slow
def test_intervals_cover_the_figures_of_all_speakers_in_19_of_20_corpora() -> None:
    speakers = 10
    random = np.random.default_rng(17)
    everybody = metrics(LABELS, *judged(*corpus(random, 4_000, 8)))
    covered: dict[str, list[bool]] = {figure: [] for figure in FIGURES}
    for _ in range(400):
        found: Any = intervals(LABELS, *judged(*corpus(random, speakers, 8)))
        assert (found["unit"], found["units"]) == ("speakers", speakers)
        for figure, each in covered.items():
            each.append(found[figure][0] <= everybody[figure] <= found[figure][1])  # type: ignore[literal-required]
    for each in covered.values():
        assert 0.93 <= np.mean(each) <= 0.97


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), speakers=st.integers(2, 12), known=st.booleans())
def test_an_interval_is_between_0_and_1_around_its_figure(
    seed: int, speakers: int, known: bool
) -> None:
    true, predicted, names = corpus(np.random.default_rng(seed), speakers, 3)
    found: Any = metrics_with_intervals(
        LABELS, *judged(true, predicted, names if known else [""] * len(names))
    )
    drawn = found["intervals"]
    by_speaker = known and speakers >= 5
    assert drawn["unit"] == ("speakers" if by_speaker else "utterances")
    assert drawn["units"] == (speakers if by_speaker else len(true))
    for figure in (*FIGURES, "ece"):
        if drawn[figure] is not None:
            lower, upper = drawn[figure]
            assert 0 <= lower <= found[figure] <= upper <= 1


def test_alike_utterances_of_a_speaker_widen_the_interval() -> None:
    true = np.tile(np.arange(4), 100)
    is_right = np.repeat(np.arange(10) % 5 != 0, 40)
    predicted = np.where(is_right, true, (true + 1) % 4)
    speakers = [f"s{index // 40}" for index in range(400)]
    width = [
        np.diff(intervals(LABELS, *judged(true, predicted, names))["uar"] or (0, 0))[0]
        for names in (speakers, [""] * 400)
    ]
    assert width[0] > 3 * width[1]


def test_a_figure_of_which_all_draws_are_equal_has_no_interval() -> None:
    true = np.tile(np.arange(4), 10)
    found = intervals(LABELS, *judged(true, true, [f"s{index % 5}" for index in range(40)]))
    assert found["uar"] is found["wa"] is found["macro_f1"] is None
