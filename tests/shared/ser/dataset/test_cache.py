"""Features are extracted once for the same sounds, settings and code."""

from __future__ import annotations

import gc
import inspect
import pickle
import shutil
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made
import ser
from ser import Dataset
from ser.corpora import open_sources
from ser.dataset import _cache, _shards, extract, load_corpus, training_rows
from ser.errors import Conflict
from ser.frontends import Augmentations

SMALL = {"MFCC": {"num_cepstral": 2}}
COPIES = {"Noise": {"copies": 2}}


@pytest.fixture
def dataset(bounds: Path, corpus_zip: Path) -> Dataset:
    shutil.copy(corpus_zip, bounds / "corpus.zip")
    return Dataset("data", "corpus.zip")


def entries(folder: Path) -> list[Path]:
    """Return the kept features: a folder for each extraction."""
    return sorted(folder.iterdir()) if folder.exists() else []


def marked(bounds: Path) -> list[Path]:
    """Replace all kept features by a number that no front-end computes; return the entries."""
    found = entries(bounds / "data" / "features")
    for entry in found:
        checksums = []
        for shard in sorted(entry.glob("*.npy")):
            rows = np.full_like(np.load(shard), 77)
            np.save(shard, rows)
            checksums.append(zlib.crc32(rows.data))
        with np.load(entry / "index.npz") as kept:
            index = dict(kept) | {"checksums": np.array(checksums)}
        np.savez(entry / "index.npz", **index)
    return found


def is_marked(dataset: Dataset, **settings: Any) -> bool:
    extracted = dataset.feature_extract(**{"methods": SMALL, **settings})
    return all((chunks == 77).all() for chunks in extracted.features)


def test_kept_features_equal_the_extracted_ones(dataset: Dataset) -> None:
    first = dataset.feature_extract(SMALL, augmentation=COPIES)
    again = Dataset("data", "corpus.zip").feature_extract(SMALL, augmentation=COPIES)
    for kept, extracted in zip(again.features, first.features, strict=True):
        np.testing.assert_array_equal(kept, extracted)
    for kept_copies, copies in zip(again.copies, first.copies, strict=True):
        assert len(kept_copies) == len(copies) == 2
        for kept, extracted in zip(kept_copies, copies, strict=True):
            np.testing.assert_array_equal(kept, extracted)


def test_the_same_sounds_and_settings_are_not_extracted_twice(
    dataset: Dataset, bounds: Path
) -> None:
    dataset.feature_extract(SMALL)
    assert len(marked(bounds)) == 1
    assert is_marked(Dataset("data", "corpus.zip"))


@pytest.mark.parametrize(
    "settings",
    [
        {"methods": {"MFCC": {"num_cepstral": 3}}},
        {"methods": {**SMALL, "SpeakerAndGenderAndTextType": {}}},
        {"augmentation": COPIES},
        {"random_state": 7},
    ],
)
def test_other_settings_are_extracted_again(
    dataset: Dataset, bounds: Path, settings: dict[str, Any]
) -> None:
    dataset.feature_extract(SMALL)
    marked(bounds)
    assert not is_marked(dataset, **settings)


def test_other_chunks_and_another_gain_are_extracted_again(dataset: Dataset, bounds: Path) -> None:
    dataset.feature_extract(SMALL)
    marked(bounds)
    dataset.load(split_at="max")
    assert not is_marked(dataset)
    dataset.load(normalize=False)
    assert not is_marked(dataset)


def test_other_sounds_with_the_same_names_are_extracted_again(
    dataset: Dataset, bounds: Path
) -> None:
    dataset.load(normalize=False)
    dataset.feature_extract(SMALL)
    marked(bounds)
    kept = shutil.copytree(bounds / "data" / "features", bounds / "kept")
    softer = {f"wav/{name}": made.sound(made.signal(name) * 0.5) for name in made.names()}
    made.archive(bounds / "corpus.zip", softer)
    dataset.load(force=True, normalize=False)
    shutil.copytree(kept, bounds / "data" / "features")
    assert not is_marked(dataset)


