"""The steps of a dataset, from download to clean."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

import made
from ser import Dataset
from ser.dataset import FULL_SCALE
from ser.errors import Conflict, InvalidInput

Methods = dict[str, dict[str, int]]


@pytest.fixture
def archive(bounds: Path, corpus_zip: Path) -> Path:
    return Path(shutil.copy(corpus_zip, bounds / "corpus.zip"))


@pytest.fixture
def dataset(archive: Path) -> Dataset:
    return Dataset("data", "corpus.zip")


def test_a_step_runs_the_missing_steps_before_it(dataset: Dataset, bounds: Path) -> None:
    X, y, names = dataset.get_features()
    assert len(X) == len(y) == len(names)
    assert set(names) == set(made.names())
    assert (bounds / "data" / "pristine" / "archive.zip").exists()
    assert (bounds / "data" / "working" / "wav" / "03a01Wa.wav").exists()


def test_rows_carry_the_class_of_their_utterance(dataset: Dataset) -> None:
    loaded = dataset.load()
    rows = dataset.get_features()
    codes = [loaded.labels[index].code for index in rows.y]
    assert codes == [name[5] for name in rows.names]


def test_get_features_returns_only_the_named_utterances(dataset: Dataset) -> None:
    wanted = {"03a01Wa.wav", "08a01Lb.wav"}
    assert set(dataset.get_features(wanted).names) == wanted


def test_another_front_end_replaces_the_features(dataset: Dataset) -> None:
    small = dataset.feature_extract({"MFCC": {"num_cepstral": 2}}).features[0].shape[1]
    large = dataset.feature_extract({"MFCC": {"num_cepstral": 4}}).features[0].shape[1]
    assert large == 2 * small
    assert dataset.get_features().X.shape[1] == large


@pytest.mark.parametrize(
    ("split_at", "statistic"), [("min", np.min), ("max", np.max), ("avg", np.mean)]
)
def test_chunks_have_the_chosen_length(dataset: Dataset, split_at: str, statistic: object) -> None:
    loaded = dataset.load(split_at=split_at)  # type: ignore[arg-type]
    lengths = [len(signal) for signal in loaded.signals]
    assert loaded.chunk_samples == round(float(statistic(lengths)))  # type: ignore[operator]


def test_the_length_of_chunks_can_be_given_in_milliseconds(dataset: Dataset) -> None:
    assert dataset.load(split_at=250).chunk_samples == 4000
    lengths = [len(signal) for signal in dataset.load(split_at=250).signals]
    rows = dataset.get_features()
    assert len(rows.X) == sum(-(-length // 4000) for length in lengths)


def test_whole_utterances_are_one_chunk_each(dataset: Dataset) -> None:
    dataset.load(split_at=None)
    rows = dataset.feature_extract({"SpeakerAndGenderAndTextType": {}}).features
    assert [len(chunks) for chunks in rows] == [1] * 56


def test_features_that_grow_with_the_duration_need_chunks(dataset: Dataset) -> None:
    dataset.load(split_at=None)
    with pytest.raises(InvalidInput, match="MFCC grow with the duration"):
        dataset.feature_extract({"MFCC": {}})


def test_normalising_brings_the_highest_peak_of_all_to_full_scale(dataset: Dataset) -> None:
    loaded = dataset.load(normalize=True)
    peak = max(np.abs(signal).max() for signal in loaded.signals)
    assert peak * loaded.gain == pytest.approx(FULL_SCALE)
    assert pytest.approx(-0.1) == 20 * np.log10(FULL_SCALE)
    assert dataset.load(normalize=False).gain == 1.0


def test_the_archive_of_another_url_is_kept_unless_forced(dataset: Dataset, bounds: Path) -> None:
    dataset.load()
    made.corpus(bounds / "other.zip", ["03a01Wa.wav", "03a01La.wav"])
    other = Dataset("data", "other.zip")
    with pytest.raises(Conflict, match=r"corpus\.zip"):
        other.load()
    assert len(dataset.load().utterances) == 56
    assert len(other.load(force=True).utterances) == 2


@pytest.mark.parametrize("foreign", ["features", "working", "incoming"])
def test_a_folder_of_unknown_origin_is_never_removed(
    bounds: Path, archive: Path, foreign: str
) -> None:
    own = bounds / "data" / foreign / "own.txt"
    own.parent.mkdir(parents=True)
    own.write_text("kept")
    with pytest.raises(Conflict, match=f"'{foreign}' of unknown origin"):
        Dataset("data", "corpus.zip").load(force=True)
    assert own.read_text() == "kept"


@pytest.mark.parametrize("force", [False, True])
def test_other_files_beside_extracted_features_stay(dataset: Dataset, force: bool) -> None:
    dataset.feature_extract({"SpeakerAndGenderAndTextType": {}})
    folder = Path("data", "features")
    others = [folder / name for name in ("own.txt", "a", "b", "c", "d", "e")]
    for other in others:
        other.write_text("kept")
    dataset.load(force=force)
    dataset.feature_extract({"SpeakerAndGenderAndTextType": {}}, force=True)
    dataset.clean(archive=True)
    assert sorted(folder.iterdir()) == sorted(others)


def test_a_forced_download_that_fails_loses_nothing(dataset: Dataset, archive: Path) -> None:
    dataset.load()
    archive.write_bytes(b"not a zip")
    with pytest.raises(InvalidInput, match="zip"):
        dataset.load(force=True)
    assert len(Dataset("data", "corpus.zip").load().utterances) == 56


@pytest.mark.parametrize("files", [{"notes.txt": b"no sounds"}, {"wav/bark.wav": b"no corpus"}])
def test_a_forced_download_of_an_unusable_archive_loses_nothing(
    dataset: Dataset, archive: Path, files: dict[str, bytes]
) -> None:
    dataset.load()
    good = archive.read_bytes()
    made.archive(archive, files)
    with pytest.raises(InvalidInput):
        dataset.load(force=True)
    assert len(Dataset("data", "corpus.zip").load().utterances) == 56
    archive.write_bytes(good)
    assert len(dataset.load(force=True).utterances) == 56


def test_an_unusable_archive_is_fetched_again(bounds: Path) -> None:
    made.archive(bounds / "corpus.zip", {"notes.txt": b"no sounds"})
    with pytest.raises(InvalidInput, match="no sounds"):
        Dataset("data", "corpus.zip").load()
    made.corpus(bounds / "corpus.zip")
    assert len(Dataset("data", "corpus.zip").load().utterances) == 56


def test_a_given_corpus_is_not_guessed_from_the_names(dataset: Dataset) -> None:
    assert dataset.prepare().name == "emodb"
    with pytest.raises(InvalidInput, match=r"none of the 56 sounds .* given corpus \(tess\)"):
        Dataset("data", "corpus.zip", corpus="tess").load()
    assert len(dataset.load(force=True).utterances) == 56
    with pytest.raises(InvalidInput, match=r"^corpus: \"librispeech\""):
        Dataset("data", "corpus.zip", corpus="librispeech")


def test_folders_may_be_the_labels(dataset: Dataset) -> None:
    foldered = Dataset("data", "corpus.zip", corpus={"label": "folder"}).load()
    assert [str(label) for label in foldered.labels] == ["wav - wav"]
    assert foldered.utterances[0].name == "wav_03a01Aa.wav"


def test_metadata_that_are_unknown_for_all_utterances_have_no_features(dataset: Dataset) -> None:
    foldered = Dataset("data", "corpus.zip", corpus={"label": "folder"})
    metadata: Methods = {"SpeakerAndGenderAndTextType": {}}
    mfcc: Methods = {"MFCC": {"num_cepstral": 2}}
    both = foldered.feature_extract(metadata | mfcc).features[0]
    np.testing.assert_array_equal(both, foldered.feature_extract(mfcc).features[0])
    with pytest.raises(InvalidInput, match="speaker, gender, text are unknown for all utterances"):
        foldered.feature_extract(metadata)


def test_files_of_another_origin_are_never_replaced(dataset: Dataset, bounds: Path) -> None:
    thesis = bounds / "data" / "working" / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("years of work")
    for force in (False, True):
        with pytest.raises(Conflict, match="working"):
            dataset.load(force=force)
    assert thesis.read_text() == "years of work"


def test_an_interruption_between_archive_and_record_is_repaired(
    dataset: Dataset, bounds: Path
) -> None:
    dataset.load()
    pristine = bounds / "data" / "pristine"
    (pristine / "source.json").rename(pristine / "incoming.json")
    again = Dataset("data", "corpus.zip")
    assert len(again.load().utterances) == 56
    assert (pristine / "source.json").exists()
    assert not (pristine / "incoming.json").exists()


def test_a_repeated_step_forgets_the_later_ones_and_repeats_none_of_them(dataset: Dataset) -> None:
    dataset.load(split_at=250)
    dataset.feature_extract({"MFCC": {"num_cepstral": 2}})
    dataset.load(split_at=150)
    # Default features of the new chunks, not those of the former call.
    fresh = Dataset("data", "corpus.zip")
    fresh.load(split_at=150)
    np.testing.assert_array_equal(dataset.get_features().X, fresh.get_features().X)


def test_a_repeated_step_uses_its_own_arguments_only(dataset: Dataset) -> None:
    dataset.load(split_at=150, normalize=False)
    assert dataset.load().gain != 1.0
    assert dataset.load().chunk_samples == min(len(signal) for signal in dataset.load().signals)


def test_preparing_twice_keeps_the_loaded_signals(dataset: Dataset) -> None:
    dataset.load(split_at=250)
    dataset.feature_extract({"MFCC": {"num_cepstral": 2}})
    columns = dataset.get_features().X.shape[1]
    dataset.download()
    dataset.prepare()
    assert dataset.get_features().X.shape[1] == columns


def test_forced_features_are_extracted_again_from_the_same_signals(dataset: Dataset) -> None:
    loaded = dataset.load(split_at=250)
    dataset.feature_extract({"MFCC": {"num_cepstral": 2}})
    columns = dataset.get_features().X.shape[1]
    dataset.feature_extract({"MFCC": {"num_cepstral": 2}}, force=True)
    assert dataset.get_features().X.shape[1] == columns
    assert loaded.chunk_samples == 4000


def test_secrets_in_a_url_are_not_kept(dataset: Dataset, bounds: Path) -> None:
    from ser.fetching import redact_url

    signed = "https://bucket.example.com/corpus.zip?X-Signature=secret"
    assert redact_url(signed) == "https://bucket.example.com/corpus.zip?..."
    assert redact_url("corpora/what?.zip") == "corpora/what?.zip"
    with pytest.raises(InvalidInput, match="user or password"):
        Dataset("data", "https://user:secret@example.com/corpus.zip").download()


def test_an_interrupted_extraction_is_done_again(dataset: Dataset, bounds: Path) -> None:
    dataset.extract()
    (bounds / "data" / "working.json").unlink()
    (bounds / "data" / "working" / "wav" / "03a01Wa.wav").unlink()
    assert len(Dataset("data", "corpus.zip").load().utterances) == 56


def test_clean_removes_the_content_and_keeps_the_archive(dataset: Dataset, bounds: Path) -> None:
    dataset.load()
    dataset.clean()
    assert not (bounds / "data" / "working").exists()
    assert dataset.download().remote_url == "corpus.zip"
    dataset.clean(archive=True)
    assert not (bounds / "data" / "pristine").exists()
    assert len(dataset.load().utterances) == 56


def test_progress_is_reported_for_each_step(archive: Path) -> None:
    shares: dict[str, float] = {}
    Dataset("data", "corpus.zip", progress=shares.__setitem__).get_features()
    assert shares == dict.fromkeys(["download", "extract", "load", "features"], 1.0)


def test_a_data_path_that_cannot_be_created_is_named(dataset: Dataset, bounds: Path) -> None:
    (bounds / "file").write_text("in the way")
    with pytest.raises(InvalidInput, match="file"), Dataset("file", "corpus.zip").exclusively():
        pass
