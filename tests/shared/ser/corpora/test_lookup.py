"""Files are found by the paths that people write into tables."""

from __future__ import annotations

from pathlib import PurePosixPath
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.corpora._lookup import Ambiguous, Lookup


def lookup(*files: str, paths: tuple[str, ...] = (), home: str = "") -> Lookup:
    return Lookup(map(PurePosixPath, files), paths, PurePosixPath(home))


def found(lookup: Lookup, path: str) -> str | list[str] | None:
    match lookup.find(path):
        case Ambiguous(candidates):
            return [*map(str, candidates)]
        case None:
            return None
        case file:
            return str(file)


@pytest.mark.parametrize(
    ("path", "files", "result"),
    [
        ("a/1.wav", ("a/1.wav", "x/a/1.wav"), "a/1.wav"),
        ("A/1.wav", ("a/1.wav", "x/a/1.wav"), "a/1.wav"),
        ("1.wav", ("a/1.wav", "b/2.wav"), "a/1.wav"),
        ("1.wav", ("a/1.wav", "b/1.wav"), ["a/1.wav", "b/1.wav"]),
        ("b/1.wav", ("a/1.wav", "b/1.wav", "ab/1.wav"), "b/1.wav"),
        ("/me/b/1.wav", ("1.wav", "b/1.wav"), "b/1.wav"),
        ("1", ("a/1.wav", "a/11.wav", "b/2.wav"), "a/1.wav"),
        ("1", ("a/1.wav", "b/1.flac"), ["a/1.wav", "b/1.flac"]),
        ("anna.01", ("x/anna.01.wav", "x/anna.wav"), "x/anna.01.wav"),
        ("a/1.wav", ("b/1.wav",), None),
        ("a/1.wav", ("1.wav", "b/2.wav"), "1.wav"),
        ("", ("1.wav",), None),
        (".", ("1.wav",), None),
        ("../1.wav", ("1.wav",), "1.wav"),
    ],
)
def test_a_path_fits_the_file_that_shares_the_longest_end(
    path: str, files: tuple[str, ...], result: str | list[str] | None
) -> None:
    assert found(lookup(*files), path) == result


def test_spellings_that_exist_are_kept_apart() -> None:
    files = lookup("Angry/1.wav", "angry/1.wav")
    assert found(files, "angry/1.wav") == "angry/1.wav"
    assert found(files, "ANGRY/1.wav") == ["Angry/1.wav", "angry/1.wav"]


def test_paths_relative_to_the_folder_of_the_table_come_first() -> None:
    assert found(lookup("a/1.wav", "b/1.wav", home="b"), "1.wav") == "b/1.wav"


def test_folders_that_all_paths_share_may_have_another_name() -> None:
    paths = ("/home/me/old/a/1.wav", "/home/me/old/b/1.wav")
    files = lookup("new/a/1.wav", "new/b/1.wav", paths=paths)
    assert [found(files, path) for path in paths] == ["new/a/1.wav", "new/b/1.wav"]
    assert found(files, "/home/me/old/c/1.wav") is None


def test_the_nearest_names_are_suggested() -> None:
    files = lookup("x/anna_angry_01.wav", "x/anna_angry_02.wav", "x/bob.wav")
    assert files.nearest("Anna_angri_01.wav")[0] == "x/anna_angry_01.wav"
    assert files.nearest("zzz") == []
    files = lookup("ann/joy/1.wav", "bob/joy/1.wav")
    assert files.nearest("C:\\data\\bob\\joy\\11.wav") == ["bob/joy/1.wav"]


PARTS = st.text(st.sampled_from("aAéß. "), min_size=1, max_size=3).filter(
    lambda part: part.strip(" .") != ""
)
NAMES = st.lists(PARTS, min_size=1, max_size=3).map("/".join)


@given(st.sets(NAMES, min_size=1, max_size=6), st.data())
def test_every_file_is_found_by_its_path_in_any_encoding(
    names: set[str], data: st.DataObject
) -> None:
    files = lookup(*names)
    name = data.draw(st.sampled_from(sorted(names)))
    assert found(files, name) == str(PurePosixPath(name))
    decompose = data.draw(st.booleans())
    other = found(files, normalize("NFD" if decompose else "NFC", f"/elsewhere/{name}".upper()))
    same = str(PurePosixPath(name))
    assert other == same or same in (other or ())
