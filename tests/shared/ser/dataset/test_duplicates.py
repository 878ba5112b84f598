"""Recordings that a corpus contains more than once, whatever their names."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import made
from ser.corpora import Utterance, open_sources
from ser.dataset import LoadedCorpus, SignalFacts, load_corpus
from ser.dataset._duplicates import Decoded, distinct
from ser.errors import InvalidInput

VOICE = made.signal("03a01Wa.wav")
OTHER = made.signal("08a01La.wav")
NAMES = {"W": "anger", "L": "boredom"}


def recording(
    name: str, signal: NDArray[np.float32], code: str = "W", speaker: str = ""
) -> Decoded:
    file = PurePosixPath(name)
    utterance = Utterance(name=file.name, file=file, code=code, speaker=speaker, gender="", text="")
    return Decoded(utterance, SignalFacts.of(signal))


def in_steps(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ``signal``, rounded to 16 bits."""
    return np.asarray(np.rint(signal * 2**15) / 2**15, np.float32)


def files(recordings: list[Decoded]) -> list[str]:
    return [str(each.utterance.file) for each in recordings]


def test_the_first_of_several_copies_is_used_and_the_others_are_rejected_by_name() -> None:
    found = distinct([recording(name, VOICE) for name in ("a/1", "b/1", "c/9")], NAMES)
    assert files(found.recordings) == ["a/1"]
    assert {r.file: r.reason for r in found.rejected} == {
        "b/1": "the same sound as a/1",
        "c/9": "the same sound as a/1",
    }
    assert found.notes == ["copies of other sounds: 2; each sound is used once, see rejected"]


def test_a_sound_under_two_labels_is_not_used_and_both_labels_are_named() -> None:
    recordings = [
        recording("angry/1", VOICE, "W"),
        recording("bored/1", VOICE, "L"),
        recording("bored/2", OTHER, "L"),
    ]
    found = distinct(recordings, NAMES)
    assert files(found.recordings) == ["bored/2"]
    reason = "under another label (anger and boredom); allowed: one label for a sound"
    assert {r.file: r.reason for r in found.rejected} == {
        "angry/1": f"the same sound as bored/1, {reason}",
        "bored/1": f"the same sound as angry/1, {reason}",
    }
    assert found.notes == ["sounds under two labels or more: 2; none is used, see rejected"]


def test_sounds_that_differ_at_their_end_are_different_and_less_than_a_step_is_no_difference() -> (
    None
):
    changed, rounded = VOICE.copy(), in_steps(VOICE)
    changed[-1] += 2**-14
    sounds = (VOICE, VOICE[:-1], changed, rounded)
    found = distinct([recording(str(n), sound) for n, sound in enumerate(sounds)], NAMES)
    assert files(found.recordings) == ["0", "1", "2"]


def test_speakers_with_the_same_sound_are_named_in_a_note() -> None:
    recordings = [recording(s, VOICE, speaker=s) for s in ("ann", "anna")]
    assert distinct(recordings, NAMES).notes[-1] == (
        "speakers with the same sound, perhaps one person: ann and anna"
    )
    unknown = [recording(s, VOICE, speaker=s) for s in ("ann", "")]
    assert len(distinct(unknown, NAMES).notes) == 1


@given(
    kinds=st.lists(st.integers(0, 3), min_size=1, max_size=8),
    codes=st.lists(st.sampled_from("WL"), min_size=8, max_size=8),
)
def test_every_sound_is_used_once_unless_its_labels_differ(
    kinds: list[int], codes: list[str]
) -> None:
    signals = [VOICE, OTHER, VOICE[1:], -VOICE]
    recordings = [
        recording(str(index), signals[kind].copy(), codes[index])
        for index, kind in enumerate(kinds)
    ]
    found = distinct(recordings, NAMES)
    labels = {kind: {codes[i] for i, k in enumerate(kinds) if k == kind} for kind in kinds}
    used = [kinds[int(name)] for name in files(found.recordings)]
    assert sorted(used) == sorted(kind for kind in labels if len(labels[kind]) == 1)
    assert len(found.recordings) + len(found.rejected) == len(recordings)


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("FLAC", None), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("AIFF", "PCM_16")],
)
@pytest.mark.parametrize("sampling_rate", [16_000, 44_100])
def test_lossless_copies_in_other_formats_are_the_same_sound(
    bounds: Path, container: str, subtype: str | None, sampling_rate: int
) -> None:
    # In steps of 16 bits, so that each of these formats holds the same samples.
    steps = in_steps(made.signal("03a01Wa.wav", sampling_rate))
    stereo = np.stack([steps, steps], axis=1)
    suffix = {"FLAC": "flac", "WAV": "wav", "AIFF": "aiff"}[container]
    original = made.sound(steps, sampling_rate)
    copy = made.sound(stereo, sampling_rate, container=container, subtype=subtype)
    loaded = load(bounds, {"sad/1.wav": original, f"sad/2.{suffix}": copy})
    assert [u.name for u in loaded.utterances] == ["happy_1.wav", "sad_1.wav"]


def test_a_lossy_or_amplified_copy_is_another_sound(bounds: Path) -> None:
    sounds = {
        "sad/1.wav": made.sound(VOICE),
        "sad/2.ogg": made.sound(VOICE, container="OGG", subtype="VORBIS"),
        "sad/3.wav": made.sound(VOICE * 0.5),
    }
    assert len(load(bounds, sounds).utterances) == 4


def load(bounds: Path, sounds: dict[str, bytes]) -> LoadedCorpus:
    archive = made.archive(bounds / "corpus.zip", sounds | {"happy/1.wav": made.sound(OTHER)})
    return load_corpus(open_sources(str(archive), bounds / "data"), corpus={"label": "folder"})


def test_a_corpus_of_contradictory_sounds_is_refused_with_both_labels(bounds: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no utterance can be used; .*\(happy and sad\)"):
        load(bounds, {"sad/1.wav": made.sound(OTHER)})
