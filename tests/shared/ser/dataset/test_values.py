"""The pipeline of values: load_corpus, extract, training_rows."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import made
from ser.classifiers import Rows
from ser.corpora import open_sources
from ser.dataset import (
    ExtractedCorpus,
    LoadedCorpus,
    StoredFeatures,
    TrainingRows,
    _shards,
    extract,
    load_corpus,
    training_rows,
)

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
    rows = TrainingRows.of(training_rows(loaded, extracted))
    arrays: tuple[NDArray[Any], ...] = (
        *loaded.signals,
        *extracted.features,
        *(copy for copies in extracted.copies for copy in copies),
        *(extracted.features[0], *extracted.copies[0]),
        *(rows.X, rows.y, rows.origins.speakers, rows.origins.names, rows.origins.variants),
    )
    for array in arrays:
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[0]


def test_elements_are_the_same_by_index_by_slice_and_in_order(
    loaded: LoadedCorpus, extracted: ExtractedCorpus
) -> None:
    for values in (loaded.signals, extracted.features, [c for c, _ in extracted.copies]):
        in_order = [*values]
        assert len(in_order) == len(values) == len(NAMES)
        for index in (0, 7, len(NAMES) - 1, -1):
            np.testing.assert_array_equal(values[index], in_order[index])
        for part, whole in zip(values[-3:], in_order[-3:], strict=True):
            np.testing.assert_array_equal(part, whole)
        with pytest.raises(IndexError):
            values[len(NAMES)]
    for copies, same in zip(extracted.copies, extracted.copies[:], strict=True):
        np.testing.assert_array_equal(np.concatenate(copies), np.concatenate(same))


def test_signals_have_the_facts_that_the_first_pass_found(loaded: LoadedCorpus) -> None:
    for signal, facts in zip(loaded.signals, loaded.facts, strict=True):
        assert (len(signal), np.abs(signal).max()) == (facts.samples, np.float32(facts.peak))


def test_utterances_are_in_the_order_of_their_names(
    loaded: LoadedCorpus, extracted: ExtractedCorpus
) -> None:
    assert [utterance.name for utterance in loaded.utterances] == NAMES
    rows = TrainingRows.of(training_rows(loaded, extracted))
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


def rows_of(rows: Rows) -> dict[str, NDArray[np.float32]]:
    """Return the rows of each utterance, from the blocks."""
    found: dict[str, NDArray[np.float32]] = {}
    for X, utterances, _ in rows.blocks():
        for utterance in dict.fromkeys(utterances.tolist()):
            name = str(rows.origins.names[utterance])
            assert name not in found, "an utterance is in two blocks"
            found[name] = X[utterances == utterance]
    return found


@given(left_out=st.sets(st.sampled_from(NAMES)))
def test_no_utterance_is_on_both_sides_of_a_split(
    loaded: LoadedCorpus, extracted: ExtractedCorpus, left_out: set[str]
) -> None:
    rows = training_rows(loaded, extracted)
    whole = rows_of(rows)
    kept = rows.only(~np.isin(rows.origins.names, [*left_out]))
    other = training_rows(loaded, extracted, left_out)
    assert set(kept.origins.names) == set(NAMES) - left_out
    assert set(other.origins.names) == left_out
    assert kept.count + other.count == rows.count
    for part in (kept, other):
        for name, found in rows_of(part).items():
            np.testing.assert_array_equal(found, whole[name])
        assert part.columns == rows.columns
        assert part.as_arrays()[0].shape == (part.count, part.columns)


def test_blocks_are_shards_and_shards_without_chosen_utterances_are_not_read(
    loaded: LoadedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_shards, "SHARD_ROWS", 10)
    extracted = extract(loaded, {"MFCC": {"num_cepstral": 2}}, {"Clipping": {"copies": 2}})
    rows = training_rows(loaded, extracted)
    blocks = [*rows.blocks()]
    assert len(blocks) > 10
    assert sum(len(block.X) for block in blocks) == rows.count
    assert isinstance(extracted.stored, StoredFeatures)
    (first, *_, last) = extracted.stored.parts[0].shards.folder.glob("*.npy")
    for file in (first, last):
        file.unlink()
    chosen = np.zeros(len(NAMES), bool)
    number = next(n for n in range(1, len(blocks)) if f"{n:06}.npy" not in (first.name, last.name))
    chosen[blocks[number].utterances] = True
    (block,) = rows.only(chosen).blocks()
    np.testing.assert_array_equal(block.X, blocks[number].X)
    assert block.utterances.min() == 0
    np.testing.assert_array_equal(block.variants, blocks[number].variants)


def test_rows_as_recorded_are_those_without_copies(
    loaded: LoadedCorpus, extracted: ExtractedCorpus
) -> None:
    recorded = TrainingRows.of(training_rows(loaded, extracted)).as_recorded()
    np.testing.assert_array_equal(recorded.X, np.concatenate(extracted.features))


def test_extracting_twice_gives_equal_values(
    loaded: LoadedCorpus, extracted: ExtractedCorpus
) -> None:
    again = extract(loaded, {"MFCC": {"num_cepstral": 2}}, {"Clipping": {"copies": 2}})
    assert again.digest == extracted.digest
    np.testing.assert_array_equal(
        training_rows(loaded, again).as_arrays()[0], training_rows(loaded, extracted).as_arrays()[0]
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
    assert len([*(bounds / "data" / "features").iterdir()]) == 1
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
