"""Memory does not grow with the corpus: neither signals nor features are held."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import made
from ser.corpora import open_sources
from ser.dataset import _shards, extract, load_corpus, training_rows

FEATURES: dict[str, dict[str, int]] = {"MFCC": {}}
COPIES = {"Noise": {"copies": 3}}


def peak_of_passes(archive: Path, data: Path) -> tuple[int, int]:
    """Return the peak of the memory that two passes over a corpus take, and its features' size.

    The signals are decoded, the features extracted, read in blocks, by index and in order.
    """
    tracemalloc.start()
    try:
        sources = open_sources(str(archive), data)
        loaded = load_corpus(sources, split_at="max")
        extracted = extract(loaded, FEATURES, COPIES, cache=sources.features)
        rows = training_rows(loaded, extracted)
        sums = rows.sum(lambda block: block.X.sum(axis=0))
        again = sum(
            sum(chunks.sum(axis=0) for chunks in (recorded, *copies))
            for recorded, copies in zip(extracted.features, extracted.copies, strict=True)
        )
        np.testing.assert_allclose(sums, again, rtol=1e-3)
        return tracemalloc.get_traced_memory()[1], 4 * rows.count * rows.columns
    finally:
        tracemalloc.stop()


def test_four_times_the_speech_takes_no_more_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_shards, "SHARD_BYTES", 2**18)
    once = made.corpus(tmp_path / "once.zip", made.names(versions="ab"))
    four = made.corpus(tmp_path / "four.zip", made.names(versions="abcdefgh"))
    # The first call also imports libraries.
    peak_of_passes(made.corpus(tmp_path / "few.zip", made.names(["03"])), tmp_path / "few")
    small, size = peak_of_passes(once, tmp_path / "once")
    large, four_times_size = peak_of_passes(four, tmp_path / "four")
    assert four_times_size > 3.5 * size > 3 * 2**20
    # Threads may hold a sound more or less; all of the corpus would be four times as much.
    assert large < 1.3 * small
