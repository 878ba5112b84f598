"""Utterances, speakers and texts that are held out."""

from __future__ import annotations

from pathlib import PurePosixPath

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.corpora import Utterance
from ser.corpora.grammars.emodb import parse
from ser.errors import InvalidInput
from ser.evaluation import (
    corpus_folds,
    hold_out,
    published_samples,
    speaker_folds,
    text_folds,
)
from ser.limits import UNLIMITED, Limit

SPEAKERS = ("03", "08", "09", "10", "11")


def utterances(counts: dict[str, int], speakers: tuple[str, ...] = SPEAKERS) -> list[Utterance]:
    """Utterances by the number of each emotion; the speakers take turns."""
    return [
        parse(PurePosixPath(f"{speakers[n % len(speakers)]}a0{1 + n % 2}{code}{chr(97 + n // 10)}"))
        for code, count in counts.items()
        for n in range(count)
    ]


@given(
    counts=st.dictionaries(st.sampled_from("WLEAFTN"), st.integers(2, 40), min_size=2),
    seed=st.integers(0, 99),
)
def test_a_tenth_of_each_emotion_is_held_out_and_at_least_one(
    counts: dict[str, int], seed: int
) -> None:
    corpus = utterances(counts)
    held_out = hold_out(corpus, "utterance", seed)
    for code, count in counts.items():
        held = sum(u.code == code for u in corpus if u.name in held_out)
        assert held == max(1, round(count / 10))


@given(seed=st.integers(0, 99))
def test_utterances_of_one_take_stay_together(seed: int) -> None:
    corpus = [
        msgspec.structs.replace(u, speaker="", take=f"take {n // 2}")
        for n, u in enumerate(utterances({"W": 40, "L": 30}))
    ]
    held_out = hold_out(corpus, "utterance", seed)
    assert {u.take for u in corpus if u.name in held_out}.isdisjoint(
        {u.take for u in corpus if u.name not in held_out}
    )
    assert len(held_out) == 2 * (2 + 2)


def test_takes_of_one_name_by_two_speakers_are_different_takes() -> None:
    corpus = [msgspec.structs.replace(u, take=u.code) for u in utterances({"W": 5, "L": 5})]
    assert len(hold_out(corpus, "utterance", 0)) == 2


def test_the_random_state_decides_which_utterances_are_held_out() -> None:
    corpus = utterances({"W": 30, "L": 30})
    assert hold_out(corpus, "utterance", 1) == hold_out(corpus, "utterance", 1)
    assert hold_out(corpus, "utterance", 1) != hold_out(corpus, "utterance", 2)


def test_whole_speakers_are_held_out() -> None:
    corpus = utterances({"W": 30, "L": 30})
    held_out = hold_out(corpus, "speaker", 0)
    (speaker,) = {u.speaker for u in corpus if u.name in held_out}
    assert held_out == {u.name for u in corpus if u.speaker == speaker}


@given(
    counts=st.dictionaries(st.sampled_from("WLEAFTN"), st.integers(2, 60), min_size=2),
    limit=st.integers(1, 200),
    seed=st.integers(0, 99),
)
def test_published_samples_have_the_shares_of_the_emotions(
    counts: dict[str, int], limit: int, seed: int
) -> None:
    corpus = utterances(counts)
    held_out = {u.name for u in corpus if u.name[-1] != "a"} or {u.name for u in corpus}
    published = published_samples(corpus, held_out, Limit(limit), seed)
    assert published <= held_out
    assert len(published) == min(limit, len(held_out))
    of_all = {c: sum(u.code == c for u in corpus if u.name in held_out) for c in counts}
    for code, count in of_all.items():
        chosen = sum(u.code == code for u in corpus if u.name in published)
        assert chosen >= min(count, 1) or limit < len(counts)
        # Each emotion is rounded up at most.
        assert abs(chosen - count * len(published) / len(held_out)) < len(counts)


def test_published_samples_follow_the_random_state_and_not_the_order() -> None:
    corpus = utterances({"W": 30, "L": 30})
    names = {u.name for u in corpus}
    first = published_samples(corpus, names, Limit(10), 1)
    assert first == published_samples(corpus[::-1], names, Limit(10), 1)
    assert first != published_samples(corpus, names, Limit(10), 2)
    assert sum("L" in name for name in first) == 5
    assert published_samples(corpus, names, UNLIMITED, 1) == names


