"""Several corpora read as one: their labels, names and speakers. No sound is decoded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import made
from ser import Dataset, Source
from ser.corpora import Inventory
from ser.errors import InvalidInput, TooLarge
from ser.limits import Limit, Limits

EMODB = [f"wav/{name}" for name in made.names(codes="WNLT")]
RAVDESS = [
    f"Actor_{actor}/03-01-{emotion}-01-01-0{take}-{actor}.wav"
    for actor in ("03", "08")
    for emotion in ("01", "04", "05", "08")
    for take in (1, 2)
]


def corpus(path: Path, files: Iterable[str]) -> str:
    """Write an archive of empty sounds to ``path``, and return the path."""
    return str(made.archive(path, dict.fromkeys(files, b"")))


@pytest.fixture
def emodb(bounds: Path) -> str:
    return corpus(bounds / "emodb.zip", EMODB)


@pytest.fixture
def ravdess(bounds: Path) -> str:
    return corpus(bounds / "ravdess.zip", RAVDESS)


def read(source: Any, **options: Any) -> Inventory:
    return Dataset("data", source, **options).prepare()


def emotions(inventory: Inventory) -> list[str]:
    return [label.emotion for label in inventory.labels]


def only_fault(source: Any, **options: Any) -> tuple[tuple[str | int, ...], str]:
    with pytest.raises(InvalidInput) as caught:
        read(source, **options)
    (fault,) = caught.value.faults
    return fault.loc, fault.msg


def test_labels_with_the_same_english_word_are_one_class(emodb: str, ravdess: str) -> None:
    both = read([emodb, ravdess])
    assert both.name == "emodb + ravdess"
    assert [str(label) for label in both.labels if label.emotion == "anger"] == ["anger - anger"]
    angry = {u.file.name for u in both.utterances if u.code == "anger"}
    assert {"03a01Wa.wav", "03-01-05-01-01-01-08.wav"} <= angry
    assert emotions(both) == sorted(emotions(both))


def test_speakers_texts_and_names_begin_with_their_corpus(emodb: str, ravdess: str) -> None:
    first = read([emodb, ravdess]).utterances[0]
    assert (first.corpus, first.speaker, first.text) == ("emodb", "emodb:03", "emodb:a01")
    assert (first.name, str(first.file)) == ("emodb_03a01La.wav", "emodb/wav/03a01La.wav")


def test_a_single_corpus_in_a_list_is_the_corpus_alone(emodb: str) -> None:
    alone, listed = read(emodb), read([emodb])
    assert listed == alone
    assert [label.code for label in alone.labels] == list("AEFLNTW")


def test_speakers_of_two_corpora_with_the_same_grammar_stay_apart(bounds: Path, emodb: str) -> None:
    again = read([emodb, corpus(bounds / "b.zip", EMODB), corpus(bounds / "c.zip", EMODB)])
    assert [part.name for part in again.parts] == ["emodb", "emodb-2", "emodb-3"]
    assert len({u.speaker for u in again.utterances}) == 3 * len(made.SPEAKERS)
    assert len({u.name for u in again.utterances}) == 3 * len(EMODB)


def test_a_corpus_in_folders_has_the_name_of_its_place(bounds: Path, emodb: str) -> None:
    other = corpus(bounds / "My Café.v2.zip", ["joy/1.wav", "anger/1.wav"])
    names = [part.name for part in read([emodb, {"remote_url": other}]).parts]
    assert names == ["emodb", "my-caf"]


@settings(max_examples=20)
@given(
    st.lists(st.sets(st.sampled_from(EMODB), min_size=1), min_size=2, max_size=3),
)
def test_no_utterance_is_lost_or_confused(
    tmp_path_factory: pytest.TempPathFactory, chosen: list[set[str]]
) -> None:
    folder = tmp_path_factory.mktemp("sources")
    places = [corpus(folder / f"{n}.zip", sorted(files)) for n, files in enumerate(chosen)]
    merged = Dataset(folder / "data", places).prepare()
    assert len({u.name for u in merged.utterances}) == sum(map(len, chosen))
    assert len({u.speaker for u in merged.utterances}) == sum(
        len({file[4:6] for file in files}) for files in chosen
    )
    assert merged.utterances == tuple(sorted(merged.utterances, key=lambda u: u.name))


def test_common_keeps_the_emotions_that_all_corpora_have(emodb: str, ravdess: str) -> None:
    both = read([emodb, ravdess], labels="common")
    assert emotions(both) == ["anger", "neutral", "sadness"]
    assert any("boredom 8" in note for note in both.notes)
    assert any("surprise 4" in note for note in both.notes)


def test_common_of_one_source_concerns_that_source(emodb: str, ravdess: str) -> None:
    both = read([Source(emodb, labels="common"), ravdess])
    assert {u.corpus for u in both.utterances if u.code == "surprise"} == {"ravdess"}
    assert not [u for u in both.utterances if u.code == "boredom"]


def test_labels_are_mapped_by_code_and_by_english_word(emodb: str, ravdess: str) -> None:
    both = read(
        [
            Source(emodb, labels={"L": None, "sadness": "negative", "W": "negative"}),
            Source(ravdess, labels={"04": "negative", "anger": "negative", "08": None}),
        ],
        labels="common",
    )
    assert emotions(both) == ["negative", "neutral"]
    assert sum(u.code == "negative" for u in both.utterances) == 16 + 8


def test_labels_follow_those_of_the_sources(emodb: str, ravdess: str) -> None:
    both = read([Source(emodb, labels={"L": "calm"}), ravdess], labels={"calm": None})
    assert "calm" not in emotions(both)
    assert {u.corpus for u in both.utterances} == {"emodb", "ravdess"}


def test_a_mapping_of_a_single_corpus_keeps_all_other_labels(emodb: str) -> None:
    mapped = read(emodb, labels={"L": None, "W": "Trauer"})
    assert [str(label) for label in mapped.labels] == [
        *("A - Angst", "E - Ekel", "F - Freude", "N - Neutral", "T - Trauer"),
    ]
    assert sum(u.code == "T" for u in mapped.utterances) == 16


def test_a_list_of_labels_keeps_these_alone(emodb: str, ravdess: str) -> None:
    alone = read(emodb, labels=["W", "sadness"])
    assert [label.code for label in alone.labels] == ["T", "W"]
    both = read([Source(emodb, labels=["anger", "N"]), ravdess], labels=["neutral", "surprise"])
    assert {(u.corpus, u.code) for u in both.utterances} == {
        *(("emodb", "neutral"), ("ravdess", "neutral"), ("ravdess", "surprise")),
    }
    loc, message = only_fault([emodb, ravdess], labels=["anger", "pride"])
    assert loc == ("labels", 1)
    assert '"pride" is not a label' in message


def test_an_unknown_label_is_named_with_the_allowed_ones(emodb: str, ravdess: str) -> None:
    loc, message = only_fault([emodb, {"remote_url": ravdess, "labels": {"W": "anger"}}])
    assert loc == ("source", 1, "labels", "W")
    assert '"W" is not a label' in message
    assert "05" in message
    assert "anger" in message


def test_two_words_for_one_label_are_refused(emodb: str) -> None:
    loc, message = only_fault(emodb, labels={"W": "anger", "anger": None})
    assert loc == ("labels", "anger")
    assert 'the same label as "W"' in message


def test_corpora_without_two_common_emotions_are_refused(bounds: Path, emodb: str) -> None:
    other = corpus(bounds / "other.zip", ["boredom/1.wav", "surprise/1.wav"])
    loc, message = only_fault([emodb, other], labels="common")
    assert loc == ("labels",)
    assert "share boredom (emodb: anger, boredom" in message


def test_a_corpus_of_which_nothing_is_left_is_refused(emodb: str, ravdess: str) -> None:
    rule = dict.fromkeys(["01", "04", "05", "08"])
    loc, message = only_fault([emodb, Source(ravdess, labels=rule)])
    assert loc == ("labels",)
    assert "no utterance of ravdess is left" in message


def test_the_mapping_of_a_refused_request_costs_no_archive(emodb: str) -> None:
    only_fault(emodb, labels={"X": None})
    Path(emodb).unlink()
    assert read(emodb).utterances


@pytest.mark.parametrize(
    ("source", "loc"),
    [
        ([], ("source",)),
        ([3], ("source", 0)),
        (["a.zip", "b.zip", "a.zip"], ("source", 2)),
        ([{"remote_url": "a.zip", "corpus": "enodb"}], ("source", 0, "corpus")),
        ([{"remote_url": "a.zip", "label": "common"}], ("source", 0, "label")),
        ([{"remote_url": "a.zip", "labels": "shared"}], ("source", 0, "labels")),
        ([{"remote_url": "a.zip", "labels": {"W": ""}}], ("source", 0, "labels")),
        ([f"{n}.zip" for n in range(21)], ("source",)),
    ],
)
def test_a_bad_source_is_named_by_its_index(source: Any, loc: tuple[str | int, ...]) -> None:
    found, message = only_fault(source)
    assert found == loc
    assert "allowed: " in message


def test_a_place_without_sounds_is_named_by_its_index(bounds: Path, emodb: str) -> None:
    loc, _ = only_fault([emodb, corpus(bounds / "empty.zip", ["notes.txt"])])
    assert loc == ("source", 1)


def test_a_corpus_whose_sounds_cannot_be_decoded_is_rejected_sound_by_sound(
    bounds: Path, ravdess: str
) -> None:
    sounds = made.corpus(bounds / "sounds.zip", made.names(speakers=["03"], codes="WN"))
    loaded = Dataset("data", [str(sounds), ravdess]).load()
    assert [part.name for part in loaded.parts] == ["emodb"]
    assert {rejection.file for rejection in loaded.rejected} == {f"ravdess/{f}" for f in RAVDESS}


# What one archive holds.

FOUR = [
    *(f"Crema/10{n:02}_IEO_{e}_XX.wav" for n in range(1, 7) for e in ("ANG", "SAD")),
    *(f"Ravdess/{file}" for file in RAVDESS),
    *(f"Savee/{s}_{e}{n:02}.wav" for s in ("DC", "KL") for e in ("a", "sa") for n in range(1, 5)),
    *(
        f"Tess/{s}_{e}/{s}_{w}_{e}.wav"
        for s in ("OAF", "YAF")
        for e in ("angry", "sad")
        for w in ("back", "bar", "base")
    ),
]


def test_all_corpora_of_one_archive_are_read(bounds: Path) -> None:
    found = read(corpus(bounds / "four.zip", FOUR))
    assert {part.name for part in found.parts} == {"crema-d", "ravdess", "savee", "tess"}
    assert len(found.utterances) == len(FOUR)
    assert not found.rejected
    assert len({u.speaker for u in found.utterances}) == 6 + 2 + 2 + 2
    assert "contains 4 corpora" in found.notes[0]


def test_the_corpora_of_one_archive_are_sources_among_others(bounds: Path, emodb: str) -> None:
    found = read([corpus(bounds / "four.zip", FOUR), emodb], labels="common")
    assert len(found.parts) == 5
    assert emotions(found) == ["anger", "sadness"]
    assert [part.source for part in found.parts] == [0, 0, 0, 0, 1]


def test_a_named_corpus_is_the_only_one(bounds: Path) -> None:
    found = read(corpus(bounds / "four.zip", FOUR), corpus="savee")
    assert [part.name for part in found.parts] == ["savee"]


STRAYS = [f"10{n:02}_IEO_{e}_XX.wav" for n in range(1, 7) for e in ("ANG", "SAD")]


@pytest.mark.parametrize(
    "strays",
    [
        # A few names in a folder of their own; many names in folders of the other corpus; many
        # names with one emotion.
        [f"extra/{name}" for name in STRAYS[:9]],
        [f"wav/{name}" for name in STRAYS],
        [f"extra/10{n:02}_IEO_ANG_XX.wav" for n in range(1, 21)],
    ],
)
def test_stray_names_make_no_corpus(bounds: Path, strays: list[str]) -> None:
    found = read(corpus(bounds / "corpus.zip", [*EMODB, *strays]))
    assert found.name == "emodb"
    assert {rejection.file for rejection in found.rejected} == set(strays)


# Where files are kept, and how many.


def test_each_of_several_sources_keeps_its_own_files(emodb: str, ravdess: str) -> None:
    read([emodb, ravdess])
    kept = [*Path("data/sources").iterdir()]
    assert len(kept) == 2
    for place in (emodb, ravdess):
        Path(place).unlink()
    assert len(read([ravdess, emodb]).utterances) == len(EMODB) + len(RAVDESS)


def test_a_single_source_is_kept_in_the_folder_itself(emodb: str) -> None:
    read([emodb])
    assert Path("data/pristine/archive.zip").is_file()
    Path(emodb).unlink()
    assert read(emodb).utterances


@pytest.mark.parametrize("limit", ["download_bytes", "extracted_bytes"])
def test_limits_hold_for_all_sources_together(bounds: Path, limit: str) -> None:
    places = [
        str(made.archive(bounds / f"{name}.zip", {"wav/03a01Wa.wav": bytes(1000)}))
        for name in ("a", "b")
    ]
    size = {"download_bytes": Path(places[0]).stat().st_size, "extracted_bytes": 1000}[limit]
    enough = Limits(**{limit: Limit(2 * size, "SER_MAX_MB")})
    assert len(Dataset("enough", places, limits=enough).prepare().utterances) == 2
    short = Limits(**{limit: Limit(2 * size - 1, "SER_MAX_MB")})
    with pytest.raises(TooLarge, match=r"SER_MAX_MB less [0-9,]+ of other"):
        Dataset("short", places, limits=short).prepare()


def test_progress_covers_all_sources_and_never_decreases(emodb: str, ravdess: str) -> None:
    reported: list[tuple[str, float]] = []
    read([emodb, ravdess], progress=lambda step, share: reported.append((step, share)))
    for step in ("download", "extract"):
        shares = [share for name, share in reported if name == step]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
        assert 0.5 in shares
