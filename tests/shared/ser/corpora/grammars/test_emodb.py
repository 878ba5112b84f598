"""The grammar of EmoDB's file names, and the rejection of other files."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.corpora import CORPORA, recognise, tabulate
from ser.corpora.grammars.emodb import EMODB
from ser.errors import InvalidInput


def test_a_name_holds_speaker_text_and_emotion() -> None:
    utterance = EMODB.parse(PurePosixPath("wav/03a01Fa.wav"))
    assert utterance.name == "03a01Fa.wav"
    assert utterance.file == PurePosixPath("wav/03a01Fa.wav")
    assert (utterance.speaker, utterance.gender) == ("03", "male")
    assert (utterance.text, utterance.code) == ("a01", "F")


def test_the_labels_are_those_of_the_specification() -> None:
    assert {str(label): label.emotion for label in EMODB.labels} == {
        "W - Ärger (Wut)": "anger",
        "L - Langeweile": "boredom",
        "E - Ekel": "disgust",
        "A - Angst": "fear",
        "F - Freude": "happiness",
        "T - Trauer": "sadness",
        "N - Neutral": "neutral",
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("99a01Fa.wav", "EmoDB has no speaker '99'"),
        ("03a09Fa.wav", "EmoDB has no text 'a09'"),
        ("03a01Xa.wav", "EmoDB has no emotion 'X'"),
        ("03a01F.wav", "speaker, text, emotion, version"),
        ("03a01Fab.wav", "speaker, text, emotion, version"),
        ("03A01Fa.wav", "speaker, text, emotion, version"),
        ("٠٣a01Fa.wav", "EmoDB has no speaker"),
        ("laughter.wav", "speaker, text, emotion, version"),
    ],
)
def test_a_name_that_does_not_fit_is_rejected_with_the_reason(name: str, reason: str) -> None:
    table = tabulate([PurePosixPath(name), PurePosixPath("03a01Fa.wav")], EMODB)
    assert [u.name for u in table.utterances] == ["03a01Fa.wav"]
    assert [rejection.file for rejection in table.rejected] == [name]
    assert reason in table.rejected[0].reason


def test_the_first_of_two_files_with_one_name_is_used() -> None:
    table = tabulate([PurePosixPath("a/03a01Fa.wav"), PurePosixPath("b/03a01Fa.wav")], EMODB)
    assert [u.file for u in table.utterances] == [PurePosixPath("a/03a01Fa.wav")]
    assert "same name as a/03a01Fa.wav" in table.rejected[0].reason


def test_the_first_of_two_formats_of_a_recording_is_used() -> None:
    table = tabulate([PurePosixPath("03a01Fa.flac"), PurePosixPath("03a01Fa.wav")], EMODB)
    assert [u.name for u in table.utterances] == ["03a01Fa.flac"]
    assert [rejection.file for rejection in table.rejected] == ["03a01Fa.wav"]


def test_file_names_of_no_corpus_are_refused_with_examples() -> None:
    with pytest.raises(InvalidInput, match=r"none of the 2 sounds .*emodb.*bark\.wav"):
        recognise([PurePosixPath("bark.wav"), PurePosixPath("meow.wav")], CORPORA)


def test_an_archive_without_sounds_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no sounds"):
        recognise([], CORPORA)


@given(st.text(min_size=1))
def test_any_name_is_parsed_or_rejected(name: str) -> None:
    table = tabulate([PurePosixPath(name)], EMODB)
    assert len(table.utterances) + len(table.rejected) == 1
    assert all(rejection.reason for rejection in table.rejected)
