"""Corpora with labels in folder names or in a table."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from ser.corpora import Table, tabulate
from ser.corpora._english import english
from ser.corpora._labelled import MAX_TABLE_BYTES, labelled_by_folder, labelled_by_table
from ser.errors import InvalidInput


def paths(*names: str) -> list[PurePosixPath]:
    return [PurePosixPath(name) for name in names]


def tabulate_folders(
    *names: str, speaker_pattern: str | None = None, label_pattern: str | None = None
) -> Table:
    corpus = labelled_by_folder(paths(*names), speaker_pattern, label_pattern)
    return tabulate(paths(*names), corpus)


@pytest.mark.parametrize(
    ("word", "emotion"),
    [
        ("happiness", "happiness"),
        ("Happy", "happiness"),
        ("joy", "happiness"),
        ("ANGRY", "anger"),
        ("Ärger", "anger"),
        ("Trauer", "sadness"),
        ("fearful", "fear"),
        ("paura", "fear"),
        ("bored", "boredom"),
        ("calm", "calm"),
        ("pleasant_surprise", "surprise"),
        ("contempt", "contempt"),
    ],
)
def test_common_words_for_emotions_are_translated_and_others_kept(word: str, emotion: str) -> None:
    assert english(word) == emotion


def test_the_folder_that_directly_holds_a_file_is_its_label() -> None:
    corpus = labelled_by_folder(paths("set/happy/1.wav", "set/more/contempt/2.wav"), None)
    assert [(str(label), label.emotion) for label in corpus.labels] == [
        ("contempt - contempt", "contempt"),
        ("happy - happy", "happiness"),
    ]
    assert corpus.parse(PurePosixPath("set/happy/1.wav")).code == "happy"


def test_the_first_group_of_the_pattern_is_the_speaker() -> None:
    table = tabulate_folders("spk1/sad/1.wav", "spk2/sad/1.wav", speaker_pattern=r"(spk\d)/|x")
    assert [u.speaker for u in table.utterances] == ["spk1", "spk2"]


def test_the_first_group_of_the_label_pattern_is_the_label() -> None:
    table = tabulate_folders(
        "03/Angry/train/1.wav",
        "03/Sad/test/1.wav",
        "1.wav",
        speaker_pattern=r"^(\d+)/",
        label_pattern="([^/]+)/[^/]+/[^/]+$",
    )
    assert [(u.code, u.speaker) for u in table.utterances] == [("Angry", "03"), ("Sad", "03")]
    assert [str(label) for label in table.corpus.labels] == ["Angry - Angry", "Sad - Sad"]
    (rejection,) = table.rejected
    assert rejection.reason == ("label_pattern '([^/]+)/[^/]+/[^/]+$' finds no label in its path")
    assert table.notes == ()


@pytest.mark.parametrize("part", ["train", "Test", "validation", "dev", "evaluation", "eval"])
def test_labels_that_look_like_parts_of_a_corpus_earn_a_note(part: str) -> None:
    (note,) = tabulate_folders(f"Angry/{part}/1.wav", "Angry/sad/1.wav").notes
    assert note.startswith(f"the labels {part} look like parts of a corpus")
    assert '"label_pattern": "([^/]+)/[^/]+/[^/]+$"' in note


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "((a+)+)+$", "(.*)*(.*)*(.*)*[0-9]$"])
def test_a_pattern_that_backtracks_without_end_elsewhere_terminates(pattern: str) -> None:
    sounds = [f"sad/{'a' * 200}{n}!.wav" for n in range(100)]
    assert len(tabulate_folders(*sounds, speaker_pattern=pattern).rejected) == 100


def test_without_a_pattern_speakers_are_unknown() -> None:
    assert tabulate_folders("sad/1.wav").utterances[0].speaker == ""


def test_files_of_one_name_in_two_folders_are_two_utterances() -> None:
    table = tabulate_folders("happy/001.wav", "sad/001.wav")
    assert [u.name for u in table.utterances] == ["happy_001.wav", "sad_001.wav"]


def test_the_first_of_two_formats_of_a_recording_is_used() -> None:
    table = tabulate_folders("sad/001.flac", "sad/001.wav")
    assert [u.name for u in table.utterances] == ["sad_001.flac"]
    assert [rejection.file for rejection in table.rejected] == ["sad/001.wav"]


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("001.wav", "not in a folder"),
        ("sad/anybody.wav", "finds no speaker"),
        ("sad/spk.wav", "finds no speaker"),
        (".hidden/sad/spk1.wav", "no leading dot"),
        ("sad/spk1\n.wav", "printable"),
        (f"sad/spk1{'ü' * 120}.wav", "at most 240 bytes"),
    ],
)
def test_a_file_that_does_not_fit_is_rejected_with_the_reason(file: str, reason: str) -> None:
    table = tabulate_folders(file, "sad/spk2.wav", speaker_pattern=r"spk(\d?)")
    assert [u.speaker for u in table.utterances] == ["2"]
    assert [rejection.file for rejection in table.rejected] == [file]
    assert reason in table.rejected[0].reason


SOUNDS = paths("set/wav/1.wav", "set/wav/2.wav", "set/wav/3.wav")


def tabulate_table(folder: Path, content: str | bytes, name: str = "set/labels.csv") -> Table:
    (folder / "set").mkdir()
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return tabulate(SOUNDS, labelled_by_table(folder, SOUNDS, name))


@pytest.mark.parametrize("name", ["labels.csv", "set/labels.csv"])
@pytest.mark.parametrize("begin", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";"])
def test_a_table_holds_emotion_speaker_gender_and_text_of_its_files(
    tmp_path: Path, name: str, begin: str, delimiter: str
) -> None:
    base = "set/wav" if name == "labels.csv" else "./wav"
    lines = [
        "Speaker, file ,emotion,gender,text",
        f'anna,{base}/1.wav,joy,female,"so, or; so"',
        "bert,set/wav/2.wav,contempt,male,",
        "",
        ",set/wav/3.wav,joy",
    ]
    quoted, plain = '"so, or; so"', "\n".join(lines)
    content = plain.replace(quoted, "\0").replace(",", delimiter).replace("\0", quoted)
    table = tabulate_table(tmp_path, begin + content, name)
    assert [(u.name, u.code, u.speaker, u.gender, u.text) for u in table.utterances] == [
        ("set_wav_1.wav", "joy", "anna", "female", "so, or; so"),
        ("set_wav_2.wav", "contempt", "bert", "male", ""),
        ("set_wav_3.wav", "joy", "", "", ""),
    ]
    assert {label.code: label.emotion for label in table.corpus.labels} == {
        "joy": "happiness",
        "contempt": "contempt",
    }


def test_a_table_may_name_the_takes_of_utterances(tmp_path: Path) -> None:
    rows = ["file,emotion,speaker,take", "set/wav/1.wav,joy,a,7", "set/wav/2.wav,joy,a,7"]
    table = tabulate_table(tmp_path, "\n".join([*rows, "set/wav/3.wav,joy,a,"]))
    assert [u.group for u in table.utterances] == ["a/7", "a/7", "set_wav_3.wav"]


def test_differences_between_table_and_sounds_are_reported_for_each_file(tmp_path: Path) -> None:
    rows = ("set/wav/1.wav,joy,a", "set/wav/1.wav,sad,a", "set/wav/2.wav,,a", "wav/4.wav,sad,a")
    table = tabulate_table(tmp_path, "\n".join(["file,emotion,speaker", *rows]))
    assert table.utterances == ()
    assert {rejection.file: rejection.reason for rejection in table.rejected} == {
        "wav/4.wav": "set/labels.csv lists it, but the sound does not exist",
        "set/wav/1.wav": "set/labels.csv has 2 rows for it; allowed: one",
        "set/wav/2.wav": "set/labels.csv has no emotion for it",
        "set/wav/3.wav": "set/labels.csv has 0 rows for it; allowed: one",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "lacks the columns file, emotion, speaker; it has none"),
        ("file,speaker\n1.wav,a", "lacks the columns emotion; it has file, speaker"),
        ("file,emotion,speaker\n'ärger'".encode("latin-1"), "not in UTF-8"),
        ('file,emotion,speaker\n"1.wav', "cannot be read as CSV"),
        (b" " * (MAX_TABLE_BYTES + 1), "16,000,001 bytes; allowed: 16,000,000"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        tabulate_table(tmp_path, content)


@pytest.mark.parametrize("name", ["../labels.csv", "/etc/passwd", "labels.csv", "a.csv", "a\0b"])
def test_only_tables_in_the_corpus_are_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "labels.csv").write_text("file,emotion,speaker")
    archive = tmp_path / "archive"
    (archive / "set").mkdir(parents=True)
    (archive / "a.csv").mkdir()
    (archive / "set" / "real.csv").write_text("file,emotion,speaker")
    with pytest.raises(
        InvalidInput, match=r"is not a CSV file of the corpus; allowed: set/real\.csv"
    ):
        labelled_by_table(archive, SOUNDS, name)
