"""A fit from sums: blocks in any order give the same model, in memory that does not grow."""

from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ser.classifiers import (
    ArrayRows,
    Block,
    DiscriminantClassifier,
    LeaveOut,
    Origins,
    Rows,
    Table,
)
from ser.classifiers.discriminant._fitted import FittedDiscriminant
from ser.classifiers.discriminant._linear import Moments
from ser.classifiers.discriminant._sums import (
    Speakers,
    Statistics,
    StatisticsByCell,
    conditions_of,
)
from ser.errors import InvalidInput

seeds = st.integers(0, 2**32 - 1)
COLUMNS, CLASSES, VARIANTS, CHUNKS = 24, 3, 2, 2


def training_set(
    speakers: int = 6, utterances: int = 24, corpora: int = 1, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int64], Origins]:
    """Chunks of recordings and of one copy of each; every sixth speaker is unknown."""
    random = np.random.default_rng(seed)
    count = corpora * speakers * utterances
    utterance = np.repeat(np.arange(count), VARIANTS * CHUNKS)
    variant = np.tile(np.repeat(np.arange(VARIANTS), CHUNKS), count)
    speaker = utterance // utterances
    corpus = speaker // speakers
    y = utterance % CLASSES
    centres = np.random.default_rng(7).normal(0, 0.7, (CLASSES, COLUMNS))
    X = centres[y] + random.normal(0, 1, (len(y), COLUMNS)) + 0.5 * variant[:, None]
    X += random.normal(0, 1, (corpora * speakers, COLUMNS))[speaker]
    X += random.normal(0, 1, (corpora, COLUMNS))[corpus]
    names = np.char.add("u", utterance.astype(str))
    known = np.where(speaker % 6 == 5, "", np.char.add("s", speaker.astype(str)))
    labels = np.char.add("c", corpus.astype(str)) if corpora > 1 else np.full(len(y), "")
    X = X * np.geomspace(0.01, 300, COLUMNS) + 50
    return X.astype(np.float32), y, Origins(known, names, variant, names, labels)


