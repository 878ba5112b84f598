"""The grammars of the corpora other than EmoDB, and the recognition of corpora."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.corpora import CORPORA, Corpus, recognise, tabulate
from ser.corpora.grammars.crema_d import GENDERS
from ser.errors import InvalidInput
from stacks import ROOT

BY_NAME = {corpus.name: corpus for corpus in CORPORA}
EMOTIONS = {
    *("anger", "boredom", "calm", "disgust", "fear", "happiness", "neutral", "sadness"),
    *("surprise", "excitement", "frustration"),
    *("anxiety", "apology", "assertiveness", "concern", "encouragement"),
}


def paths(*names: str) -> list[PurePosixPath]:
    return [PurePosixPath(name) for name in names]


def test_the_corpora_have_the_names_that_requests_use() -> None:
    assert list(BY_NAME) == [
        *("emodb", "ravdess", "crema-d", "savee", "tess", "emovo", "esd", "meld", "iemocap"),
        *("nemo", "cafe", "aesdd", "mesd", "jl", "subesco", "shemo"),
    ]


@pytest.mark.parametrize("corpus", CORPORA, ids=BY_NAME)
def test_labels_are_english_throughout_and_in_the_order_of_their_codes(corpus: Corpus) -> None:
    codes = [label.code for label in corpus.labels]
    assert codes == sorted(set(codes))
    emotions = [label.emotion for label in corpus.labels]
    assert set(emotions) <= EMOTIONS
    assert len(set(emotions)) == len(emotions)


@pytest.mark.parametrize(
    ("corpus", "file", "label", "emotion", "speaker", "gender", "text"),
    [
        ("ravdess", "03-01-05-01-02-01-18", "05 - angry", "anger", "18", "female", "02"),
        ("ravdess", "03-01-02-02-01-02-01", "02 - calm", "calm", "01", "male", "01"),
        ("crema-d", "1001_DFA_ANG_XX", "ANG - anger", "anger", "1001", "male", "DFA"),
        ("crema-d", "1091_IEO_HAP_LO", "HAP - happy", "happiness", "1091", "female", "IEO"),
        ("savee", "DC/su05", "su - surprise", "surprise", "DC", "male", ""),
        ("savee", "all/KL_n30", "n - neutral", "neutral", "KL", "male", ""),
        ("tess", "OAF_lid_fear", "fear - fear", "fear", "OAF", "female", "lid"),
        ("tess", "YAF_lid_ps", "ps - pleasant surprise", "surprise", "YAF", "female", "lid"),
        ("emovo", "gio-f2-b2", "gio - gioia", "happiness", "f2", "female", "b2"),
        ("emovo", "rab-m1-n5", "rab - rabbia", "anger", "m1", "male", "n5"),
    ],
)
def test_a_file_name_holds_emotion_speaker_gender_and_text(
    corpus: str, file: str, label: str, emotion: str, speaker: str, gender: str, text: str
) -> None:
    utterance = BY_NAME[corpus].parse(PurePosixPath(f"archive/{file}.wav"))
    (found,) = (each for each in BY_NAME[corpus].labels if each.code == utterance.code)
    assert (str(found), found.emotion) == (label, emotion)
    assert (utterance.speaker, utterance.gender, utterance.text) == (speaker, gender, text)


@pytest.mark.parametrize(
    ("corpus", "name", "reason"),
    [
        ("ravdess", "03-02-05-01-02-01-18.wav", "sung"),
        ("ravdess", "02-01-05-01-02-01-18.wav", "has no modality '02'"),
        ("ravdess", "03-01-09-01-02-01-18.wav", "has no emotion '09'"),
        ("ravdess", "03-01-05-01-02-01-25.wav", "has no actor '25'"),
        ("ravdess", "03-01-05-01-02-18.wav", "as in 03-01-05-01-02-01-18"),
        ("crema-d", "1092_DFA_ANG_XX.wav", "has no actor '1092'"),
        ("crema-d", "1001_ABC_ANG_XX.wav", "has no sentence 'ABC'"),
        ("crema-d", "1001_DFA_JOY_XX.wav", "has no emotion 'JOY'"),
        ("crema-d", "1001_DFA_ANG.wav", "as in 1001_DFA_ANG_XX"),
        ("savee", "DC/x01.wav", "has no emotion 'x'"),
        ("savee", "AudioData/a01.wav", "has no speaker 'AudioData'"),
        ("savee", "DC/a1.wav", "as in DC/a01 or DC_a01"),
        ("tess", "MAF_lid_fear.wav", "has no speaker 'MAF'"),
        ("tess", "OAF_lid_joy.wav", "has no emotion 'joy'"),
        ("tess", "OAF_fear.wav", "as in OAF_lid_fear"),
        ("emovo", "gio-f4-b2.wav", "has no speaker 'f4'"),
        ("emovo", "joy-f2-b2.wav", "has no emotion 'joy'"),
        ("emovo", "gio-f2.wav", "as in gio-f2-b2"),
    ],
)
def test_a_name_that_does_not_fit_is_rejected_with_the_reason(
    corpus: str, name: str, reason: str
) -> None:
    (rejection,) = tabulate(paths(name), BY_NAME[corpus]).rejected
    assert rejection.file == name
    assert reason in rejection.reason


def test_there_are_43_women_and_48_men_in_crema_d() -> None:
    assert Counter(GENDERS.values()) == {"female": 43, "male": 48}
    assert list(GENDERS)[-1] == "1091"


def test_utterances_of_savee_have_unique_names() -> None:
    table = tabulate(paths("DC/a01.wav", "JE/a01.wav", "KL_a01.wav"), BY_NAME["savee"])
    assert [u.name for u in table.utterances] == ["DC_a01.wav", "JE_a01.wav", "KL_a01.wav"]


def test_the_first_of_both_layouts_of_savee_is_used() -> None:
    table = tabulate(paths("DC/a01.wav", "all/DC_a01.wav"), BY_NAME["savee"])
    assert [u.file for u in table.utterances] == paths("DC/a01.wav")
    assert [rejection.file for rejection in table.rejected] == ["all/DC_a01.wav"]


def test_a_recording_of_ravdess_with_and_without_video_is_used_once() -> None:
    files = paths("01-01-05-01-02-01-18.wav", "03-01-05-01-02-01-18.wav")
    table = tabulate(files, BY_NAME["ravdess"])
    assert [u.name for u in table.utterances] == ["03-01-05-01-02-01-18.wav"]
    assert len(table.rejected) == 1


@pytest.mark.parametrize(
    ("corpus", "file"),
    [
        ("emodb", "wav/03a01Fa.wav"),
        ("ravdess", "Actor_18/03-01-05-01-02-01-18.wav"),
        ("crema-d", "AudioWAV/1001_DFA_ANG_XX.wav"),
        ("savee", "AudioData/DC/a01.wav"),
        ("tess", "OAF_Fear/OAF_lid_fear.wav"),
        ("emovo", "EMOVO/f2/gio-f2-b2.wav"),
    ],
)
def test_the_corpus_that_most_file_names_fit_is_recognised(corpus: str, file: str) -> None:
    (table,) = recognise(paths("music/intro.wav", file), CORPORA)
    assert table.corpus.name == corpus
    assert [rejection.file for rejection in table.rejected] == ["music/intro.wav"]


def test_another_corpus_than_the_one_stated_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"the given corpus \(tess\): 03a01Fa\.wav"):
        recognise(paths("03a01Fa.wav"), [BY_NAME["tess"]])


@given(st.sampled_from(CORPORA), st.text(min_size=1))
def test_any_name_is_parsed_or_rejected(corpus: Corpus, name: str) -> None:
    table = tabulate([PurePosixPath(name)], corpus)
    assert len(table.utterances) + len(table.rejected) == 1


@pytest.mark.parametrize("corpus", CORPORA, ids=BY_NAME)
def test_the_documentation_names_every_corpus_with_its_emotions(corpus: Corpus) -> None:
    lines = (ROOT / "docs" / "corpora.md").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith(f"| `{corpus.name}` |"))
    emotions = line.strip("| ").rpartition("| ")[2].split(", ")
    assert emotions == sorted(label.emotion for label in corpus.labels)
