"""The demo corpus: it has the shape of EmoDB, clean sounds, and emotions that can be learned."""

from __future__ import annotations

import ast
import io
import runpy
import sys
import wave
import zipfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import recall_score
from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

import ser
from ser.corpora import Table, tabulate
from ser.corpora.grammars.emodb import EMODB
from ser.corpora.synthesis import synthesise
from ser.corpora.synthesis._archive import wav_files
from ser.corpora.synthesis._emotions import CORRELATES, Manner
from ser.corpora.synthesis._prosody import voice_in
from ser.corpora.synthesis._voice import FRAME_RATE, Articulation, overlap_add, speak, spectra
from stacks import ROOT

Array = NDArray[np.float64]


class Demo(NamedTuple):
    archive: Path
    table: Table
    signals: list[Array]
    progress: list[float]

    def of(self, **traits: str) -> NDArray[np.bool_]:
        """Return a mask of the utterances with ``traits`` such as ``gender="male", code="W"``."""
        return np.array(
            [
                all(getattr(utterance, name) == value for name, value in traits.items())
                for utterance in self.table.utterances
            ]
        )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    archive = tmp_path_factory.mktemp("demo") / "made" / "demo.zip"
    progress: list[float] = []
    synthesise(archive, seed=0, on_progress=progress.append)
    with zipfile.ZipFile(archive) as made:
        files = [PurePosixPath(name) for name in made.namelist() if name.endswith(".wav")]
        table = tabulate(files, EMODB)
        signals = [samples(made.read(str(utterance.file))) for utterance in table.utterances]
    return Demo(archive, table, signals, progress)


def samples(file: bytes) -> Array:
    with wave.open(io.BytesIO(file)) as sound:
        assert sound.getparams()[:3] == (1, 2, 16_000)
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32768


def fundamental(signal: Array) -> float:
    """Return the median pitch of the voiced frames in Hz, by autocorrelation."""
    window = np.hanning(640)
    frames = np.lib.stride_tricks.sliding_window_view(signal, 640)[::160] * window
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2048)) ** 2)[:, :229]
    correlation /= np.fft.irfft(np.abs(np.fft.rfft(window, 2048)) ** 2)[:229]
    energy = correlation[:, 0]
    lags = np.arange(32, 229)
    # Multiples of a period correlate as well as the period itself: prefer the shortest.
    clarity = correlation[:, lags] / (energy[:, None] + 1e-12) * (32 / lags) ** 0.05
    voiced = (clarity.max(axis=1) > 0.6) & (energy > 0.01 * energy.max())
    return float(16_000 / np.median(lags[clarity.argmax(axis=1)][voiced]))