def test_a_forced_load_extracts_again(dataset: Dataset, bounds: Path) -> None:
    dataset.feature_extract(SMALL)
    marked(bounds)
    dataset.load(force=True)
    assert not is_marked(dataset)


def test_a_forced_extraction_ignores_the_stored_features(dataset: Dataset, bounds: Path) -> None:
    dataset.feature_extract(SMALL)
    marked(bounds)
    assert is_marked(dataset)
    assert not is_marked(dataset, force=True)


def test_another_version_extracts_again(
    dataset: Dataset, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.feature_extract(SMALL)
    marked(bounds)
    monkeypatch.setattr(ser, "__version__", "9.9.9")
    assert not is_marked(dataset)


def test_changed_code_of_the_augmentation_extracts_again(
    dataset: Dataset, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.feature_extract(SMALL, augmentation=COPIES)
    marked(bounds)
    assert is_marked(dataset, augmentation=COPIES)
    code = Path(inspect.getsourcefile(Augmentations) or "")
    changed = code.read_bytes() + b"# changed"
    read_bytes = Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda path: changed if path == code else read_bytes(path)
    )
    assert not is_marked(dataset, augmentation=COPIES)


@pytest.mark.parametrize("damage", [b"", b"no array", b"PK\x03\x04 cut", None])
@pytest.mark.parametrize("name", ["index.npz", "000000.npy"])
def test_features_in_a_damaged_file_are_extracted_again(
    dataset: Dataset, bounds: Path, damage: bytes | None, name: str
) -> None:
    before = [*dataset.feature_extract(SMALL).features]
    (entry,) = marked(bounds)
    file = entry / name
    # A bit in the middle changes, or the whole content.
    altered = bytearray(file.read_bytes())
    altered[len(altered) // 2] ^= 1
    file.write_bytes(altered if damage is None else damage)
    after = Dataset("data", "corpus.zip").feature_extract(SMALL).features
    np.testing.assert_array_equal(np.concatenate(after), np.concatenate(before))
    assert entries(bounds / "data" / "features") == [entry]


def test_features_without_one_of_their_files_are_extracted_again(
    dataset: Dataset, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_shards, "SHARD_ROWS", 10)
    before = [*dataset.feature_extract(SMALL).features]
    (entry,) = marked(bounds)
    (entry / "000001.npy").unlink()
    after = Dataset("data", "corpus.zip").feature_extract(SMALL).features
    np.testing.assert_array_equal(np.concatenate(after), np.concatenate(before))


def test_code_in_a_file_of_features_is_not_run(dataset: Dataset, bounds: Path) -> None:
    dataset.feature_extract(SMALL)
    (entry,) = marked(bounds)
    np.save(entry / "000000.npy", np.array([{}], dtype=object))
    assert not is_marked(Dataset("data", "corpus.zip"))


def test_an_interrupted_extraction_leaves_nothing(dataset: Dataset, bounds: Path) -> None:
    class StopError(Exception):
        """Raised by the progress callback."""

    def stop(step: str, share: float) -> None:
        if step == "features" and share > 0.5:
            raise StopError

    with pytest.raises(StopError):
        Dataset("data", "corpus.zip", progress=stop).feature_extract(SMALL)
    assert entries(bounds / "data" / "features") == []
    assert not is_marked(dataset)


def test_what_a_killed_extraction_left_is_removed_and_a_running_one_stays(
    dataset: Dataset, bounds: Path
) -> None:
    dataset.load()
    killed, running = (
        bounds / "data" / "features" / f"{name}.part" for name in (64 * "a", 64 * "b")
    )
    for folder in (killed, running):
        folder.mkdir(parents=True)
    with _cache.locked(running):
        dataset.feature_extract(SMALL)
        assert running.exists()
        assert not killed.exists()


def test_without_a_folder_features_are_temporary(
    corpus_zip: Path, bounds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(bounds))
    loaded = load_corpus(open_sources(str(corpus_zip), bounds / "data"), split_at=200)
    extracted = extract(loaded, SMALL)
    features = extracted.features
    (folder,) = bounds.glob("ser-features-*")
    rows = pickle.loads(pickle.dumps(training_rows(loaded, extracted)))
    assert rows.as_arrays()[0].shape == (rows.count, rows.columns)
    del rows
    gc.collect()
    assert len(features[0]) > 0
    del extracted, features
    gc.collect()
    assert not folder.exists()


def test_features_that_another_training_removes_are_a_conflict(
    dataset: Dataset, bounds: Path
) -> None:
    extracted = dataset.feature_extract(SMALL)
    (entry,) = entries(bounds / "data" / "features")
    shutil.rmtree(entry)
    for read in (lambda: extracted.features[0], lambda: [*extracted.features]):
        with pytest.raises(Conflict, match="removed or altered"):
            read()


def test_a_folder_that_another_training_removes_during_an_extraction_is_a_conflict(
    bounds: Path, dataset: Dataset
) -> None:
    del dataset  # it places the archive

    def remove(step: str, _share: float) -> None:
        if step == "features":
            shutil.rmtree(bounds / "data" / "features", ignore_errors=True)

    with pytest.raises(Conflict, match="removed or altered"):
        Dataset("data", "corpus.zip", progress=remove).feature_extract(SMALL)


@pytest.mark.parametrize("content", [b"", made.sound(made.signal("03a01Wa.wav")[:-1])])
def test_a_sound_that_changes_after_it_was_loaded_is_a_conflict(
    dataset: Dataset, bounds: Path, content: bytes
) -> None:
    loaded = dataset.load()
    sound = bounds / "data" / "working" / "wav" / "03a01Wa.wav"
    for change in (lambda: sound.write_bytes(content), sound.unlink):
        change()
        with pytest.raises(Conflict, match=r"'wav/03a01Wa\.wav' has changed"):
            dataset.feature_extract(SMALL)
    assert entries(bounds / "data" / "features") == []
    assert len(loaded.signals[0]) == loaded.facts[0].samples


def test_the_features_used_last_are_kept(dataset: Dataset, bounds: Path) -> None:
    for seed in range(6):
        dataset.feature_extract(SMALL, random_state=seed)
    assert len(marked(bounds)) == 4
    assert is_marked(dataset, random_state=5)
    assert not is_marked(dataset, random_state=0)


def test_features_are_extracted_even_if_they_cannot_be_stored(
    dataset: Dataset, bounds: Path
) -> None:
    dataset.prepare()
    (bounds / "data" / "features").write_bytes(b"a file where the folder would be")
    assert len(dataset.feature_extract(SMALL).features) == len(made.names())


def test_cleaning_removes_the_features(dataset: Dataset, bounds: Path) -> None:
    dataset.feature_extract(SMALL)
    dataset.clean()
    assert not (bounds / "data" / "features").exists()


def test_each_source_keeps_its_features_for_any_set_of_sources(
    dataset: Dataset, bounds: Path
) -> None:
    made.archive(
        bounds / "other.zip",
        {f"Actor_03/03-01-05-01-01-0{n}-03.wav": made.sound(made.signal("03a01W")) for n in (1, 2)},
    )
    both = Dataset("data", ["corpus.zip", "other.zip"])
    both.load(split_at=200, normalize=False)
    extracted = [*both.feature_extract(SMALL).features]
    kept = {file: file.stat().st_mtime_ns for file in (bounds / "data").rglob("*.npy")}
    assert [file.parts[-5] for file in kept] == ["sources", "sources"]
    turned = Dataset("data", ["other.zip", "corpus.zip"])
    turned.load(split_at=200, normalize=False)
    for first, again in zip(extracted, turned.feature_extract(SMALL).features, strict=True):
        np.testing.assert_array_equal(first, again)
    after = {file: file.stat().st_mtime_ns for file in (bounds / "data").rglob("*.npy")}
    assert kept == after
