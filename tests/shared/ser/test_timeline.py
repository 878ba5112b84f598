"""Time lines: their windows, segments and turns, of whole sounds and of sounds that come in
pieces."""

from __future__ import annotations

import csv
import io
import itertools
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import graphs
import made
import ser
from ser import Model
from ser._labels import Label
from ser._prediction import Probabilities
from ser._segments import Grid, turns_of
from ser.corpora.grammars.emodb import GENDERS, LABELS
from ser.corpora.synthesis._archive import encode_wav, rng_for
from ser.corpora.synthesis._speakers import Speaker
from ser.errors import InvalidInput
from ser.sounds import MIN_SECONDS, SAMPLING_RATE, read_sound

Floats = NDArray[np.float32]

GRIDS = st.builds(Grid, st.integers(4_000, 40_000), st.integers(4_000, 40_000))
LEAST = int(MIN_SECONDS * SAMPLING_RATE)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(graphs.model())


@pytest.fixture(scope="module")
def sound() -> Floats:
    """Five seconds: speech, silence of two seconds, speech."""
    speech = [np.tile(made.signal(name), 4)[:24_000] for name in ("03a01Wa.wav", "03a01Ta.wav")]
    return np.concatenate([speech[0], np.zeros(32_000, np.float32), speech[1]])


@given(GRIDS, st.integers(LEAST, 400_000))
def test_windows_cover_a_sound_without_one_that_adds_nothing(grid: Grid, samples: int) -> None:
    places = list(grid.places(samples))
    assert len(places) == grid.count(samples) >= 1
    assert [each.begin for each in places] == [n * grid.step for n in range(len(places))]
    assert all(LEAST <= each.end - each.begin <= grid.window for each in places)
    assert all(each.end <= samples for each in places)
    # Each but the first has sound that those before it do not have, and the end is not left out.
    assert all(before.end < samples for before in places[:-1])
    if grid.step <= grid.window:
        assert samples - places[-1].end < LEAST


@settings(max_examples=30)
@given(
    GRIDS,
    st.lists(st.integers(0, 20_000), min_size=1, max_size=10),
)
def test_a_sound_in_pieces_has_the_windows_of_the_whole(grid: Grid, pieces: list[int]) -> None:
    judged: list[int] = []
    listening = ser.Listening(noting(judged), grid)
    found: list[ser.Segment] = []
    for piece in np.split(np.arange(sum(pieces), dtype=np.float32), np.cumsum(pieces)[:-1]):
        found += listening.hear(piece)
    found += listening.end()
    places = list(grid.places(sum(pieces)))
    assert [tuple(round(at * SAMPLING_RATE) for at in (s.begin, s.end)) for s in found] == places
    assert judged == [each.begin for each in places]


def noting(judged: list[int]) -> Callable[[Floats], tuple[ser.Prediction, float | None]]:
    """Return a judge that notes the first sample of each window, and finds no speech."""
    uniform = np.full(3, 1 / 3, np.float32)
    nothing = ser.Prediction(
        label=None, probabilities=Probabilities(("a", "b", "c"), uniform), speech=False
    )

    def judge(window: Floats) -> tuple[ser.Prediction, float | None]:
        assert np.array_equal(window, np.arange(len(window)) + window[0])
        judged.append(int(window[0]))
        return nothing, 0.0

    return judge


def test_a_segment_is_the_prediction_for_its_window(model: Model, sound: Floats) -> None:
    for segment in model.timeline(sound, SAMPLING_RATE, window=1, step=0.5):
        window = sound[int(segment.begin * SAMPLING_RATE) : int(segment.end * SAMPLING_RATE)]
        prediction = model.predict(window, SAMPLING_RATE)
        assert segment.probabilities == prediction.probabilities
        assert segment.confidence == prediction.confidence
        assert segment.emotion in (prediction.emotion, None)


def test_silence_has_segments_without_an_emotion_and_no_turn(model: Model, sound: Floats) -> None:
    timeline = model.timeline(sound, SAMPLING_RATE, window=1, step=0.5)
    for segment in timeline:
        if segment.begin >= 1.5 and segment.end <= 3.5:
            assert (segment.emotion, segment.speech) == (None, 0)
    assert any(segment.emotion for segment in timeline)
    assert all(turn.end <= 1.75 or turn.begin >= 3.25 for turn in timeline.turns)


def test_turns_follow_each_other_and_hold_the_segments_with_their_emotion(
    model: Model, sound: Floats
) -> None:
    timeline = model.timeline(sound, SAMPLING_RATE, window=0.5, step=0.25)
    turns = timeline.turns
    assert turns[0].begin == 0
    assert 4 < turns[-1].end <= 5
    assert all(first.end <= second.begin for first, second in itertools.pairwise(turns))
    for segment in timeline:
        middle = (segment.begin + segment.end) / 2
        inside = [turn for turn in turns if turn.begin <= middle < turn.end]
        assert [turn.emotion for turn in inside] == ([segment.emotion] if segment.emotion else [])


