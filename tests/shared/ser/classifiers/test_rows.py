"""The rows of a training set in blocks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ser.classifiers import ArrayRows, Block, Origins
from ser.classifiers._rows import BLOCK_ROWS


def rows_of(names: list[int], seed: int = 0) -> tuple[ArrayRows, NDArray[np.float32]]:
    """Rows of the utterances ``names``; the speaker of utterance k is k % 3, its class k % 2."""
    random = np.random.default_rng(seed)
    X = random.normal(size=(len(names), 2)).astype(np.float32)
    utterance = np.array(names)
    origins = Origins(
        (utterance % 3).astype(str),
        utterance.astype(str),
        random.integers(0, 3, len(names)),
        utterance.astype(str),
    )
    return ArrayRows(X, utterance % 2, origins), X


def by_utterance(rows: ArrayRows, blocks: list[Block]) -> dict[str, list[list[float]]]:
    """The sorted rows of each utterance."""
    found: dict[str, list[list[float]]] = {}
    for block in blocks:
        for row, utterance in zip(block.X.tolist(), block.utterances, strict=True):
            found.setdefault(str(rows.origins.names[utterance]), []).append(row)
    return {name: sorted(each) for name, each in found.items()}


@given(st.lists(st.integers(0, 8), min_size=1, max_size=40))
def test_blocks_contain_every_row_once_beside_the_facts_of_its_utterance(names: list[int]) -> None:
    rows, X = rows_of(names)
    expected: dict[str, list[list[float]]] = {}
    for name, row in zip(names, X.tolist(), strict=True):
        expected.setdefault(str(name), []).append(row)
    assert by_utterance(rows, [*rows.blocks()]) == {k: sorted(v) for k, v in expected.items()}
    assert rows.y.tolist() == [int(name) % 2 for name in rows.origins.names]
    assert rows.origins.speakers.tolist() == [str(int(name) % 3) for name in rows.origins.names]
    assert (rows.count, rows.columns) == X.shape


def test_no_block_divides_an_utterance() -> None:
    rows, _ = rows_of([*range(5)] * 2000)
    found = [{*block.utterances.tolist()} for block in rows.blocks()]
    assert len(found) > 1
    assert sum(map(len, found)) == 5
    assert all(len(block.X) >= BLOCK_ROWS for block in [*rows.blocks()][:-1])


@given(st.lists(st.integers(0, 8), min_size=1, max_size=40), st.integers(0, 8))
def test_the_rows_without_an_utterance_are_all_others(names: list[int], left_out: int) -> None:
    rows, _ = rows_of(names)
    kept = rows.only(rows.origins.names != str(left_out))
    everything = by_utterance(rows, [*rows.blocks()])
    everything.pop(str(left_out), None)
    assert isinstance(kept, ArrayRows)
    assert by_utterance(kept, [*kept.blocks()] if kept.count else []) == everything


def test_arrays_keep_the_order_of_the_rows() -> None:
    rows, X = rows_of([3, 1, 2, 3])
    found, y = rows.as_arrays()
    np.testing.assert_array_equal(found, X)
    assert y.tolist() == [1, 1, 0, 1]


def test_sums_are_those_of_all_blocks() -> None:
    rows, X = rows_of([*range(5)] * 2000)
    total = rows.sum(lambda block: block.X.astype(np.float64).sum(axis=0))
    np.testing.assert_allclose(total, X.sum(axis=0, dtype=np.float64))


def test_rows_of_one_name_with_two_labels_are_two_utterances() -> None:
    names = np.array(["x", "x", "y"])
    origins = Origins(names, names, np.zeros(3, np.int64), names)
    rows = ArrayRows(np.zeros((3, 1), np.float32), np.array([0, 1, 1]), origins)
    assert rows.origins.names.tolist() == ["x", "x", "y"]
    assert rows.y.tolist() == [0, 1, 1]
