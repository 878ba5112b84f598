"""Corpora with labels in folder names."""

from __future__ import annotations

from pathlib import PurePosixPath
from unicodedata import normalize

import pytest

from ser.corpora import Table, tabulate
from ser.corpora._english import english
from ser.corpora._labelled import labelled_by_folder


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


def test_spellings_of_a_folder_are_one_label_and_of_a_speaker_one_speaker() -> None:
    ärger = normalize("NFD", "Ärger")
    table = tabulate_folders(
        "Spk1/Ärger/1.wav",
        f"spk1/{ärger}/2.wav",
        "spk1/ÄRGER /3.wav",
        "spk2/joy/1.wav",
        speaker_pattern="(?i)(spk.)/",
    )
    assert {(u.code, u.speaker) for u in table.utterances} == {("Ärger", "spk1"), ("joy", "spk2")}
    labels, speakers = table.notes
    assert "'ÄRGER ' and " in labels
    assert "decomposed" in labels
    assert "'Spk1' and 'spk1' as 'spk1'" in speakers
