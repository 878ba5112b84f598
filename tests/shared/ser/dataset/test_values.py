"""The pipeline of values: load_corpus, extract, training_rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made
from ser.corpora import open_sources
from ser.dataset import ExtractedCorpus, LoadedCorpus, extract, load_corpus, training_rows

NAMES = sorted(made.names())


@pytest.fixture(scope="module")
def loaded(corpus_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedCorpus:
    return load_corpus(open_sources(str(corpus_zip), tmp_path_factory.mktemp("data")), split_at=200)


@pytest.fixture(scope="module")
def extracted(loaded: LoadedCorpus) -> ExtractedCorpus:
    return extract(loaded, {"MFCC": {"num_cepstral": 2}}, {"Clipping": {"copies": 2}})


def test_the_values_cannot_be_changed(loaded: LoadedCorpus, extracted: ExtractedCorpus) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        loaded.gain = 1.0  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        extracted.features = ()  # type: ignore[misc]
    rows = training_rows(loaded, extracted)
    arrays = (
        *loaded.signals,
        *extracted.features,
        *(copy for copies in extracted.copies for copy in copies),
        *(rows.X, rows.y, rows.origins.speakers, rows.origins.names, rows.origins.variants),
        *(array for array in (rows.without({NAMES[0]}).X, rows.without({NAMES[0]}).y)),
    )
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[0]


def test_utterances_are_in_the_order_of_their_names(
    loaded: LoadedCorpus, extracted: ExtractedCorpus
) -> None:
    assert [utterance.name for utterance in loaded.utterances] == NAMES
    rows = training_rows(loaded, extracted)
    order = [NAMES.index(name) for name in rows.origins.names]
    assert order == sorted(order)
    for name in NAMES:
        variants = rows.origins.variants[rows.origins.names == name]
        assert list(dict.fromkeys(variants.tolist())) == [0, 1, 2]


def test_a_row_has_the_class_and_the_speaker_of_its_utterance(
    loaded: LoadedCorpus, extracted: ExtractedCorpus
) -> None:
    rows = training_rows(loaded, extracted)
    for label, name, speaker in zip(rows.y, rows.origins.names, rows.origins.speakers, strict=True):
        assert loaded.labels[label].code == name[5]
        assert speaker == name[:2]


@given(left_out=st.sets(st.sampled_from(NAMES)))
def test_no_utterance_is_on_both_sides_of_a_split(
    loaded: LoadedCorpus, extracted: ExtractedCorpus, left_out: set[str]
) -> None:
    rows = training_rows(loaded, extracted)
    kept = rows.without(left_out)
    other = training_rows(loaded, extracted, left_out)
    assert set(kept.origins.names) == set(NAMES) - left_out
    assert set(other.origins.names) == left_out
    assert len(kept.X) + len(other.X) == len(rows.X)
    assert kept.X.shape[1] == other.X.shape[1] == rows.X.shape[1]


def test_rows_as_recorded_are_those_without_copies(
    loaded: LoadedCorpus, extracted: ExtractedCorpus
) -> None:
    recorded = training_rows(loaded, extracted).as_recorded()
    np.testing.assert_array_equal(recorded.X, np.concatenate(extracted.features))
    plain = training_rows(loaded, dataclasses.replace(extracted, copies=((),) * len(NAMES)))
    np.testing.assert_array_equal(recorded.X, plain.X)


def test_extracting_twice_gives_equal_values(
    loaded: LoadedCorpus, extracted: ExtractedCorpus
) -> None:
    again = extract(loaded, {"MFCC": {"num_cepstral": 2}}, {"Clipping": {"copies": 2}})
    assert again.digest == extracted.digest
    np.testing.assert_array_equal(
        training_rows(loaded, again).X, training_rows(loaded, extracted).X
    )


def unpacked(folder: Path) -> Path:
    for name in NAMES:
        sound = folder / "wav" / name
        sound.parent.mkdir(parents=True, exist_ok=True)
        sound.write_bytes(made.sound(made.signal(name)))
    return folder


def test_a_folder_is_read_in_place_and_not_changed(loaded: LoadedCorpus, bounds: Path) -> None:
    folder = unpacked(bounds / "corpus")
    before = sorted(folder.rglob("*"))
    files = open_sources(str(folder), bounds / "data")
    in_place = load_corpus(files, split_at=200)
    assert in_place.utterances == loaded.utterances
    assert in_place.gain == loaded.gain
    extract(in_place, {"MFCC": {"num_cepstral": 2}}, cache=files.features)
    assert len([*(bounds / "data" / "features").glob("*.npz")]) == 1
    assert sorted(folder.rglob("*")) == before


def test_the_checksum_of_a_folder_changes_with_a_sound(bounds: Path) -> None:
    folder = unpacked(bounds / "corpus")
    first = load_corpus(open_sources(str(folder), bounds / "data")).provenance
    (folder / "wav" / NAMES[0]).write_bytes(made.sound(made.signal(NAMES[1])))
    second = load_corpus(open_sources(str(folder), bounds / "data")).provenance
    assert first.sha256 != second.sha256
    assert first.remote_url == second.remote_url == str(folder)


def test_a_table_beside_its_sounds_names_their_emotions(bounds: Path) -> None:
    unpacked(bounds / "corpus")
    lines = ["file,emotion,speaker", *(f"wav/{name},{name[5]},{name[:2]}" for name in NAMES[:20])]
    table = bounds / "corpus" / "labels.csv"
    table.write_text("\n".join(lines))
    loaded = load_corpus(open_sources(str(table), bounds / "data"))
    assert loaded.name == "table"
    assert len(loaded.utterances) == 20
    assert {utterance.speaker for utterance in loaded.utterances} == {n[:2] for n in NAMES[:20]}