def test_each_speaker_is_left_out_once() -> None:
    corpus = utterances({"W": 20, "L": 20})
    folds = speaker_folds(corpus)
    assert set(folds) == set(SPEAKERS)
    assert set().union(*folds.values()) == {u.name for u in corpus}
    assert sum(map(len, folds.values())) == len({u.name for u in corpus})


@given(speakers=st.integers(2, 24), count=st.integers(2, 9))
def test_folds_of_several_speakers_are_balanced_and_share_no_speaker(
    speakers: int, count: int
) -> None:
    corpus = [
        msgspec.structs.replace(u, speaker=f"{n % speakers:02}", name=str(n))
        for n, u in enumerate(utterances({"W": 2 * speakers, "L": 2 * speakers}))
    ]
    folds = speaker_folds(corpus, count)
    assert len(folds) == min(count, speakers)
    assert sorted(name for names in folds.values() for name in names) == sorted(
        utterance.name for utterance in corpus
    )
    found = [{u.speaker for u in corpus if u.name in names} for names in folds.values()]
    assert [" + ".join(sorted(each)) for each in found] == list(folds)
    assert sum(map(len, found)) == speakers
    assert max(map(len, found)) - min(map(len, found)) <= 1


def test_speakers_take_turns_in_the_folds() -> None:
    folds = speaker_folds(utterances({"W": 20, "L": 20}), 2)
    assert list(folds) == ["03 + 09 + 11", "08 + 10"]


@pytest.mark.parametrize("split", ["utterance", "speaker"])
def test_a_single_emotion_is_refused(split: str) -> None:
    with pytest.raises(InvalidInput, match="the same emotion, W"):
        hold_out(utterances({"W": 9}), split, 0)  # type: ignore[arg-type]


def test_an_emotion_with_one_utterance_is_named() -> None:
    with pytest.raises(InvalidInput, match="no utterance of T is left for training"):
        hold_out(utterances({"W": 9, "T": 1}), "utterance", 0)


def test_a_single_speaker_cannot_be_left_out() -> None:
    corpus = utterances({"W": 9, "T": 9}, speakers=("03",))
    with pytest.raises(InvalidInput, match="only one speaker, 03"):
        hold_out(corpus, "speaker", 0)
    with pytest.raises(InvalidInput, match="only one speaker, 03"):
        speaker_folds(corpus)


def test_each_text_is_left_out_once() -> None:
    corpus = utterances({"W": 20, "L": 20})
    folds = text_folds(corpus)
    assert set(folds) == {"a01", "a02"}
    assert sorted(name for names in folds.values() for name in names) == sorted(
        utterance.name for utterance in corpus
    )


def test_texts_that_are_unknown_too_many_or_tied_to_an_emotion_are_not_left_out() -> None:
    corpus = utterances({"W": 20, "L": 20})
    unknown = [msgspec.structs.replace(corpus[0], text=""), *corpus[1:]]
    own = [msgspec.structs.replace(u, text=u.code) for u in corpus]
    many = [msgspec.structs.replace(u, text=str(n % 21)) for n, u in enumerate(corpus * 3)]
    assert text_folds(unknown) == text_folds(own) == text_folds(many) == {}


def in_corpora(codes: dict[str, str]) -> list[Utterance]:
    """Two utterances of each emotion in ``codes``, by the name of the corpus."""
    return [
        msgspec.structs.replace(u, corpus=name, name=f"{name}_{u.name}")
        for name, emotions in codes.items()
        for u in utterances(dict.fromkeys(emotions, 2))
    ]


def test_each_corpus_is_left_out_once_with_all_its_utterances() -> None:
    spoken = in_corpora({"one": "WN", "two": "NW", "three": "W"})
    folds = corpus_folds(spoken)
    assert list(folds) == ["one", "three", "two"]
    assert sorted(name for names in folds.values() for name in names) == sorted(
        u.name for u in spoken
    )


def test_a_corpus_with_an_emotion_of_its_own_is_not_left_out() -> None:
    assert list(corpus_folds(in_corpora({"one": "WNL", "two": "WN", "three": "WN"}))) == [
        *("three", "two"),
    ]


def test_a_single_corpus_is_not_left_out() -> None:
    assert corpus_folds(utterances({"W": 4, "N": 4})) == {}
