"""Corpora with labels in a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from unicodedata import normalize

import pytest

from ser.corpora import Table, tabulate
from ser.corpora._csv_files import MAX_TABLE_BYTES
from ser.corpora._tables import labelled_by_table
from ser.errors import InvalidInput


def paths(*names: str) -> list[PurePosixPath]:
    return [PurePosixPath(name) for name in names]


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


def test_differences_between_table_and_sounds_are_reported_for_each_file(tmp_path: Path) -> None:
    rows = ("set/wav/1.wav,joy,a", "set/wav/1.wav,sad,a", "set/wav/2.wav,,a", "wav/4.wav,sad,a")
    table = tabulate_table(tmp_path, "\n".join(["file,emotion,speaker", *rows]))
    assert table.utterances == ()
    assert {rejection.file: rejection.reason for rejection in table.rejected} == {
        "wav/4.wav": "set/labels.csv lists it, but the sound does not exist; "
        "nearest: set/wav/3.wav, set/wav/2.wav, set/wav/1.wav",
        "set/wav/1.wav": "set/labels.csv has 2 rows for it; allowed: one",
        "set/wav/2.wav": "set/labels.csv has no emotion for it",
        "set/wav/3.wav": "set/labels.csv has 0 rows for it; allowed: one",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "lacks the columns file, emotion, speaker; it has none"),
        ("file,speaker\n1.wav,a", "lacks the columns emotion; it has file, speaker"),
        (b"file,emotion,speaker\n\x81", "is not text: .*; allowed: UTF-8, UTF-16 or cp1252"),
        (b"\xff\xfef\0\n", "is not in UTF-16, as its first bytes say"),
        ("path,label\n1.wav,a", r"lacks the columns speaker; .*speaker \(or speaker id, actor"),
        ('file,emotion,speaker\n"1.wav', "cannot be read as CSV"),
        (b" " * (MAX_TABLE_BYTES + 1), "16,000,001 bytes; allowed: 16,000,000"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        tabulate_table(tmp_path, content)


ROWS = [
    ("file", "emotion", "speaker"),
    ("set/wav/1.wav", "Ärger", "03"),
    ("set/wav/2.wav", "Fröhlich", "08"),
    ("set/wav/3.wav", "Ärger", "08"),
]


def written(delimiter: str, rows: Sequence[tuple[str, ...]] = ROWS, end: str = "\n") -> str:
    return end.join(delimiter.join(row) for row in rows) + end


def facts(table: Table) -> list[tuple[str, str, str]]:
    return [(str(u.file), u.code, u.speaker) for u in table.utterances]


@pytest.mark.parametrize(
    "content",
    [
        written("\t").encode(),
        written("|").encode(),
        written(",", end="\r\n").encode("utf-8-sig"),
        written(",", end="\r").encode(),
        written(";").encode("cp1252"),
        written("\t").encode("utf-16"),
        written("\t").encode("utf-16-le"),
        written(";").encode("utf-16-be"),
        b"\xfe\xff" + written(";").encode("utf-16-be"),
        ("sep=;\n" + written(";")).encode(),
        ("\ufeffSEP=\t\r\n" + written("\t")).encode(),
        ('"sep=,"\n' + written(",")).encode(),
        # More commas than semicolons in the first line, of which one is in a name.
        written(";").replace("speaker", "speaker;a, b, c, d").encode(),
    ],
)
def test_tables_of_spreadsheets_are_read_in_their_dialect(tmp_path: Path, content: bytes) -> None:
    table = tabulate_table(tmp_path, content)
    assert facts(table) == ROWS[1:]
    assert table.rejected == ()
    assert len(table.notes) == (1 if content == written(";").encode("cp1252") else 0)


def test_a_guessed_encoding_is_noted(tmp_path: Path) -> None:
    (note,) = tabulate_table(tmp_path, written(";").encode("cp1252")).notes
    assert "set/labels.csv is not in UTF-8; it was read as cp1252" in note


@pytest.mark.parametrize(
    "header",
    [
        ("path", "label", "speaker"),
        ("Filename", "Emotion_Label", "Speaker-ID"),
        ("wav", "class", "actor"),
        ("audio", "category", "SUBJECT"),
        ("file_path", "label", "Actor ID"),
    ],
)
def test_columns_have_common_other_names(tmp_path: Path, header: tuple[str, ...]) -> None:
    assert facts(tabulate_table(tmp_path, written(",", [header, *ROWS[1:]]))) == ROWS[1:]


def test_of_two_columns_the_one_with_the_documented_name_is_used(tmp_path: Path) -> None:
    rows = [("label", "name", "file", "emotion", "speaker")]
    rows += [("wrong", "wrong.wav", *row) for row in ROWS[1:]]
    assert facts(tabulate_table(tmp_path, written(",", rows))) == ROWS[1:]


def test_spellings_of_labels_speakers_and_genders_are_united_with_a_note(tmp_path: Path) -> None:
    rows = [
        ("file", "emotion", "speaker", "gender"),
        ("set/wav/1.wav", "ÄRGER ", "Anna", "Female"),
        ("set/wav/2.wav", "Ärger", "anna", "female"),
        ("set/wav/3.wav", normalize("NFD", "Ärger"), "anna", "female"),
    ]
    table = tabulate_table(tmp_path, written(";", rows))
    assert {(u.code, u.speaker, u.gender) for u in table.utterances} == {
        ("Ärger", "anna", "female")
    }
    assert [label.emotion for label in table.corpus.labels] == ["anger"]
    labels, speakers, genders = table.notes
    for spelling in ("'ÄRGER '", "'Ärger'", "(decomposed, NFD)", "as 'Ärger'"):
        assert spelling in labels
    assert "speakers that differ" in speakers
    assert "genders that differ" in genders


@pytest.mark.parametrize(
    "path_of",
    [
        lambda path: PurePosixPath(path).name,
        lambda path: path.removeprefix("set/"),
        lambda path: path.replace("/", "\\"),
        lambda path: "C:\\Users\\me\\" + path.replace("/", "\\"),
        lambda path: f"/home/me/corpus/{path}",
        lambda path: f"file:///home/me/{path}",
        lambda path: path.replace("set/", "/home/me/flat/"),
        lambda path: path.removesuffix(".wav"),
        lambda path: path.replace(".wav", ".WAV"),
        lambda path: path.replace(".wav", ".mp3"),
        lambda path: f" {path.upper()} ",
    ],
)
def test_paths_of_other_machines_fit_the_sounds(
    tmp_path: Path, path_of: Callable[[str], str]
) -> None:
    rows = [ROWS[0], *((path_of(path), *others) for path, *others in ROWS[1:])]
    table = tabulate_table(tmp_path, written(",", rows))
    assert facts(table) == ROWS[1:]
    assert table.rejected == ()


def test_a_note_says_how_many_sounds_have_other_paths(tmp_path: Path) -> None:
    rows = [ROWS[0], ("1.wav", "joy", "a"), ("wav/2.wav", "sad", "a")]
    (note,) = tabulate_table(tmp_path, written(",", rows)).notes
    assert note == (
        "1 of 2 paths in set/labels.csv were found elsewhere: 1.wav as set/wav/1.wav, ..."
    )


def test_the_table_itself_may_be_named_by_its_base_name(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "._Labels.csv").write_text("clutter")
    (tmp_path / "set" / "Labels.CSV").write_text(written(","))
    assert facts(tabulate(SOUNDS, labelled_by_table(tmp_path, SOUNDS, "labels.csv"))) == ROWS[1:]


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


def test_a_table_may_name_the_takes_of_utterances(tmp_path: Path) -> None:
    rows = ["file,emotion,speaker,take", "set/wav/1.wav,joy,a,7", "set/wav/2.wav,joy,a,7"]
    table = tabulate_table(tmp_path, "\n".join([*rows, "set/wav/3.wav,joy,a,"]))
    assert [u.group for u in table.utterances] == ["a/7", "a/7", "set_wav_3.wav"]
