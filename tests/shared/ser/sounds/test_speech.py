"""The detector of speech: voices, and everything else."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from spox import Tensor, argument, build

import made
from detector.generated import KINDS, coloured, pluck
from ser._speech_graph import select_speech
from ser.errors import InvalidInput
from ser.sounds import SAMPLING_RATE, contains_speech, require_sound, require_speech, speech

SECOND = np.arange(SAMPLING_RATE) / SAMPLING_RATE
TIME = np.concatenate([SECOND, SECOND + 1])
RANDOM = np.random.default_rng(0)
VOICE = made.signal("03a01Wa.wav")


def at_level(sound: NDArray[np.float64], level: float) -> NDArray[np.float32]:
    """``sound`` with an RMS of ``level`` dBFS."""
    return np.asarray(10 ** (level / 20) * sound / sound.std(), np.float32)


def hum() -> NDArray[np.float64]:
    partials = [np.sin(2 * np.pi * 50 * n * TIME) / n for n in range(1, 9)]
    return np.asarray(np.sum(partials, axis=0))


def clicks() -> NDArray[np.float64]:
    sound = np.zeros(len(TIME))
    sound[::4000] = 1
    return sound


OTHERS = {
    "white noise": RANDOM.normal(size=len(TIME)),
    "pink noise": coloured(len(TIME), 1, RANDOM),
    "brown noise": coloured(len(TIME), 2, RANDOM),
    "hum": hum(),
    "sine": np.sin(2 * np.pi * 440 * TIME),
    "plucked string": pluck(len(TIME), 220, RANDOM),
    "clicks": clicks(),
}


@pytest.mark.parametrize("level", [-55, -30, -12])
@pytest.mark.parametrize("name", OTHERS)
def test_noise_hum_tones_strings_and_clicks_are_no_speech(name: str, level: float) -> None:
    assert not contains_speech(at_level(OTHERS[name], level))


@pytest.mark.parametrize("offset", [-0.9, 0.001, 0.5])
def test_a_constant_offset_is_no_speech_and_hides_none(offset: float) -> None:
    constant = np.full(SAMPLING_RATE, offset, np.float32)
    assert not contains_speech(constant)
    with pytest.raises(InvalidInput, match="silent"):
        require_sound(constant)
    assert contains_speech((VOICE + np.float32(offset)).astype(np.float32))


@pytest.mark.parametrize("gain", [-45, 0, 20])
def test_quiet_and_loud_voices_are_speech(gain: float) -> None:
    signal = (10 ** (gain / 20) * VOICE).astype(np.float32)
    assert require_speech(signal) is signal


def test_a_voice_in_noise_is_speech() -> None:
    noise = RANDOM.normal(0, 10 ** (-10 / 20) * VOICE.std(), len(VOICE))
    assert contains_speech((VOICE + noise).astype(np.float32))


def test_speech_is_found_where_it_is() -> None:
    before, after = 2 * SAMPLING_RATE, 3 * SAMPLING_RATE
    found = speech.speech_frames(np.pad(VOICE, (before, after)))
    (frames,) = np.nonzero(found)
    assert frames[0] * speech.SPEECH_FRAME >= before - speech.SPEECH_FRAME
    assert frames[-1] * speech.SPEECH_FRAME <= before + len(VOICE)
    assert len(frames) * speech.FRAME_SECONDS == pytest.approx(len(VOICE) / 16_000, abs=0.1)


@pytest.mark.parametrize("samples", [1, 160, 16_000])
def test_silence_of_any_length_is_no_speech(samples: int) -> None:
    silence = np.zeros(samples, np.float32)
    assert not contains_speech(silence)
    with pytest.raises(InvalidInput, match="silent"):
        require_speech(silence)


def test_a_sound_without_a_voice_cannot_be_enrolled() -> None:
    with pytest.raises(InvalidInput, match="no speech"):
        require_speech(at_level(OTHERS["hum"], -20))


@pytest.fixture(scope="module")
def graph() -> onnxruntime.InferenceSession:
    waveform = argument(Tensor(np.float32, ("samples",)))
    selection = {f"{name}_": value for name, value in select_speech(waveform)._asdict().items()}
    model = build({"waveform": waveform}, selection)
    return onnxruntime.InferenceSession(model.SerializeToString())


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(["voice", *KINDS]),
    seed=st.integers(0, 2**16),
    samples=st.integers(1, 40_000),
    silence=st.integers(0, 20_000),
    gain=st.floats(-70, 0),
)
def test_the_graph_finds_the_same_frames(
    graph: onnxruntime.InferenceSession,
    name: str,
    seed: int,
    samples: int,
    silence: int,
    gain: float,
) -> None:
    random = np.random.default_rng(seed)
    sound = np.resize(VOICE, samples) if name == "voice" else KINDS[name](40_000, random)[:samples]
    signal = np.pad(10 ** (gain / 20) * sound, (silence, silence)).astype(np.float32)
    found = speech.speech_frames(signal)
    speaking, positions, decision = graph.run(
        ["speaking_", "positions_", "speech_"], {"waveform": signal}
    )
    in_graph = np.zeros(len(found), bool)
    in_graph[positions] = speaking > 0
    # In single precision, a frame at a threshold itself may be decided otherwise.
    assert np.count_nonzero(in_graph != found) <= 1 + 0.01 * len(found)
    assert decision == in_graph.any()


@settings(max_examples=20, deadline=None)
@given(samples=st.integers(1, 5000))
def test_a_sound_without_speech_is_kept_whole(
    graph: onnxruntime.InferenceSession, samples: int
) -> None:
    signal = np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)
    (kept,) = graph.run(["waveform_"], {"waveform": signal})
    np.testing.assert_array_equal(kept, signal)