def brightness(signal: Array) -> float:
    """Return the median, over the louder frames, of the derivative's level in dB re the signal."""
    slope = np.diff(signal, prepend=0.0)
    loud, steep = (
        np.sum(x[: len(x) // 320 * 320].reshape(-1, 320) ** 2, axis=1) for x in (signal, slope)
    )
    return float(np.median(10 * np.log10(steep / loud)[loud > 0.1 * loud.max()]))


@pytest.fixture(scope="module")
def cues(demo: Demo) -> dict[str, Array]:
    return {
        "seconds": np.array([len(signal) / 16_000 for signal in demo.signals]),
        "semitones": np.array([12 * np.log2(fundamental(signal)) for signal in demo.signals]),
        "decibels": np.array([10 * np.log10(np.mean(signal**2)) for signal in demo.signals]),
        "peak": np.array([20 * np.log10(np.abs(signal).max()) for signal in demo.signals]),
        "brightness": np.array([brightness(signal) for signal in demo.signals]),
    }


def imported_modules(file: Path) -> Iterator[str]:
    """Yield the dotted names of all modules, and of all names in them, that ``file`` imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_the_functions_and_the_package_run_without_the_synthesiser() -> None:
    """The images of the functions do not contain it."""
    package = Path(ser.__file__).parent
    sources = [*package.rglob("*.py"), *(ROOT / "functions").rglob("*.py")]
    others = [file for file in sources if file.parent != package / "corpora" / "synthesis"]
    assert len(others) < len(sources)
    for file in others:
        assert not any("corpora.synthesis" in name for name in imported_modules(file)), file


def test_every_name_fits_the_grammar_of_emodb(demo: Demo) -> None:
    assert demo.table.rejected == ()
    assert len(demo.table.utterances) == 350
    assert {utterance.file.parent for utterance in demo.table.utterances} == {PurePosixPath("wav")}


def test_every_speaker_says_each_text_once_with_each_emotion(demo: Demo) -> None:
    counts = Counter((u.speaker, u.text, u.code) for u in demo.table.utterances)
    speakers, texts, codes = (len(set(values)) for values in zip(*counts, strict=True))
    assert set(counts.values()) == {1}
    assert (speakers, texts, codes) == (10, 5, 7)


def test_every_emotion_of_emodb_has_acoustic_correlates() -> None:
    assert set(CORRELATES) == {label.emotion for label in EMODB.labels}


def test_the_archive_says_that_it_is_synthetic(demo: Demo) -> None:
    with zipfile.ZipFile(demo.archive) as archive:
        assert archive.read("README.txt").startswith(b"SYNTHETIC SPEECH - NOT EmoDB")


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_ones(demo: Demo) -> None:
    with zipfile.ZipFile(demo.archive) as archive:
        for (name, again), (_, other) in islice(zip(wav_files(0), wav_files(1), strict=True), 5):
            assert archive.read(f"wav/{name}.wav") == again != other


def test_the_bytes_of_the_archive_do_not_depend_on_the_time(demo: Demo) -> None:
    with zipfile.ZipFile(demo.archive) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_progress_rises_to_one(demo: Demo) -> None:
    assert demo.progress == sorted(demo.progress)
    assert demo.progress[-1] == 1


def test_an_interrupted_synthesis_keeps_the_old_archive(tmp_path: Path) -> None:
    def interrupt(_share: float) -> None:
        raise KeyboardInterrupt

    archive = tmp_path / "demo.zip"
    archive.write_bytes(b"as before")
    with pytest.raises(KeyboardInterrupt):
        synthesise(archive, on_progress=interrupt)
    assert archive.read_bytes() == b"as before"


def test_the_command_writes_the_archive_at_the_given_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []
    monkeypatch.setattr("ser.corpora.synthesis.synthesise", written.append)
    monkeypatch.setattr(sys, "argv", ["synthesis", str(tmp_path / "demo.zip")])
    runpy.run_module("ser.corpora.synthesis", run_name="__main__")
    assert written == [tmp_path / "demo.zip"]


def test_utterances_last_one_to_five_seconds(cues: dict[str, Array]) -> None:
    assert cues["seconds"].min() > 1
    assert cues["seconds"].max() < 5


def test_no_sound_is_clipped_or_has_an_offset(demo: Demo) -> None:
    for signal in demo.signals:
        assert np.abs(signal).max() < 0.95
        assert abs(signal.mean()) < 0.001


def test_sounds_begin_and_end_in_the_quiet_of_a_room(demo: Demo) -> None:
    for signal in demo.signals:
        for edge in (signal[:400], signal[-400:]):
            assert 0 < np.abs(edge).max() < 0.02


def test_women_speak_higher_than_men(demo: Demo, cues: dict[str, Array]) -> None:
    women, men = (demo.of(gender=gender, code="N") for gender in ("female", "male"))
    assert cues["semitones"][women].mean() > cues["semitones"][men].mean() + 6


@pytest.mark.parametrize(
    ("cue", "least"), [("semitones", 3.0), ("decibels", 6.0), ("brightness", 3.0)]
)
def test_anger_is_higher_louder_and_brighter_than_sadness(
    demo: Demo, cues: dict[str, Array], cue: str, least: float
) -> None:
    anger, sadness = demo.of(code="W"), demo.of(code="T")
    assert cues[cue][anger].mean() > cues[cue][sadness].mean() + least


def test_sadness_is_slower_than_anger(demo: Demo, cues: dict[str, Array]) -> None:
    anger, sadness = demo.of(code="W"), demo.of(code="T")
    assert cues["seconds"][sadness].mean() > 1.25 * cues["seconds"][anger].mean()


def recall_of_unseen_speakers(demo: Demo, *cues: Array) -> float:
    codes = [utterance.code for utterance in demo.table.utterances]
    speakers = [utterance.speaker for utterance in demo.table.utterances]
    classifier = LinearDiscriminantAnalysis()
    guesses = cross_val_predict(
        classifier, np.stack(cues, axis=1), codes, groups=speakers, cv=LeaveOneGroupOut()
    )
    return float(recall_score(codes, guesses, average="macro"))


def test_emotions_can_be_learned_from_other_speakers(demo: Demo, cues: dict[str, Array]) -> None:
    assert 0.4 < recall_of_unseen_speakers(demo, *cues.values()) < 0.85


@pytest.mark.parametrize("cue", ["seconds", "semitones", "decibels", "peak", "brightness"])
def test_no_single_cue_reveals_the_emotion(demo: Demo, cues: dict[str, Array], cue: str) -> None:
    assert recall_of_unseen_speakers(demo, cues[cue]) < 0.45


@pytest.mark.parametrize("pitch", [90.0, 137.0, 220.0, 310.0])
def test_a_voice_has_the_requested_fundamental_frequency(pitch: float) -> None:
    steady = np.ones(int(FRAME_RATE))
    articulation = Articulation(
        pitch=pitch * steady,
        voicing=steady,
        formants=np.outer(steady, (500.0, 1500.0, 2500.0)),
        frication=0 * steady,
        frication_frequency=4000 * steady,
        frication_bandwidth=1000 * steady,
    )
    sound = speak(articulation, voice_in(Manner(), tract=1.0), np.random.default_rng(0))
    assert fundamental(sound) == pytest.approx(pitch, rel=0.015)


def test_overlap_add_restores_the_signal_from_its_spectra() -> None:
    signal = np.random.default_rng(0).standard_normal(128 * 20)
    np.testing.assert_allclose(overlap_add(spectra(signal)), signal, atol=1e-12)
