"""A corpus is bounded as a whole: each refusal names the limit and its setting."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import made
from ser import Dataset
from ser.errors import InvalidInput, TooLarge
from ser.limits import Limit, Limits
from ser.service.settings import Settings

HEADER = "file,emotion,speaker"


def refusal(source: Any, limits: Limits, **options: Any) -> str:
    """Return the message that refuses ``source``."""
    with pytest.raises((InvalidInput, TooLarge)) as caught:
        Dataset("data", source, limits=limits, **options).load()
    return caught.value.detail


@pytest.mark.parametrize(
    ("field", "value", "setting", "counted"),
    [
        ("labels", 6, "SER_MAX_LABELS", "7 labels"),
        ("speakers", 3, "SER_MAX_SPEAKERS", "4 speakers"),
        ("corpus_hours", 0.002, "SER_MAX_CORPUS_HOURS", "longer than 0.002 hours in total"),
        ("file_bytes", 100, "SER_MAX_FILE_MB", "bytes"),
    ],
)
@pytest.mark.parametrize("in_place", [False, True])
def test_a_corpus_above_a_limit_is_refused_with_the_setting(
    bounds: Path,
    corpus_zip: Path,
    field: str,
    value: float,
    setting: str,
    counted: str,
    in_place: bool,
) -> None:
    source = corpus_zip
    if in_place:
        source = bounds / "unpacked"
        zipfile.ZipFile(corpus_zip).extractall(source)
    limit = Limit(value, setting)
    message = refusal(str(source), Limits()._replace(**{field: limit}))
    assert counted in message
    assert f"allowed: {limit}" in message


def test_the_limit_on_labels_holds_before_a_rule_is_applied(bounds: Path) -> None:
    names = {f"wav/{label}/{n}.wav": b"" for label in range(5) for n in range(2)}
    made.archive(bounds / "a.zip", names)
    limits = Limits(labels=Limit(4, "SER_MAX_LABELS"))
    message = refusal("a.zip", limits, corpus={"label": "folder"}, labels=["1", "2"])
    assert message == "source: folder has 5 labels; allowed: 4 (SER_MAX_LABELS)"


@pytest.mark.parametrize("row", ["1.wav,{},ann", "1.wav,joy,{}"])
def test_the_names_of_labels_and_speakers_are_short(bounds: Path, row: str) -> None:
    table = f"{HEADER}\n{row.format('x' * 50_000)}\n"
    made.archive(bounds / "a.zip", {"1.wav": b"", "t.csv": table.encode()})
    message = refusal("a.zip", Limits(), corpus={"table": "t.csv"})
    assert "50,000 characters; allowed: 240" in message
    assert len(message) < 300


@pytest.mark.parametrize("corpus", [{"table": "labels.csv"}, "auto"], ids=str)
def test_a_table_with_too_many_columns_is_not_parsed(bounds: Path, corpus: Any) -> None:
    table = f"{HEADER}{',x' * 8}\n1.wav,joy,ann\n".encode()
    made.archive(bounds / "a.zip", {"1.wav": b"", "labels.csv": table})
    message = refusal("a.zip", Limits(columns=Limit(10, "SER_MAX_COLUMNS")), corpus=corpus)
    if corpus != "auto":
        assert "'labels.csv' has 11 columns; allowed: 10 (SER_MAX_COLUMNS)" in message
    else:
        assert "none of the 1 sounds belongs to any known corpus" in message


@pytest.mark.parametrize(
    ("corpus", "table", "header", "sound"),
    [
        ({"table": "t.csv"}, "t.csv", HEADER, "1.wav"),
        ("meld", "train_sent_emo.csv", "Dialogue_ID,Utterance_ID,Emotion,Speaker", "train/x.wav"),
        ("iemocap", "iemocap_full_dataset.csv", "path,emotion", "Ses01F_impro01_F000.wav"),
    ],
    ids=["table", "meld", "iemocap"],
)
def test_rows_take_no_longer_for_columns_that_they_lack(
    bounds: Path, corpus: Any, table: str, header: str, sound: str
) -> None:
    # Rows times columns would be 24,000,000,000.
    content = header + ",x" * 60_000 + "\na" * 400_000
    made.archive(bounds / "a.zip", {sound: b"", table: content.encode()})
    assert "sounds" in refusal("a.zip", Limits(), corpus=corpus)


def test_paths_in_tables_that_fit_many_sounds_or_are_long_are_rejected(bounds: Path) -> None:
    files = {f"{n}/a.wav": b"" for n in range(200)}
    paths = ["a.wav"] * 200 + ["/" * 5_000 + "b.wav", "0/a.wav"]
    rows = "\n".join([HEADER, *(f"{path},joy,ann" for path in paths)])
    made.archive(bounds / "a.zip", {**files, "t.csv": rows.encode()})
    inventory = Dataset("data", "a.zip", corpus={"table": "t.csv"}).prepare()
    reasons = [each.reason for each in inventory.rejected]
    assert sum("it fits 200 sounds" in reason for reason in reasons) == 200
    assert sum("above 4,096 characters" in reason for reason in reasons) == 1
    assert max(map(len, reasons)) < 500


def silence(seconds: float) -> bytes:
    file = io.BytesIO()
    samples = np.random.default_rng(0).normal(0, 0.01, int(16_000 * seconds))
    soundfile.write(file, samples, 16_000, format="WAV")
    return file.getvalue()


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        (
            {"MFCC": {"frame_stride": 0.001, "num_filters": 512, "fft_length": 4_096}},
            "needs 39,444,930 values at once; allowed: 33,554,432 (SER_MAX_CHUNK_VALUES)",
        ),
        (
            {"MFCC": {"frame_stride": 0.001, "fft_length": 1_024, "num_cepstral": 40}},
            "320,040 features of a chunk; allowed: 20,000 (SER_MAX_FEATURES)",
        ),
    ],
)
def test_the_analysis_of_a_chunk_is_bounded_jointly(
    bounds: Path, methods: Any, message: str
) -> None:
    made.archive(bounds / "a.zip", {"03a01Fa.wav": silence(8), "03a01Wa.wav": silence(7)})
    dataset = Dataset("data", "a.zip", limits=Settings().corpus_limits)
    dataset.load(split_at="max")
    with pytest.raises(InvalidInput) as caught:
        dataset.feature_extract(methods)
    assert caught.value.faults[0].loc == ("dataset_feature_extract_methods", "MFCC")
    assert message in caught.value.detail


def test_functionals_of_a_long_chunk_are_bounded(bounds: Path) -> None:
    made.archive(bounds / "a.zip", {"03a01Fa.wav": silence(8), "03a01Wa.wav": silence(7)})
    limits = Limits(chunk_values=Limit(1_000_000, "SER_MAX_CHUNK_VALUES"))
    dataset = Dataset("data", "a.zip", limits=limits)
    dataset.load(split_at="max")
    with pytest.raises(InvalidInput, match=r"1,000,000 \(SER_MAX_CHUNK_VALUES\)"):
        dataset.feature_extract({"Functionals": {}})


@pytest.mark.parametrize(
    ("setting", "value", "limit"),
    [
        ("SER_MAX_CORPUS_HOURS", "2.5", "corpus_hours"),
        ("SER_MAX_EXPANSION", "20", "expansion"),
        ("SER_MAX_LABELS", "7", "labels"),
        ("SER_MAX_SPEAKERS", "8", "speakers"),
        ("SER_MAX_COLUMNS", "9", "columns"),
        ("SER_MAX_FEATURES", "10", "features"),
        ("SER_MAX_CHUNK_VALUES", "11", "chunk_values"),
    ],
)
def test_each_limit_is_a_setting(setting: str, value: str, limit: str) -> None:
    limits = Settings.from_environment({setting: value}).corpus_limits
    assert getattr(limits, limit) == Limit(float(value), setting)
    assert getattr(Settings.from_environment({}).corpus_limits, limit).value < 1e9


def test_sizes_and_the_pace_of_downloads_are_settings() -> None:
    env = {
        "SER_MAX_FILE_MB": "3",
        "SER_MAX_DOWNLOAD_SECONDS": "60",
        "SER_MIN_DOWNLOAD_RATE": "5",
    }
    limits = Settings.from_environment(env).corpus_limits
    assert limits.file_bytes == Limit(3_000_000, "SER_MAX_FILE_MB")
    assert limits.pace.seconds == Limit(60, "SER_MAX_DOWNLOAD_SECONDS")
    assert limits.pace.rate == Limit(5, "SER_MIN_DOWNLOAD_RATE")
