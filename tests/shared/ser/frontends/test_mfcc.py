"""librosa is the reference of the MFCC front-end."""

from __future__ import annotations

from typing import Any

import librosa
import numpy as np
import onnxruntime
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ser._graph import front_end_model
from ser._metadata import MetadataEncoding
from ser._schemas import parse
from ser.errors import InvalidInput
from ser.frontends import MFCC, FrontEnds
from ser.frontends._spectrum import hann, mel_filters

TOLERANCE = 0.01
"""Stated and explained in the docstring of MFCC."""


def features(config: MFCC, signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """MFCCs of ``signal`` as one chunk, computed by the graph, shape (coefficients, frames)."""
    model = front_end_model(
        FrontEnds(MFCC=config), chunk_samples=len(signal), gain=1.0, encoding=MetadataEncoding({})
    )
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (rows,) = session.run(["features"], {"waveform": signal})
    return np.asarray(rows).reshape(config.num_cepstral, -1)


def reference(config: MFCC, signal: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(
        librosa.feature.mfcc(
            y=signal,
            sr=16_000,
            n_mfcc=config.num_cepstral,
            n_fft=config.fft_length,
            win_length=round(config.frame_length * 16_000),
            hop_length=round(config.frame_stride * 16_000),
            n_mels=config.num_filters,
            fmin=config.low_frequency,
            fmax=config.high_frequency,
        )
    )


def speech_like(samples: int, seed: int = 0) -> NDArray[np.float32]:
    """Pulses at 120 Hz with a little noise, fading out; float32 of shape (samples,)."""
    random = np.random.default_rng(seed)
    pulses = (np.arange(samples) % 133 == 0).astype(float)
    ringing = np.convolve(pulses, np.exp(-np.arange(400) / 60) * np.sin(np.arange(400) / 3))
    fading = np.linspace(1, 1e-3, samples)
    noisy = fading * (0.3 * ringing[:samples] + random.normal(0, 0.01, samples))
    return noisy.astype(np.float32)


configs: st.SearchStrategy[dict[str, Any]] = st.builds(
    dict[str, Any],
    num_cepstral=st.integers(1, 40),
    frame_length=st.sampled_from([0.01, 0.02, 0.025, 0.03, 0.0313]),
    frame_stride=st.sampled_from([0.005, 0.01, 0.0107, 0.02]),
    num_filters=st.integers(20, 64),
    fft_length=st.sampled_from([501, 512, 600, 1024]),
    low_frequency=st.sampled_from([0.0, 50.0, 300.0]),
    high_frequency=st.sampled_from([None, 3400.0, 8000.0]),
)


@pytest.mark.filterwarnings("ignore:Empty filters detected")
@given(
    bands=st.integers(1, 80),
    fft_length=st.integers(400, 1025),
    low=st.floats(0, 1500),
    high=st.none() | st.floats(2000, 8000),
)
def test_filters_and_windows_are_those_of_librosa_to_the_last_bit(
    bands: int, fft_length: int, low: float, high: float | None
) -> None:
    filters = mel_filters(bands, fft_length, low, high)
    expected = librosa.filters.mel(sr=16_000, n_fft=fft_length, n_mels=bands, fmin=low, fmax=high)
    np.testing.assert_array_equal(filters, expected)
    window = librosa.filters.get_window("hann", fft_length, fftbins=True)
    np.testing.assert_array_equal(hann(fft_length), window)


@pytest.mark.filterwarnings("ignore:Empty filters detected")
@settings(max_examples=25, deadline=None)
@given(config=configs, samples=st.integers(1100, 20_000), seed=st.integers(0, 9))
def test_coefficients_agree_with_librosa(config: dict[str, Any], samples: int, seed: int) -> None:
    assume(config["num_cepstral"] <= config["num_filters"])
    assume(round(config["frame_length"] * 16_000) <= config["fft_length"])
    mfcc = MFCC(**config, dc_elimination=False)
    signal = speech_like(samples, seed)
    np.testing.assert_allclose(features(mfcc, signal), reference(mfcc, signal), atol=TOLERANCE)


def test_dc_elimination_replaces_the_first_coefficient_by_the_log_energy() -> None:
    signal = speech_like(16_000)
    mfcc = MFCC()
    found = features(mfcc, signal)
    power = np.abs(librosa.stft(signal, n_fft=512, win_length=320, hop_length=160)) ** 2
    # Parseval: librosa's root mean square of a spectrum is that of the windowed frame.
    mean_square = librosa.feature.rms(S=np.sqrt(power), frame_length=512)[0] ** 2
    np.testing.assert_allclose(found[0], np.log(np.maximum(512 * mean_square, 1e-10)), atol=1e-3)
    np.testing.assert_allclose(found[1:], reference(mfcc, signal)[1:], atol=TOLERANCE)


def test_a_chunk_of_silence_has_finite_features() -> None:
    assert np.isfinite(features(MFCC(), np.zeros(8000, np.float32))).all()


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"num_cepstral": 41}, "num_cepstral"),
        ({"num_cepstral": 0}, "num_cepstral"),
        ({"num_cepstral": 13.5}, "num_cepstral"),
        ({"frame_length": 0.04}, "frame_length"),
        ({"frame_length": "nan"}, "frame_length"),
        ({"frame_stride": 0}, "frame_stride"),
        ({"frame_stride": -0.01}, "frame_stride"),
        ({"fft_length": 1_000_000}, "fft_length"),
        ({"low_frequency": 4000, "high_frequency": 300}, "low_frequency"),
        ({"high_frequency": 8001}, "high_frequency"),
        ({"dc_elimination": "perhaps"}, "dc_elimination"),
        ({"num_cepstrals": 13}, "num_cepstrals"),
    ],
)
def test_an_invalid_config_is_refused_with_the_name_of_the_field(
    config: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(MFCC, config)
    assert [fault.loc for fault in caught.value.faults] == [(field,)]
