"""Spellings that people read as the same."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.corpora._text import folded, unite_spellings


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Angry", "ANGRY "),
        ("Ärger", normalize("NFD", "ärger")),
        ("straße", "STRASSE"),
        ("\u00a0joy\t", "Joy"),
    ],
)
def test_case_accents_and_outer_spaces_make_no_difference(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@pytest.mark.parametrize(("one", "other"), [("Arger", "Ärger"), ("a b", "ab"), ("1", "01")])
def test_other_differences_remain(one: str, other: str) -> None:
    assert folded(one) != folded(other)


@given(st.text())
def test_folding_is_idempotent_and_ignores_encoding_and_case(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert folded(normalize("NFD", text)) == folded(normalize("NFC", text)) == folded(text)


def test_the_most_frequent_spelling_is_used_composed_and_trimmed() -> None:
    ärger = normalize("NFD", "Ärger")
    spellings = unite_spellings([ärger, ärger, "ÄRGER", "joy", " Joy ", "sad"])
    assert {spellings[each] for each in (ärger, "ÄRGER", "ärger ")} == {"Ärger"}
    assert spellings["joy"] == "Joy"
    assert "sad" not in spellings.notes("labels")[0]


def test_without_several_spellings_there_is_no_note() -> None:
    assert unite_spellings(["joy", "joy", "sad"]).notes("labels") == ()
