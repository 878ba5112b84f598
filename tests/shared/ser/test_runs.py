"""Calls of a model end, and take a bounded amount of memory."""

from __future__ import annotations

import resource
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import graphs
import hostile
import made
from hostile import changed
from ser import Model, _model_file, open_registry
from ser._runs import CLOCK
from ser.errors import Conflict
from ser.limits import Limit
from ser.registry import READY_FOLDER, ModelLimits, PublishedModel
from ser.sounds import SAMPLING_RATE

SIGNAL = made.signal("03a01Wa.wav")
MIB = 2**20


def published(folder: Path, data: bytes, **limits: Limit) -> PublishedModel:
    model_id = graphs.publish(folder, data)
    return open_registry(folder, limits=ModelLimits(**limits)).model(model_id)


def test_an_endless_model_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_model_file, "RUN_SECONDS", 0.3)
    monkeypatch.setattr(_model_file, "RUN_SECONDS_PER_SECOND", 0.0)
    model = Model(changed(hostile.endless))
    for _ in range(2):
        with pytest.raises(Conflict, match=r"does not answer within 0 s; allowed: .*the duration"):
            model.predict(SIGNAL, SAMPLING_RATE)
    # Other models are not concerned.
    assert Model(graphs.model()).predict(SIGNAL, SAMPLING_RATE).speech in (True, False)


def test_a_call_that_is_in_time_is_not_ended() -> None:
    stopped: list[str] = []
    with CLOCK.limit(60, lambda: stopped.append("late")):
        pass
    with CLOCK.limit(0, lambda: stopped.append("now")):
        for _ in range(400):
            if stopped:
                break
            made_up = np.ones(100_000).cumsum()
            del made_up
    assert "late" not in stopped


def highest_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize("values", [600_000_000, 2**40], ids=["2.4 GB", "4 TB"])
def test_a_model_that_takes_too_much_memory_is_a_conflict(values: int, bounds: Path) -> None:
    data = changed(hostile.memory(values))
    model = published(bounds / "model", data, memory_bytes=Limit(128e6, "THE_SETTING"))
    before = highest_memory()
    for _ in range(2):
        with pytest.raises(Conflict, match=r"too much memory .*allowed: 128,000,000 \(THE_SETTING"):
            model.predict(SIGNAL, SAMPLING_RATE)
    assert highest_memory() - before < 300 * MIB


def test_calls_that_have_no_memory_beside_each_other_follow_each_other(bounds: Path) -> None:
    data = (READY_FOLDER / "model.onnx").read_bytes()
    model = published(bounds / "model", data, memory_bytes=Limit(64 * MIB))
    minute = np.resize(SIGNAL, 60 * SAMPLING_RATE)
    alone = model.predict(minute, SAMPLING_RATE)
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda _: model.predict(minute, SAMPLING_RATE), range(12)))
    for each in together:
        np.testing.assert_allclose(each.probabilities.array, alone.probabilities.array, atol=1e-6)


def test_a_long_sound_has_the_memory_that_shorter_ones_took_in_pieces(bounds: Path) -> None:
    data = (READY_FOLDER / "model.onnx").read_bytes()
    model = published(bounds / "model", data, memory_bytes=Limit(96 * MIB))
    for seconds in (1, 3, 10, 300):
        prediction = model.predict(np.resize(SIGNAL, seconds * SAMPLING_RATE), SAMPLING_RATE)
        assert np.isfinite(prediction.probabilities.array).all()


def test_a_file_above_the_limit_is_not_read(bounds: Path) -> None:
    data = graphs.model()
    model = published(bounds / "model", data, file_bytes=Limit(1000, "THE_SETTING"))
    (bounds / "model" / model.model_id / "model.onnx").unlink()
    with pytest.raises(Conflict, match=rf"has {len(data):,} bytes; allowed: 1,000 \(THE_SETTING\)"):
        model.load()
