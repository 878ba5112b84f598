"""Statistics agree with those of numpy and scipy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from spox import Tensor, argument, build

from ser.frontends.functionals import _rhythm as rhythm
from ser.frontends.functionals import _statistics as statistics
from ser.frontends.functionals._array import Array, Named

CONTOURS = ("first", "second")
Values = NDArray[np.float32]


class Evaluator:
    """A function of the module as a callable on arrays, which returns its results by name."""

    def __init__(self, function: Callable[[Named, Array], Named]) -> None:
        contours = argument(Tensor(np.float32, ("chunks", len(CONTOURS), "frames")))
        mask = argument(Tensor(np.float32, ("chunks", 1, "frames")))
        self.names, found = function(Named(CONTOURS, Array(contours)), Array(mask))
        model = build({"contours": contours, "mask": mask}, {"found": found.var})
        self.session = onnxruntime.InferenceSession(model.SerializeToString())

    def __call__(self, contours: Values, mask: Values) -> dict[str, Values]:
        inputs = {"contours": contours[None], "mask": mask[None, None]}
        (found,) = self.session.run(None, inputs)
        return dict(zip(self.names, found[0], strict=True))


summary = Evaluator(statistics.summary)
correlations = Evaluator(statistics.correlations)
deltas = Evaluator(statistics.deltas)
runs = Evaluator(lambda contours, mask: rhythm.rhythm(mask))


def random_contours(frames: int, seed: int) -> tuple[Values, Values]:
    """Skewed and correlated contours, and a mask with at least four frames."""
    random = np.random.default_rng(seed)
    first = random.gamma(2, 1, frames) + 5
    contours = np.stack([first, first + random.normal(0, 0.5, frames)])
    mask = random.random(frames) < 0.7
    mask[:4] = True
    return contours.astype(np.float32), mask.astype(np.float32)


@settings(max_examples=25, deadline=None)
@given(frames=st.integers(8, 300), seed=st.integers(0, 1000))
def test_statistics_agree_with_numpy_and_scipy(frames: int, seed: int) -> None:
    contours, mask = random_contours(frames, seed)
    found = summary(contours, mask)
    held = contours[0, mask > 0].astype(np.float64)
    time = 0.01 * np.flatnonzero(mask)
    expected = {
        "mean": held.mean(),
        "deviation": held.std(),
        "skewness": scipy.stats.skew(held),
        "kurtosis": scipy.stats.kurtosis(held, fisher=False),
        "slope": np.polyfit(time, held, 1)[0],
        **{f"p{q}": np.percentile(held, q) for q in (1, 10, 25, 50, 75, 90, 99)},
    }
    for name, value in expected.items():
        assert found[f"first.{name}"] == pytest.approx(value, rel=2e-3, abs=2e-3), name


def test_percentiles_of_a_ramp_are_linear() -> None:
    ramp = np.arange(101, dtype=np.float32)
    found = summary(np.stack([ramp, 2 * ramp]), np.ones(101, np.float32))
    for share in (1, 10, 25, 50, 75, 90, 99):
        assert found[f"first.p{share}"] == pytest.approx(share, abs=1e-3)
        assert found[f"second.p{share}"] == pytest.approx(2 * share, abs=1e-3)


def test_a_parabola_has_a_bow_and_no_slope() -> None:
    time = np.linspace(-1, 1, 101, dtype=np.float32)
    found = summary(np.stack([time**2, -(time**2)]), np.ones(101, np.float32))
    assert found["first.slope"] == pytest.approx(0, abs=1e-4)
    assert found["first.bow"] == pytest.approx(np.std(time**2), rel=1e-3)
    assert found["second.bow"] == pytest.approx(-np.std(time**2), rel=1e-3)


def test_an_empty_mask_gives_zeros() -> None:
    contours, mask = random_contours(30, seed=1)
    found = summary(contours, 0 * mask) | correlations(contours, 0 * mask)
    assert not np.any(list(found.values()))


@settings(max_examples=25, deadline=None)
@given(frames=st.integers(8, 300), seed=st.integers(0, 1000))
def test_correlations_are_those_of_pearson(frames: int, seed: int) -> None:
    contours, mask = random_contours(frames, seed)
    found = correlations(contours, mask)
    expected = scipy.stats.pearsonr(*contours[:, mask > 0]).statistic
    assert found["second~first"] == pytest.approx(expected, abs=1e-3)


def test_the_delta_of_a_ramp_is_its_slope_whatever_the_pauses() -> None:
    ramp = 0.03 * np.arange(40, dtype=np.float32)
    mask = np.ones(40, np.float32)
    mask[10:15] = mask[30] = 0
    wild = np.where(mask > 0, ramp, 1000).astype(np.float32)
    found = deltas(np.stack([wild, -wild]), mask)
    np.testing.assert_allclose(found["delta_first"], 3 * mask, atol=1e-3)
    np.testing.assert_allclose(found["delta_second"], -3 * mask, atol=1e-3)


def test_rhythm_describes_the_runs_of_a_mask() -> None:
    mask = np.tile(np.repeat([1, 0], [20, 30]), 4).astype(np.float32)
    found = runs(np.zeros((2, 200), np.float32), mask)
    assert found["rhythm.runs_per_second"] == pytest.approx(2)
    assert found["rhythm.run_seconds"] == pytest.approx(0.2)
    assert found["rhythm.share"] == pytest.approx(0.4)
    assert found["rhythm.still_after5"] == pytest.approx(15 / 20)
    assert found["rhythm.still_after40"] == pytest.approx(3 / 4 * 10 / 20)
