"""Corpora in the trees in which they are distributed are recognised as themselves."""

from __future__ import annotations

from collections import Counter
from pathlib import Path, PurePosixPath

import pytest

from ser.corpora import CORPORA, Corpus, CorpusChoice, Table, recognise, tabulate
from ser.corpora._documents import find_documents
from trees import TREES, Tree

every_tree = pytest.mark.parametrize("tree", TREES.values(), ids=TREES)


def tabulated(tree: Tree, folder: Path, choice: object = "auto") -> Table:
    tree.write_documents(folder)
    choices = CorpusChoice.parse(choice).corpora(folder, tree.paths())
    (table,) = recognise(tree.paths(), choices)
    return table


def test_every_corpus_has_a_tree() -> None:
    assert {tree.corpus for tree in TREES.values()} == {corpus.name for corpus in CORPORA}


@every_tree
def test_auto_recognises_the_corpus_with_its_emotions_speakers_and_genders(
    tree: Tree, tmp_path: Path
) -> None:
    table = tabulated(tree, tmp_path)
    assert table.corpus.name == tree.corpus
    assert len(table.utterances) == tree.utterances, table.rejected
    assert len(table.utterances) + len(table.rejected) == len(tree.sounds)
    english = {label.code: label.emotion for label in table.corpus.labels}
    assert {english[u.code] for u in table.utterances} == tree.emotions
    assert len({u.speaker for u in table.utterances}) == tree.speakers
    assert Counter(u.gender for u in table.utterances) == tree.genders


@every_tree
def test_no_other_corpus_claims_a_sound_of_it(tree: Tree, tmp_path: Path) -> None:
    tree.write_documents(tmp_path)
    documents = find_documents(tmp_path)
    claims = {
        corpus.name: len(
            tabulate(tree.paths(), corpus.opened(tmp_path, documents, tree.paths())).utterances
        )
        for corpus in CORPORA
    }
    assert {name for name, claimed in claims.items() if claimed} == {tree.corpus}


@every_tree
def test_a_table_beside_the_sounds_is_used_or_mentioned(tree: Tree, tmp_path: Path) -> None:
    notes = tabulated(tree, tmp_path, tree.corpus).corpus.notes
    assert len(notes) == (1 if tree.mentioned else 0)
    assert all(name in notes[0] for name in tree.mentioned)


@pytest.mark.parametrize(
    ("tree", "file", "reason"),
    [
        ("RAVDESS, speech and song", "03-02-05-01-01-01-02", "it is sung"),
        ("RAVDESS, an archive for each actor", "/02-01-05", "has no modality '02'"),
        ("IEMOCAP", "Ses01F_impro01_M002", "its listeners disagreed on the emotion (xxx)"),
        ("IEMOCAP", "Ses05M_script01_1b_FXX0", "not in their list (oth)"),
        ("IEMOCAP", "dialog/wav/Ses01F_impro01", "as in Ses01F_impro01_M003"),
        ("MELD", "test/dia93_utt5", "final_videos_testdia93_utt5 replaces it"),
        ("MELD", "test/dia108_utt2", "no table test_sent_emo.csv has a row for it"),
    ],
)
def test_a_sound_that_is_not_used_is_rejected_with_the_reason(
    tmp_path: Path, tree: str, file: str, reason: str
) -> None:
    table = tabulated(TREES[tree], tmp_path)
    (rejection,) = (each for each in table.rejected if file in each.file)
    assert reason in rejection.reason


def corpus_of(name: str) -> Corpus:
    (corpus,) = (corpus for corpus in CORPORA if corpus.name == name)
    return corpus


@pytest.mark.parametrize(
    ("corpus", "file", "reason"),
    [
        ("meld", "train_splits/dia0_utt0.wav", "no table train_sent_emo.csv has a row"),
        ("meld", "clips/dia0_utt0.wav", "named after a part of MELD: train, dev, test"),
        ("iemocap", "Ses01F_impro01_M003.wav", "neither EmoEvaluation nor iemocap_full_dataset"),
        ("aesdd", "ann/happy/a01 (1).wav", "folder of the emotion"),
        ("aesdd", "anger/s01 (1).wav", "folder of the emotion"),
        ("aesdd", "ann/angry/a01 (1).wav", "folder of the emotion"),
        ("esd", "train/0011_000351.wav", "as in Angry/train/0011_000351"),
        ("esd", "0011/Fear/0011_000351.wav", "has no emotion 'Fear'"),
        ("cafe", "13-C-1-1.wav", "has no actor '13'"),
        ("nemo", "OAF_anger_10.wav", "as in EB0_anger_10"),
        ("nemo", "XY0_anger_10.wav", "has no speaker 'XY0'"),
        ("mesd", "Anger_X_A_abajo.wav", "has no voice 'X'"),
        ("jl", "female3_angry_1a_1.wav", "has no speaker 'female3'"),
        ("subesco", "F_01_OISHI_S_11_ANGRY_1.wav", "has no sentence '11'"),
        ("shemo", "F32A01.wav", "has no speaker 'F32'"),
    ],
)
def test_a_name_that_does_not_fit_is_rejected_with_the_reason(
    corpus: str, file: str, reason: str
) -> None:
    (rejection,) = tabulate([PurePosixPath(file)], corpus_of(corpus)).rejected
    assert reason in rejection.reason


def test_a_note_counts_the_sounds_of_a_corpus_that_is_twice_in_its_archive(tmp_path: Path) -> None:
    table = tabulated(TREES["RAVDESS of Kaggle, everything twice"], tmp_path)
    assert table.notes == (
        "sounds with the name of another: 32; the first of each is used, see rejected",
    )


def test_irregular_names_of_the_originals_are_understood(tmp_path: Path) -> None:
    named = {
        str(u.file): (u.name, u.speaker)
        for tree in ("TESS", "CREMA-D", "SUBESCO")
        for u in tabulated(TREES[tree], tmp_path / tree).utterances
    }
    assert named["OA_bite_neutral.wav"] == ("OAF_bite_neutral.wav", "OAF")
    assert named["AudioWAV/1040_ITH_SAD_X.wav"] == ("1040_ITH_SAD_XX.wav", "1040")
    assert named["SUBESCO/F_02_MONIKA_S_2_SURPRISE_3].wav"] == (
        "F_02_MONIKA_S_2_SURPRISE_3.wav",
        "F_02",
    )


def test_sentences_of_esd_are_the_same_in_every_emotion() -> None:
    def text(file: str) -> str:
        return corpus_of("esd").parse(PurePosixPath(file)).text

    assert text("0011/Angry/0011_000351.wav") == text("0012/Neutral/0012_000001.wav") == "en001"
    assert text("0001/Surprise/0001_001750.wav") == "zh350"


def test_a_word_of_mesd_is_the_same_text_as_macos_writes_it() -> None:
    files = (PurePosixPath(f"Fear_F_A_{word}.wav") for word in ("adi\xf3s", "adio\u0301s"))
    assert {corpus_of("mesd").parse(file).text for file in files} == {"adi\xf3s"}
    assert corpus_of("mesd").parse(PurePosixPath("Fear_F_B_calma.wav")).text == ""


def test_dialogues_of_meld_with_one_number_in_two_parts_are_different_utterances(
    tmp_path: Path,
) -> None:
    names = {u.name: u.speaker for u in tabulated(TREES["MELD"], tmp_path).utterances}
    assert names["train_dia0_utt0.wav"] == "Chandler"
    assert names["dev_dia0_utt0.wav"] == "Phoebe"
    assert names["test_dia0_utt0.wav"] == "Mark"
