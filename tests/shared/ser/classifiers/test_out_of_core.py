"""The classifiers beside the discriminant train on rows that need not fit into memory."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from ser.classifiers import MODEL_TYPES, Block, Classifier, Origins, Rows
from ser.classifiers import _boosting as boosting
from ser.classifiers import _forest as forest
from ser.classifiers._keras import StoredRows
from ser.classifiers._projection import Projection
from ser.errors import StorageFull

CONFIGS: dict[str, dict[str, Any]] = {
    "KerasClassifier": {"epochs": 3, "lr": 0.01, "dropout": 0.1, "input_dim": 20},
    "RandomForestClassifier": {"n_estimators": 12},
    "XGBoostClassifier": {"n_estimators": 3, "subsample": 0.8},
}


class Usage(NamedTuple):
    free: int


class BlockRows(Rows):
    """Rows in ``parts`` blocks, which counts the blocks that are kept in memory."""

    def __init__(self, X: NDArray[np.float32], y: NDArray[np.int64], parts: int) -> None:
        self._X, self._parts = X, np.array_split(np.arange(len(X)), parts)
        self.y, self.origins = y, Origins.unknown(len(X))
        self.count, self.columns = X.shape
        self.most_kept = 0

    def blocks(self) -> Iterator[Block]:
        handed_out: list[weakref.ref[Any]] = []
        for part in self._parts:
            self.most_kept = max(self.most_kept, sum(ref() is not None for ref in handed_out))
            X = self._X[part]
            handed_out.append(weakref.ref(X))
            yield Block(X, part, np.zeros(len(part), np.int64))
            del X

    def only(self, chosen: NDArray[np.bool_]) -> Rows:
        raise NotImplementedError


def data(rows: int = 210, columns: int = 40) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Features on different scales, and three classes, one after the other."""
    random = np.random.default_rng(rows)
    y = np.sort(np.arange(rows) % 3)
    X = random.normal(0, 0.6, (3, columns))[y] + random.normal(0, 1, (rows, columns))
    return (X * np.geomspace(0.01, 300, columns) + 5).astype(np.float32), y


def fitted(kind: str, rows: Rows) -> Classifier:
    return MODEL_TYPES[kind].from_config(CONFIGS[kind], random_state=4).fit_rows(rows)