class Shards(ArrayRows):
    """Rows in shards of about 512 rows in random order, summed by a tree of pickled results."""

    def blocks(self) -> Iterator[Block]:
        (block,) = super().blocks()
        order = np.random.default_rng(3).permutation(len(self.y))
        for utterances in np.array_split(order, max(len(block.X) // 512, 2)):
            rows = np.flatnonzero(np.isin(block.utterances, utterances))
            np.random.default_rng(4).shuffle(rows)
            yield Block(block.X[rows], block.utterances[rows], block.variants[rows])

    def sum(self, work: Callable[[Block], Any]) -> Any:
        sent = pickle.dumps(work)
        parts = [pickle.dumps(pickle.loads(sent)(block)) for block in self.blocks()]
        while len(parts) > 1:
            pairs = [
                [pickle.loads(each) for each in parts[i : i + 2]] for i in range(0, len(parts), 2)
            ]
            parts = [pickle.dumps(pair[0] + pair[1] if pair[1:] else pair[0]) for pair in pairs]
        return pickle.loads(parts[0])


def fit(rows: Rows) -> FittedDiscriminant:
    fitted = DiscriminantClassifier().fit_rows(rows).fitted_
    assert isinstance(fitted, FittedDiscriminant)
    return fitted


@pytest.mark.parametrize("corpora", [1, 3])
def test_shards_in_random_order_give_the_same_model(corpora: int) -> None:
    arguments = training_set(corpora=corpora)
    whole, sharded = fit(ArrayRows(*arguments)), fit(Shards(*arguments))
    assert whole.adaptation
    assert sharded.adaptation
    assert whole.familiarity
    assert sharded.familiarity
    for first, second in (
        (whole.ordinary, sharded.ordinary),
        (whole.adaptation.discriminant, sharded.adaptation.discriminant),
    ):
        np.testing.assert_allclose(first.weights, second.weights, atol=1e-4)
    X, _, _ = training_set(corpora=corpora, seed=1)
    np.testing.assert_allclose(whole.predict_proba(X), sharded.predict_proba(X), atol=1e-4)
    np.testing.assert_allclose(whole.familiarity.of(X), sharded.familiarity.of(X), atol=1e-4)


@given(seed=seeds, parts=st.integers(2, 6))
@settings(deadline=None, max_examples=30)
def test_merged_statistics_and_moments_are_those_of_all_rows(seed: int, parts: int) -> None:
    random = np.random.default_rng(seed)
    X = (random.normal(0, 1, (60, 3)) + 1e4).astype(np.float32)
    Z = X.astype(np.float64) - 1e4
    utterance, y = np.arange(60) // 2, random.integers(0, CLASSES, 60)
    part = random.integers(0, parts, 30)[utterance]
    whole = Statistics.of(X, utterance)
    moments = Moments.of(Z, y, CLASSES)
    merged: Table[int, Statistics] = Table()
    summed: Table[int, Moments] = Table()
    for each in np.unique(part):
        rows = part == each
        merged += Table({0: Statistics.of(X[rows], utterance[rows])})
        summed += Table({0: Moments.of(Z[rows], y[rows], CLASSES)})
    assert (merged[0].rows, merged[0].utterances) == (60, 30)
    np.testing.assert_allclose(merged[0].mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(merged[0].variance, X.astype(np.float64).var(axis=0), rtol=1e-6)
    np.testing.assert_array_equal(summed[0].counts, moments.counts)
    np.testing.assert_allclose(summed[0].products, moments.products, atol=1e-4)


def test_each_variant_of_a_speaker_in_a_corpus_has_statistics_of_its_own() -> None:
    names = np.array(["x", "x", "y", "z", "x", "y", "v", "w"])
    origins = Origins(
        np.array(["a", "a", "a", "", "a", "a", "", "a"]),
        names,
        np.array([0, 0, 0, 0, 1, 1, 0, 0]),
        names,
        np.array(["one", "one", "one", "one", "one", "one", "two", "two"]),
    )
    rows = ArrayRows(np.arange(8, dtype=np.float32)[:, None], np.zeros(8, np.int64), origins)
    speakers = Speakers.of(rows.origins)
    statistics = rows.sum(StatisticsByCell(speakers.utterances, np.arange(len(rows.y))))
    found = conditions_of(statistics, np.ones(len(rows.y), bool)).values()
    counts = sorted((each.rows, each.utterances, float(each.mean[0])) for each in found)
    assert counts == [(1, 1, 3.0), (1, 1, 6.0), (1, 1, 7.0), (2, 2, 4.5), (3, 2, 1.0)]


def test_infinite_features_are_refused() -> None:
    X, y, origins = training_set()
    X[5, 3] = np.inf
    with pytest.raises(InvalidInput, match="infinity"):
        DiscriminantClassifier().fit_rows(ArrayRows(X, y, origins))


class EndlessSpeech(Rows):
    """Random rows, 20 for each utterance, that are made when they are read."""

    columns = 200

    def __init__(self, blocks: int) -> None:
        self._blocks, utterances = blocks, 30 * blocks
        self.y = np.arange(utterances) % CLASSES
        speakers = (np.arange(utterances) % 10).astype(str)
        names = np.arange(utterances).astype(str)
        self.origins = Origins(speakers, names, np.zeros(utterances, np.int64), names)
        self.count = 600 * blocks

    def blocks(self) -> Iterator[Block]:
        for block in range(self._blocks):
            random = np.random.default_rng(block)
            utterances = np.repeat(np.arange(30 * block, 30 * (block + 1)), 20)
            X = random.normal(0, 1, (600, self.columns)) + self.y[utterances][:, None]
            yield Block(X.astype(np.float32), utterances, np.zeros(600, np.int64))

    def only(self, chosen: NDArray[np.bool_]) -> Rows:
        assert chosen.all()
        return self


def test_memory_does_not_grow_with_the_rows() -> None:
    peaks = []
    for blocks in (2, 2, 16):  # the first fit imports libraries
        rows = EndlessSpeech(blocks)
        tracemalloc.start()
        fit(rows)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.15 * peaks[1]


def probabilities(graph: bytes, X: NDArray[np.float32], **inputs: Any) -> NDArray[np.float32]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # optional inputs cause warnings
    session = onnxruntime.InferenceSession(graph, options)
    return np.asarray(session.run(["probabilities"], {"features": X, **inputs})[0])


def inputs_of(X: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """A speaker with the enrolled sounds ``X``, in a domain with the same sounds."""
    count = np.array(len(X), np.float32)
    return {
        "speaker_mean": X.mean(axis=0),
        "speaker_deviation": X.std(axis=0),
        "speaker_count": count,
        "domain_mean": X.mean(axis=0),
        "domain_count": count,
    }


def parts_of(rows: Rows, values: NDArray[Any]) -> list[NDArray[np.bool_]]:
    """The utterances without each of three ``values``, and those of two with two classes alone."""
    found = [values != each for each in np.unique(values)[:3]]
    return [*found, np.isin(values, np.unique(values)[:2]) & (rows.y != 1)]


@pytest.mark.parametrize("corpora", [1, 3])
def test_each_exact_part_is_learned_as_if_there_were_no_other_rows(corpora: int) -> None:
    X, y, origins = training_set(corpora=corpora)
    rows = Shards(X, y, origins)
    texts = np.arange(len(rows.y)) % 4
    parts = [*parts_of(rows, rows.origins.speakers), *parts_of(rows, texts)]
    unseen, _, _ = training_set(seed=1)
    graphs = DiscriminantClassifier().fit_parts(rows, parts)
    for part, (graph, notes) in zip(parts, graphs, strict=True):
        chosen = np.isin(origins.names, rows.origins.names[part])
        alone = DiscriminantClassifier().fit(X[chosen], y[chosen], origins=origins[chosen])
        assert notes == alone.notes
        expected = alone.to_onnx().SerializeToString()
        known = {} if notes else inputs_of(unseen[:20])
        for inputs in ({}, known):
            np.testing.assert_allclose(
                probabilities(graph, unseen, **inputs),
                probabilities(expected, unseen, **inputs),
                atol=1e-4,
            )


@pytest.mark.parametrize("corpora", [1, 3])
def test_differences_of_sums_decide_almost_as_exact_parts(corpora: int) -> None:
    X, y, origins = training_set(corpora=corpora, utterances=60)
    rows = ArrayRows(X, y, origins)
    texts = np.arange(len(rows.y)) % 4
    parts = [*parts_of(rows, rows.origins.speakers), *parts_of(rows, texts)]
    unseen, _, _ = training_set(seed=1)
    forms: tuple[LeaveOut, ...] = ("exact", "differences")
    exact, differences = (
        DiscriminantClassifier().fit_parts(rows, parts, leave_out=form) for form in forms
    )
    for first, second in zip(exact, differences, strict=True):
        assert first.notes == second.notes
        answers = [probabilities(each.graph, unseen) for each in (first, second)]
        assert np.mean(np.diff(np.argmax(answers, axis=2), axis=0) == 0) > 0.94
        assert np.abs(answers[0] - answers[1]).mean() < 0.05


@pytest.mark.parametrize("form", ["exact", "differences"])
def test_labels_that_are_left_out_do_not_matter(form: LeaveOut) -> None:
    X, y, origins = training_set()
    left_out = origins.speakers == "s1"
    swapped = np.where(left_out, (y + 1) % CLASSES, y)
    first, second = (
        DiscriminantClassifier().fit_parts(rows, [rows.origins.speakers != "s1"], leave_out=form)[0]
        for rows in (ArrayRows(X, y, origins), ArrayRows(X, swapped, origins))
    )
    np.testing.assert_allclose(
        probabilities(first.graph, X), probabilities(second.graph, X), atol=1e-5
    )
    assert DiscriminantClassifier().fit_parts(ArrayRows(X, y, origins), [], leave_out=form) == []
