"""Features are extracted once for the same sounds and settings."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made
from ser import Dataset

SMALL = {"MFCC": {"num_cepstral": 2}}
COPIES = {"Noise": {"copies": 2}}


@pytest.fixture
def dataset(bounds: Path, corpus_zip: Path) -> Dataset:
    shutil.copy(corpus_zip, bounds / "corpus.zip")
    return Dataset("data", "corpus.zip")


def marked(bounds: Path) -> list[Path]:
    """Put what nobody would extract into every file that is kept, and return the files."""
    files = sorted((bounds / "data" / "features").glob("*.npz"))
    for file in files:
        with np.load(file) as kept:
            rows, counts = kept["rows"], kept["counts"]
        np.savez(file, rows=np.full_like(rows, 77), counts=counts)
    return files


def is_marked(dataset: Dataset, **settings: Any) -> bool:
    extracted = dataset.feature_extract(**{"methods": SMALL, **settings})
    return all((chunks == 77).all() for chunks in extracted.features)


def test_what_is_kept_is_what_was_extracted(dataset: Dataset) -> None:
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
def test_other_settings_are_extracted_anew(
    dataset: Dataset, bounds: Path, settings: dict[str, Any]
) -> None:
    dataset.feature_extract(SMALL)
    marked(bounds)
    assert not is_marked(dataset, **settings)


def test_other_chunks_and_another_gain_are_extracted_anew(dataset: Dataset, bounds: Path) -> None:
    dataset.feature_extract(SMALL)
    marked(bounds)
    dataset.load(split_at="max")
    assert not is_marked(dataset)
    dataset.load(normalize=False)
    assert not is_marked(dataset)


def test_other_sounds_of_the_same_names_are_extracted_anew(dataset: Dataset, bounds: Path) -> None:
    dataset.load(normalize=False)
    dataset.feature_extract(SMALL)
    marked(bounds)
    kept = shutil.copytree(bounds / "data" / "features", bounds / "kept")
    softer = {f"wav/{name}": made.sound(made.signal(name) * 0.5) for name in made.names()}
    made.archive(bounds / "corpus.zip", softer)
    dataset.load(force=True, normalize=False)
    shutil.copytree(kept, bounds / "data" / "features")
    assert not is_marked(dataset)


def test_a_forced_step_extracts_anew(dataset: Dataset, bounds: Path) -> None:
    dataset.feature_extract(SMALL)
    marked(bounds)
    dataset.load(force=True)
    assert not is_marked(dataset)


@pytest.mark.parametrize("damage", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_a_damaged_file_is_extracted_anew(dataset: Dataset, bounds: Path, damage: bytes) -> None:
    before = dataset.feature_extract(SMALL).features
    (file,) = marked(bounds)
    file.write_bytes(damage)
    after = Dataset("data", "corpus.zip").feature_extract(SMALL).features
    np.testing.assert_array_equal(np.concatenate(after), np.concatenate(before))


def test_files_that_hold_code_are_not_run(dataset: Dataset, bounds: Path) -> None:
    dataset.feature_extract(SMALL)
    (file,) = marked(bounds)
    np.savez(file, rows=np.array([{}], dtype=object), counts=np.array([[1]]))
    assert not is_marked(Dataset("data", "corpus.zip"))


def test_those_used_last_are_kept(dataset: Dataset, bounds: Path) -> None:
    for seed in range(6):
        dataset.feature_extract(SMALL, random_state=seed)
    assert len(marked(bounds)) == 4
    assert is_marked(dataset, random_state=5)
    assert not is_marked(dataset, random_state=0)


def test_a_folder_that_cannot_be_written_only_costs_time(dataset: Dataset, bounds: Path) -> None:
    dataset.prepare()
    (bounds / "data" / "features").write_bytes(b"a file where the folder would be")
    assert len(dataset.feature_extract(SMALL).features) == len(made.names())


def test_cleaning_removes_them(dataset: Dataset, bounds: Path) -> None:
    dataset.feature_extract(SMALL)
    dataset.clean()
    assert not (bounds / "data" / "features").exists()
