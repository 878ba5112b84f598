"""Metrics of known cases."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.corpora import Utterance
from ser.corpora.grammars.emodb import LABELS, parse
from ser.evaluation import Metrics, coverage, metrics

THREE = LABELS[:3]
CODES = [label.code for label in THREE]


def spoken(codes: Sequence[str], speakers: Sequence[str]) -> list[Utterance]:
    return [
        parse(PurePosixPath(f"{speaker}a01{code}{chr(97 + n)}"))
        for n, (code, speaker) in enumerate(zip(codes, speakers, strict=True))
    ]


def known_case() -> Metrics:
    """3 of 4 utterances of speaker 03 (male) are correct, and 1 of 4 of 08 (female)."""
    truth = [CODES[0]] * 6 + [CODES[1]] * 2
    speakers = ["03"] * 4 + ["08"] * 4
    predicted = [0, 0, 0, 1, 1, 2, 1, 0]
    return metrics(THREE, spoken(truth, speakers), np.eye(3, dtype=np.float32)[predicted])


def test_figures_of_a_known_case() -> None:
    found = known_case()
    assert found["wa"] == pytest.approx(4 / 8)
    # The third class never occurs: it has no recall to take the mean of.
    assert found["uar"] == pytest.approx((3 / 6 + 1 / 2) / 2)
    assert found["per_class"][str(THREE[0])] == {
        "recall": 0.5,
        "precision": 0.75,
        "f1": pytest.approx(0.6),
        "support": 6,
    }
    assert found["confusion_matrix"] == [[3, 2, 1], [1, 1, 0], [0, 0, 0]]


def test_figures_of_each_speaker_and_gender() -> None:
    found = known_case()
    uars = {"03": 3 / 4, "08": (0 / 2 + 1 / 2) / 2}
    assert found["per_speaker"] == pytest.approx(uars)
    assert found["per_gender"] == pytest.approx({"male": uars["03"], "female": uars["08"]})
    assert found["uar_deviation"] == pytest.approx(np.std(list(uars.values()), ddof=1))


def test_a_single_speaker_has_no_deviation() -> None:
    found = metrics(THREE, spoken(CODES, ["03"] * 3), np.eye(3, dtype=np.float32))
    assert "uar_deviation" not in found
    assert found["per_speaker"] == {"03": 1.0}


def test_an_unknown_speaker_belongs_to_no_group() -> None:
    utterance = Utterance(
        name="a", file=PurePosixPath("a"), code=CODES[0], speaker="", gender="", text=""
    )
    found = metrics(THREE, [utterance], np.eye(3, dtype=np.float32)[:1])
    assert found["per_speaker"] == found["per_gender"] == {}


def test_the_calibration_error_of_a_known_case() -> None:
    confident, hesitant = [0.95, 0.05, 0.0], [0.45, 0.35, 0.2]
    rows = np.array([confident] * 4 + [hesitant] * 4, dtype=np.float32)
    truth = [CODES[0]] * 3 + [CODES[1]] + [CODES[0]] * 1 + [CODES[1]] * 3
    found = metrics(THREE, spoken(truth, ["03"] * 8), rows)
    assert found["reliability"] == [
        {"confidence": pytest.approx(0.45), "accuracy": 0.25, "count": 4},
        {"confidence": pytest.approx(0.95), "accuracy": 0.75, "count": 4},
    ]
    assert found["ece"] == pytest.approx(0.5 * 0.2 + 0.5 * 0.2)


@given(seed=st.integers(0, 50), count=st.integers(1, 26))
def test_every_utterance_is_in_one_bin_of_the_reliability(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.dirichlet(np.full(3, 0.3), count).astype(np.float32)
    truth = random.choice(CODES, count).tolist()
    found = metrics(THREE, spoken(truth, ["03"] * count), rows)
    bins = found["reliability"]
    assert sum(each["count"] for each in bins) == count
    right = sum(each["count"] * each["accuracy"] for each in bins)
    assert right / count == pytest.approx(found["wa"])
    assert 0 <= found["ece"] <= 1


def test_coverage_keeps_the_most_confident_predictions() -> None:
    confidence = np.linspace(0.95, 0.5, 10)
    truth = [CODES[n % 2] for n in range(10)]
    right = np.array([True] * 5 + [False] * 5)
    rows = np.zeros((10, 3), np.float32)
    for row, (share, correct) in enumerate(zip(confidence, right, strict=True)):
        rows[row, row % 2 if correct else 2] = share
    order = np.random.default_rng(0).permutation(10)
    asked = spoken([truth[n] for n in order], ["03"] * 10)
    found = coverage(THREE, asked, rows[order])
    assert [each["coverage"] for each in found] == [1.0, 0.9, 0.8, 0.7, 0.5]
    assert [each["wa"] for each in found] == pytest.approx([5 / 10, 5 / 9, 5 / 8, 5 / 7, 1])
    assert found[0]["uar"] == pytest.approx((3 / 5 + 2 / 5) / 2)
    assert found[-1]["uar"] == 1
    lowest = [confidence[n - 1] for n in (10, 9, 8, 7, 5)]
    assert [each["confidence"] for each in found] == pytest.approx(lowest)


def test_coverage_of_one_utterance_predicts_it() -> None:
    found = coverage(THREE, spoken(CODES[:1], ["03"]), np.eye(3, dtype=np.float32)[:1])
    assert [each["coverage"] for each in found] == [1.0] * 5