@given(
    st.sampled_from([Grid(32_000, 8_000), Grid(8_000, 4_000), Grid(16_000, 16_000)]),
    st.lists(st.sampled_from([None, *graphs.LABELS]), min_size=1, max_size=12),
)
def test_turns_divide_a_sound_at_the_middles_between_segments(
    grid: Grid, labels: list[Label | None]
) -> None:
    uniform = Probabilities(("a", "b", "c"), np.full(3, 1 / 3, np.float32))
    samples = grid.window + (len(labels) - 1) * grid.step
    segments = [
        ser.Segment(place.begin / SAMPLING_RATE, place.end / SAMPLING_RATE, label, uniform, 1.0)
        for place, label in zip(grid.places(samples), labels, strict=True)
    ]
    turns = turns_of(segments, grid)
    groups = [(label, [*group]) for label, group in itertools.groupby(segments, lambda s: s.label)]
    # Each turn ends where the next group begins, whether that is a turn or silence.
    edges = [0.0]
    for (_, before), (_, after) in itertools.pairwise(groups):
        edges.append((middle_of(before[-1]) + middle_of(after[0])) / 2)
    edges.append(samples / SAMPLING_RATE)
    expected: list[Any] = [
        (label, pytest.approx(begin), pytest.approx(end))
        for (label, _), (begin, end) in zip(groups, itertools.pairwise(edges), strict=True)
        if label is not None
    ]
    assert [(turn.label, turn.begin, turn.end) for turn in turns] == expected


def middle_of(segment: ser.Segment) -> float:
    return (segment.begin + segment.end) / 2


def test_segments_come_one_by_one_before_the_last_one_is_computed(
    model: Model, sound: Floats
) -> None:
    run = model._opened.session.run
    seen: list[int] = []

    class Counting:
        """A session that notes the length of each sound."""

        def run(self, names: Sequence[str], inputs: dict[str, Floats], options: object) -> object:
            seen.append(len(inputs["waveform"]))
            return run(names, inputs, options)

    opened = model._opened._replace(session=Counting())
    other = Model(graphs.model())
    other._in_memory = opened
    timeline = other.timeline(np.tile(sound, 20), SAMPLING_RATE, jobs=1)
    assert next(iter(timeline)).begin == 0
    assert 1 <= len(seen) < len(timeline) / 4
    assert max(seen) == 2 * SAMPLING_RATE


def test_a_time_line_can_be_read_again_without_judging_again(model: Model, sound: Floats) -> None:
    timeline = model.timeline(sound, SAMPLING_RATE)
    assert list(timeline) == list(timeline.segments)
    assert all(one is other for one, other in zip(timeline, timeline, strict=True))


def test_the_whole_sound_has_the_prediction_of_predict(model: Model, sound: Floats) -> None:
    assert model.timeline(sound, SAMPLING_RATE).prediction == model.predict(sound, SAMPLING_RATE)


def test_a_sound_in_pieces_has_the_time_line_of_the_whole(model: Model, sound: Floats) -> None:
    timeline = model.timeline(sound, SAMPLING_RATE)
    listening = model.listen()
    found: list[ser.Segment] = []
    for piece in np.array_split(sound, 47):
        found += listening.hear(piece)
    found += listening.end()
    assert found == list(timeline)
    assert listening.turns == timeline.turns
    assert listening.seconds == 5
    # Only what later windows need is held.
    assert sum(len(each) for each in listening._held) <= 2 * SAMPLING_RATE


def test_a_sound_below_a_tenth_of_a_second_has_no_segment(model: Model) -> None:
    listening = model.listen()
    assert list(listening.hear(np.zeros(100, np.float32))) == []
    assert list(listening.end()) == []
    assert listening.turns == ()


def test_an_abstention_leaves_segments_without_an_emotion(model: Model, sound: Floats) -> None:
    timeline = model.timeline(sound, SAMPLING_RATE, abstain_below=1)
    assert {segment.emotion for segment in timeline} == {None}
    assert timeline.turns == ()


@pytest.mark.parametrize(("window", "expects_note"), [(0.5, True), (2, False), (5, False)])
def test_a_short_window_has_a_note(
    model: Model, sound: Floats, window: float, expects_note: bool
) -> None:
    note = model.timeline(sound, SAMPLING_RATE, window=window).note
    assert (note is not None) == expects_note == (model.listen(window=window).note is not None)
    assert not note or f"A window of {window:g} s" in note


@pytest.mark.parametrize("value", [0, 0.24, 30.1, float("nan"), "2", True, None])
@pytest.mark.parametrize("name", ["window", "step"])
def test_other_windows_and_steps_are_refused(model: Model, name: str, value: object) -> None:
    values: dict[str, Any] = {name: value}
    for refused in (
        lambda: model.timeline(made.signal("03a01Wa.wav"), 16_000, **values),
        lambda: model.listen(**values),
    ):
        with pytest.raises(InvalidInput, match=rf"{name} is .*; allowed: seconds from 0.25 to 30"):
            refused()


