"""``corpus: "auto"`` uses folders named by emotions as labels if no file name fits a corpus."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from ser.corpora import SYNTHETIC, CorpusChoice, Table, find_sounds, recognise
from ser.errors import InvalidInput


def recognise_names(*names: str, folder: Path = Path("nowhere")) -> Table:
    """Return the table of an archive with sounds called ``names``, by ``corpus: "auto"``."""
    sounds = [PurePosixPath(name) for name in names]
    (table,) = recognise(sounds, CorpusChoice.parse("auto").corpora(folder, sounds))
    return table


def labels(table: Table) -> dict[str, str]:
    return {str(label): label.emotion for label in table.corpus.labels}


def test_folders_named_by_emotions_are_the_labels_and_speakers_are_unknown() -> None:
    table = recognise_names("set/angry/1.wav", "set/angry/2.wav", "set/Freude/1.wav")
    assert table.corpus.name == "folder"
    assert labels(table) == {"Freude - Freude": "happiness", "angry - angry": "anger"}
    assert [(u.name, u.code, u.speaker) for u in table.utterances] == [
        ("set_Freude_1.wav", "Freude", ""),
        ("set_angry_1.wav", "angry", ""),
        ("set_angry_2.wav", "angry", ""),
    ]


def test_a_note_names_the_folders_and_the_way_to_state_speakers() -> None:
    (note,) = recognise_names("angry/1.wav", "sad/1.wav").notes
    for words in ("folders are the labels (angry, sad)", "speakers are unknown", "speaker_pattern"):
        assert words in note


def test_emotions_nested_in_folders_of_speakers_are_the_labels() -> None:
    table = recognise_names("ann/happy/1.wav", "ann/sad/1.wav", "bob/happy/1.wav", "bob/sad/1.wav")
    assert [(u.name, u.code) for u in table.utterances] == [
        ("ann_happy_1.wav", "happy"),
        ("ann_sad_1.wav", "sad"),
        ("bob_happy_1.wav", "happy"),
        ("bob_sad_1.wav", "sad"),
    ]


def test_two_spellings_of_one_emotion_are_one_label() -> None:
    table = recognise_names("ann/Happy/1.wav", "bob/happy/1.wav", "bob/joy/1.wav", "ann/sad/1.wav")
    assert labels(table) == {"Happy - Happy": "happiness", "sad - sad": "sadness"}
    assert [u.code for u in table.utterances] == ["Happy", "sad", "Happy", "Happy"]


def test_accents_as_macos_writes_them_are_understood() -> None:
    assert set(labels(recognise_names("A\u0308rger/1.wav", "Trauer/1.wav")).values()) == {
        "anger",
        "sadness",
    }


@pytest.mark.parametrize(
    "names",
    [
        ("happy/1.wav", "happy/2.wav"),
        ("ann/happy/1.wav", "bob/Happy/1.wav"),
        ("happy/1.wav", "sad/1.wav", "music/1.wav"),
        ("happy/1.wav", "sad/1.wav", "intro.wav"),
        ("happy/ann/1.wav", "sad/ann/1.wav"),
        ("01_angry/1.wav", "02_sad/1.wav"),
    ],
    ids=[
        "one folder only",
        "one emotion only",
        "a folder with another name",
        "a sound in no folder",
        "speakers nested in emotions",
        "numbered folders",
    ],
)
def test_other_folders_are_refused_with_their_names_and_the_remedy(names: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput) as caught:
        recognise_names(*names)
    folders = ", ".join(sorted({PurePosixPath(name).parent.name for name in names} - {""}))
    assert f'{{"label": "folder"}} if the folders are the labels ({folders})' in str(caught.value)


def test_a_refusal_names_ten_folders_at_most() -> None:
    with pytest.raises(InvalidInput, match=r"labels \(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\.\)"):
        recognise_names(*(f"{n}/a.wav" for n in range(10)), "A/a.wav")


def test_a_refusal_of_sounds_in_no_folder_does_not_suggest_folders() -> None:
    with pytest.raises(InvalidInput) as caught:
        recognise_names("1.wav")
    assert "folder" not in str(caught.value)


def test_file_names_of_a_known_corpus_take_precedence_over_folders() -> None:
    table = recognise_names("angry/03a01Wa.wav", "sad/03a01Ta.wav", "sad/other.wav")
    assert table.corpus.name == "emodb"
    assert [u.speaker for u in table.utterances] == ["03", "03"]
    assert [rejection.file for rejection in table.rejected] == ["sad/other.wav"]
    assert table.notes == ()


def test_a_table_with_the_labels_takes_precedence_over_folders(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("name,age\n")
    (tmp_path / "labels.csv").write_text("file,emotion,speaker\nsad/1.wav,joy,ann\n")
    table = recognise_names("happy/1.wav", "sad/1.wav", folder=tmp_path)
    assert table.corpus.name == "table"
    assert [(u.name, u.code, u.speaker) for u in table.utterances] == [("sad_1.wav", "joy", "ann")]
    used, unused = table.notes
    assert used == "no file name fits a known corpus, so labels.csv gives labels and speakers"
    assert "(other.csv)" in unused


@pytest.mark.parametrize("name", ["labels.csv", "set/labels.TSV", "labels.xlsx"])
@pytest.mark.parametrize("choice", ["auto", "emodb", {"label": "folder"}])
def test_a_table_beside_labelled_sounds_is_mentioned(
    tmp_path: Path, name: str, choice: object
) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "._labels.csv").touch()
    (tmp_path / name).touch()
    sounds = [PurePosixPath("wav/03a01Fa.wav")]
    corpora = CorpusChoice.parse(choice).corpora(tmp_path, sounds)
    (note,) = {note for corpus in corpora for note in corpus.notes}
    assert f"tables beside the sounds ({name}); " in note
    assert '{"table": "<CSV file>"}' in note


def test_a_refusal_of_folders_for_parts_of_a_corpus_suggests_the_pattern() -> None:
    with pytest.raises(InvalidInput, match=r'"label_pattern": .* if a folder further up'):
        recognise_names("ESD/03/Angry/train/a.wav", "ESD/03/Sad/test/b.wav")


def test_folders_of_synthetic_speech_are_called_synthetic(tmp_path: Path) -> None:
    (tmp_path / "README.txt").write_text(SYNTHETIC)
    table = recognise_names("angry/1.wav", "sad/1.wav", folder=tmp_path)
    assert table.corpus.name == "synthetic folder"


def test_a_corpus_that_is_stated_is_not_recognised_by_folders() -> None:
    sounds = [PurePosixPath("angry/1.wav"), PurePosixPath("sad/1.wav")]
    with pytest.raises(InvalidInput, match=r"the given corpus \(emodb\)"):
        recognise(sounds, CorpusChoice.parse("emodb").corpora(Path("nowhere"), sounds))


def test_the_sounds_of_a_folder_are_found_at_any_depth_by_their_suffix(tmp_path: Path) -> None:
    for name in ("b.WAV", "a/c.flac", "a/notes.txt", "folder.wav/d.ogg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [str(sound) for sound in find_sounds(tmp_path)] == [
        "a/c.flac",
        "b.WAV",
        "folder.wav/d.ogg",
    ]
