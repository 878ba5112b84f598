"""Corpora whose sounds and features are read by the workers of a Dask cluster alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

import numpy as np
import onnx
import onnx.numpy_helper
import pytest
from numpy.typing import NDArray

import clusters
from clusters import Cluster, cluster
from ser.classifiers import Block, Classifier, DiscriminantClassifier, RandomForestClassifier, Rows
from ser.corpora import Sources, open_sources
from ser.corpora import _files as corpus_files
from ser.dataset import (
    ClusterFeatures,
    ExtractedCorpus,
    LoadedCorpus,
    extract,
    load_corpus,
    training_rows,
)
from ser.parallel import THIS_MACHINE, UnusableCluster, Workers

KEYS = {
    "AWS_ACCESS_KEY_ID": "test-key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class Prepared(NamedTuple):
    loaded: LoadedCorpus
    extracted: ExtractedCorpus
    rows: Rows


@pytest.fixture(scope="module")
def folder(corpus_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a small corpus."""
    folder = tmp_path_factory.mktemp("unpacked")
    ZipFile(corpus_zip).extractall(folder)
    return folder


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Cluster]:
    with cluster() as made:
        yield made


def prepared(sources: Sources, workers: Workers = THIS_MACHINE) -> Prepared:
    loaded = load_corpus(sources, split_at=200, workers=workers)
    methods, copies = {"MFCC": {"num_cepstral": 2}}, {"Noise": {"copies": 1}}
    extracted = extract(loaded, methods, copies, workers=workers)
    return Prepared(loaded, extracted, training_rows(loaded, extracted))


def weights(classifier: Classifier) -> dict[str, NDArray[Any]]:
    """The numbers in the graph of a fitted classifier, by name."""
    graph = classifier.to_onnx().graph
    return {each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}


def require_equal(found: Classifier, expected: Classifier) -> None:
    numbers = weights(expected)
    assert weights(found).keys() == numbers.keys()
    for name, value in weights(found).items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, numbers[name], rtol=1e-4, atol=1e-4)


class Shuffled(Rows):
    """Rows whose blocks come in a random order."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.y, self.origins, self.columns, self.count = (
            *(rows.y, rows.origins),
            *(rows.columns, rows.count),
        )

    def blocks(self) -> Iterator[Block]:
        blocks = [*self._rows.blocks()]
        return (blocks[index] for index in np.random.default_rng(0).permutation(len(blocks)))

    def only(self, chosen: NDArray[np.bool_]) -> Rows:
        return Shuffled(self._rows.only(chosen))


def test_shards_in_random_order_give_the_same_model_on_one_machine_and_on_two_workers(
    two_workers: Cluster, folder: Path, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ser.dataset._shards.SHARD_ROWS", 20)
    alone = prepared(open_sources(str(folder), bounds / "alone"))
    assert len([*alone.rows.blocks()]) > 5
    workers = Workers(two_workers.address)
    spread = prepared(open_sources(str(folder), bounds / "spread"), workers)
    assert spread.loaded.utterances == alone.loaded.utterances
    assert spread.loaded.facts == alone.loaded.facts
    with two_workers.client() as client:
        kept = client.run(clusters.features_on_disk)
    assert min(map(len, kept.values())) > 1

    first = DiscriminantClassifier().fit_rows(alone.rows)
    require_equal(DiscriminantClassifier().fit_rows(Shuffled(alone.rows)), first)
    require_equal(DiscriminantClassifier().fit_rows(spread.rows), first)
    some = alone.rows.origins.speakers != "03"
    require_equal(
        DiscriminantClassifier().fit_rows(spread.rows.only(some)),
        DiscriminantClassifier().fit_rows(alone.rows.only(some)),
    )
    # The features themselves are the same, too, if they are asked for.
    for here, there in zip(alone.extracted.features, spread.extracted.features, strict=True):
        np.testing.assert_array_equal(here, there)
    here_X, there_X = alone.rows.as_arrays()[0], spread.rows.as_arrays()[0]
    np.testing.assert_array_equal(here_X, there_X)


def test_a_worker_that_stops_costs_only_its_part(folder: Path, bounds: Path) -> None:
    alone = prepared(open_sources(str(folder), bounds / "alone"))
    forest = RandomForestClassifier(n_estimators=3)
    parts = [alone.rows.origins.speakers != speaker for speaker in ("03", "08")]
    with cluster() as made:
        workers = Workers(made.address)
        spread = prepared(open_sources(str(folder), bounds / "spread"), workers)
        made.workers[0].kill()
        require_equal(
            DiscriminantClassifier().fit_rows(spread.rows),
            DiscriminantClassifier().fit_rows(alone.rows),
        )
        there = forest.fit_parts(spread.rows, parts, workers=workers)
    assert there == forest.fit_parts(alone.rows, parts)


def test_workers_read_the_sounds_of_a_bucket_themselves(
    folder: Path,
    bounds: Path,
    s3_address: str,
    bucket: str,
    client: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for file in folder.rglob("*.wav"):
        client.upload_file(str(file), bucket, f"corpus/{file.relative_to(folder)}")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_address)
    alone = prepared(open_sources(str(folder), bounds / "alone"))
    source = f"s3://{bucket}/corpus/"
    with cluster() as made:
        spread = prepared(open_sources(source, bounds / "spread"), Workers(made.address))
        assert isinstance(spread.extracted.stored, ClusterFeatures)
        require_equal(
            DiscriminantClassifier().fit_rows(spread.rows),
            DiscriminantClassifier().fit_rows(alone.rows),
        )
    refused = pytest.raises(UnusableCluster, match=r"cannot read .*s3://.*credentials.* AWS_ ")
    with (
        cluster(
            workers=1,
            AWS_ACCESS_KEY_ID="",
            AWS_SECRET_ACCESS_KEY="",
            AWS_EC2_METADATA_DISABLED="true",
            AWS_SHARED_CREDENTIALS_FILE="/dev/null",
        ) as made,
        refused,
    ):
        prepared(open_sources(source, bounds / "refused"), Workers(made.address))


def test_a_sound_that_only_this_machine_can_read_is_an_error_and_a_broken_one_is_rejected(
    two_workers: Cluster, folder: Path, bounds: Path
) -> None:
    def open_private(place: str, data_path: Path) -> corpus_files.CorpusFiles:
        private = clusters.PrivateFolder(Path(place), process=os.getpid())
        return corpus_files.PlacedFiles(private, place, data_path=data_path)

    workers = Workers(two_workers.address)
    sources = Sources(str(folder), bounds / "data", open_private)
    allowed = r"worker tcp://.* cannot read .*: it is not here; allowed: a bucket, .* same path"
    with pytest.raises(UnusableCluster, match=allowed):
        prepared(sources, workers)
    here = load_corpus(sources, split_at=200)
    with pytest.raises(UnusableCluster, match=allowed):
        extract(here, {"MFCC": {}}, workers=workers)