def test_csv_and_frame_have_a_row_for_each_segment(model: Model, sound: Floats) -> None:
    timeline = model.timeline(sound, SAMPLING_RATE)
    rows = list(csv.DictReader(io.StringIO(timeline.to_csv())))
    assert [float(row["begin"]) for row in rows] == [each.begin for each in timeline]
    assert [row["emotion"] or None for row in rows] == [each.emotion for each in timeline]
    assert float(rows[0]["anger"]) == timeline.segments[0].probabilities["anger"]
    frame = timeline.to_frame()
    assert list(frame.columns) == list(rows[0])
    assert len(frame) == len(rows)


def test_subtitles_have_a_cue_for_each_turn(model: Model, sound: Floats) -> None:
    timeline = model.timeline(np.tile(sound, 13), SAMPLING_RATE)
    header, *cues = timeline.to_vtt().split("\n\n")
    assert header == "WEBVTT"
    assert len(cues) == len(timeline.turns)
    assert cues[-1].startswith("00:01:0")
    assert cues[0].splitlines()[1].startswith(timeline.turns[0].emotion)


def test_no_label_is_a_formula_in_csv_or_ends_a_cue_of_subtitles(sound: Floats) -> None:
    labels = (
        Label("=1", "N", "@now"),
        Label("\t+1", "T", "-1\rsadness"),
        Label("-", "W", "+1\n\n00:01.000 --> 00:02.000\r\nanger"),
    )
    timeline = Model(graphs.model(labels=labels)).timeline(sound, SAMPLING_RATE)
    header, *rows = csv.reader(io.StringIO(timeline.to_csv(), newline=""))
    assert header[6:] == ["'@now", "'-1\rsadness", f"'{labels[2].emotion}"]
    codes = {"=1": "'=1", "\t+1": "'\t+1", "-": "-"}
    found = [codes[each.label.code] if each.label else "" for each in timeline]
    assert [row[3] for row in rows] == found
    (_, *cues) = timeline.to_vtt().split("\n\n")
    assert [cue.count("\n") for cue in cues[:-1]] == [1] * (len(timeline.turns) - 1)
    assert sum(cue.count("-->") for cue in cues) == len(timeline.turns) > 0
    assert "\r" not in timeline.to_vtt()


def synthetic_utterances(folder: Path) -> tuple[Model, list[Floats]]:
    """Return a model of synthetic speech, and an angry and a sad utterance of another speaker."""
    utterances = {
        f"{code}{text}{label.code}a": Speaker.draw(GENDERS[code], rng_for(0, code)).say(
            text, label.emotion, rng_for(0, f"{code}{text}{label.code}a")
        )
        for code in ("03", "08", "09", "10")
        for text in ("a01", "a02", "a04", "a07")
        for label in LABELS
        if label.emotion in ("anger", "sadness")
    }
    heard = {name: utterances.pop(name) for name in [*utterances] if name.startswith("10")}
    files = {f"wav/{name}.wav": encode_wav(signal) for name, signal in utterances.items()}
    answer = ser.train(
        made.archive(folder / "corpus.zip", files),
        registry=folder / "model",
        data_path=folder / "data",
        model_type="DiscriminantClassifier",
        dataset_feature_extract_methods={"Functionals": {}},
        dataset_load_split_at=None,
    )
    model = ser.load_model(answer["model_id"], registry=folder / "model")
    return model, [heard[name].astype(np.float32) for name in ("10a01Wa", "10a02Ta")]


def emodb_utterances(_folder: Path) -> tuple[Model, list[Floats]]:
    """Return the model of EmoDB, and an angry and a sad utterance of it."""
    if not os.environ.get("EMODB_ZIP"):
        pytest.skip("EMODB_ZIP names no archive")
    with zipfile.ZipFile(os.environ["EMODB_ZIP"]) as archive:
        files = {Path(name).name: name for name in archive.namelist()}
        sounds = [archive.read(files[name]) for name in ("03a01Wa.wav", "03a02Ta.wav")]
        return ser.load_model("ready"), [read_sound(sound) for sound in sounds]


@pytest.mark.parametrize("utterances", [synthetic_utterances, emodb_utterances])
def test_two_emotions_with_silence_between_are_found(
    utterances: Callable[[Path], tuple[Model, list[Floats]]], tmp_path: Path
) -> None:
    model, (first, second) = utterances(tmp_path)
    emotions = [model.predict(each, SAMPLING_RATE).emotion for each in (first, second)]
    assert len({*emotions, None}) == 3
    silence = np.zeros(3 * SAMPLING_RATE, np.float32)
    timeline = model.timeline(np.concatenate([first, silence, second]), SAMPLING_RATE)
    assert [turn.emotion for turn in timeline.turns] == emotions
    before, after = timeline.turns
    begin, end = len(first) / SAMPLING_RATE, len(first) / SAMPLING_RATE + 3
    # A window counts for its middle, so the ends of turns are known to half a window.
    assert before.begin == 0
    assert before.end == pytest.approx(begin, abs=1)
    assert after.begin == pytest.approx(end, abs=1)
    assert after.end == end + len(second) / SAMPLING_RATE
    silent = [each for each in timeline if begin <= each.begin and each.end <= end]
    assert silent
    assert {(each.emotion, each.speech) for each in silent} == {(None, 0.0)}