def outputs(classifier: Classifier, X: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnxruntime.InferenceSession(classifier.to_onnx().SerializeToString())
    (probabilities,) = session.run(["probabilities"], {"features": X})
    return np.asarray(probabilities)


@pytest.mark.parametrize("kind", CONFIGS)
def test_the_model_does_not_depend_on_the_blocks(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = data()
    monkeypatch.setattr(forest, "SAMPLE_VALUES", 100 * X.shape[1])
    monkeypatch.setattr(boosting, "BINNED_VALUES", 1)
    in_blocks = BlockRows(X, y, 7)
    monkeypatch.setattr(in_blocks, "as_arrays", None)  # they are too large for it
    first = fitted(kind, in_blocks)
    assert in_blocks.most_kept <= 1  # the previous one, while the next is read
    probabilities = first.predict_proba(X)
    np.testing.assert_allclose(outputs(first, X), probabilities, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(fitted(kind, in_blocks).predict_proba(X), probabilities)
    assert np.mean(first.predict(X) == y) > 0.7
    whole = fitted(kind, BlockRows(X, y, 1))
    assert (whole.config, whole.notes) == (first.config, first.notes)
    if kind != "RandomForestClassifier":  # its samples are others
        np.testing.assert_allclose(whole.predict_proba(X), probabilities, rtol=0, atol=1e-3)


def test_a_forest_of_rows_that_fit_into_memory_is_that_of_scikit_learn() -> None:
    X, y = data()
    config = {"n_estimators": 25, "max_depth": 5}
    rows = MODEL_TYPES["RandomForestClassifier"].from_config(config).fit_rows(BlockRows(X, y, 3))
    expected = RandomForestClassifier(**config, random_state=42).fit(X, y)
    np.testing.assert_array_equal(rows.predict_proba(X), expected.predict_proba(X).astype("f4"))
    assert rows.notes == []


def test_each_ten_trees_of_a_larger_forest_grow_on_a_sample_with_all_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    X, y = data(400)
    y[-1] = 3  # a class of one row
    monkeypatch.setattr(forest, "SAMPLE_VALUES", 50 * X.shape[1])
    samples = [*forest.samples(BlockRows(X, y, 6), 25, random_state=0)]
    assert [sample.trees for sample in samples] == [10, 20, 25]
    assert [np.bincount(sample.y).tolist() for sample in samples] == [[16, 16, 16, 1]] * 3
    assert not np.array_equal(samples[0].X, samples[1].X)
    config = {"n_estimators": 25}
    classifier = MODEL_TYPES["RandomForestClassifier"].from_config(config)
    classifier.fit_rows(BlockRows(X, y, 6))
    trees = classifier.fitted_.ensemble.estimators_  # type: ignore[attr-defined]
    assert len(trees) == 25
    assert max(tree.tree_.n_node_samples[0] for tree in trees) < 50
    assert classifier.predict_proba(X).shape == (400, 4)
    (note,) = classifier.notes
    assert "49 training chunks, as 400 do not fit" in note


@given(st.lists(st.integers(0, 2), min_size=1, max_size=40), st.integers(1, 5), st.data())
def test_a_sample_has_the_wanted_number_of_different_rows_of_each_class(
    classes: list[int], parts: int, wanted: st.DataObject
) -> None:
    _, y = np.unique(classes, return_inverse=True)
    X = np.arange(len(y), dtype=np.float32)[:, None]
    counts = np.bincount(y)
    sizes = np.array([wanted.draw(st.integers(1, int(count))) for count in counts])
    rows = BlockRows(X, y, min(parts, len(y)))
    drawn, labels = forest.draw(rows, counts, sizes, np.random.default_rng(0))
    assert np.bincount(labels).tolist() == sizes.tolist()
    assert len({*drawn[:, 0]}) == sizes.sum()
    np.testing.assert_array_equal(y[drawn[:, 0].astype(int)], labels)


def test_every_row_is_drawn_equally_often() -> None:
    X, y = np.arange(60, dtype=np.float32)[:, None], np.arange(60) % 2
    random = np.random.default_rng(0)
    rows, counts, sizes = BlockRows(X, y, 4), np.array([30, 30]), np.array([10, 10])
    drawn = [forest.draw(rows, counts, sizes, random)[0][:, 0] for _ in range(600)]
    often = np.bincount(np.concatenate(drawn).astype(int), minlength=60)
    # The number of draws is binomial, with mean 200 and deviation 11.5.
    assert 200 - 5 * 11.5 < often.min() <= often.max() < 200 + 5 * 11.5


@pytest.mark.parametrize("in_memory", [1, 10**9])
def test_boosted_trees_agree_with_those_of_rows_in_memory(
    in_memory: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    X, y = data(600)
    monkeypatch.setattr(boosting, "BINNED_VALUES", in_memory)
    config = {"n_estimators": 10}
    rows = MODEL_TYPES["XGBoostClassifier"].from_config(config).fit_rows(BlockRows(X, y, 5))
    expected = XGBClassifier(**rows.config, tree_method="hist", random_state=42).fit(X, y)
    differences = np.abs(rows.predict_proba(X) - expected.predict_proba(X))
    assert differences.mean() < 0.01
    assert np.mean(rows.predict(X) == expected.predict(X)) > 0.98
    assert capfd.readouterr().err == ""  # the files are not removed before XGBoost closes them


def test_boosting_reports_its_progress_after_each_round() -> None:
    X, y = data()
    shares: list[float] = []
    classifier = MODEL_TYPES["XGBoostClassifier"].from_config({"n_estimators": 4})
    classifier.fit_rows(BlockRows(X, y, 2), on_progress=shares.append)
    assert shares == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("rows", [30, 200])  # fewer and more than the features
def test_the_projection_is_that_of_scikit_learn(rows: int) -> None:
    X, y = data(rows)
    X[:, 3] = 0.1  # constant
    X[:, 5] += 1e4
    projection = Projection.of(BlockRows(X, y, 4), 12)
    expected = make_pipeline(StandardScaler(), PCA(12, svd_solver="full")).fit(X.astype(float))
    found, components = projection(X), expected.transform(X)
    signs = np.sign((found * components).sum(axis=0))
    np.testing.assert_allclose(found * signs, components, rtol=0, atol=2e-3)
    largest = np.abs(projection.axes).argmax(axis=0)
    assert (projection.axes[largest, np.arange(12)] > 0).all()


def test_each_epoch_reads_every_row_once_in_an_order_of_its_own(tmp_path: Path) -> None:
    X, y = data(50)
    rows = BlockRows(X, y, 3)
    projection = Projection.of(rows, 4)
    record = np.dtype([("components", np.float32, (4,)), ("class", np.int64)])
    stored = StoredRows.write(tmp_path / "rows", record, rows, projection)
    batches = [*stored.batches(16, 2, random_state=1)]
    assert [len(labels) for _, labels in batches] == [16, 16, 16, 2] * 2
    expected = np.column_stack([projection(X), y])
    pairs = [np.column_stack(batch) for batch in batches]
    first, second = np.concatenate(pairs[:4]), np.concatenate(pairs[4:])
    for epoch in (first, second):
        np.testing.assert_array_equal(
            epoch[epoch[:, 0].argsort()], expected[expected[:, 0].argsort()]
        )
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("kind", ["KerasClassifier", "XGBoostClassifier"])
def test_a_training_without_space_for_its_files_is_refused_before_it_begins(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = data()
    monkeypatch.setattr(boosting, "BINNED_VALUES", 1)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage(free=1 << 14))
    with pytest.raises(StorageFull, match="temporary files of 0 MiB, and 0 MiB are free"):
        fitted(kind, BlockRows(X, y, 2))
