"""Models of earlier versions still load, and give the probabilities that they gave then.

Version 0.1.0 at commit da09d23 trained both on the archive of ``made.corpus`` with its default
``random_state``, ``dataset_load_split_at`` "max", no augmentation, and few coefficients so that the
files are small: MFCC with num_cepstral 2, num_filters 8, frame_length 0.004, frame_stride 0.02 and
fft_length 64. The forest (n_estimators 3) also uses SpeakerAndGenderAndTextType. That version
predicted ``made.tone("09a01Fa.wav")``, for the discriminant also with a profile of three other
sounds of the speaker, and ``data/model-0.1.0.json`` holds its answers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made
import ser

DATA = Path(__file__).parents[2] / "data"
ANSWERS: dict[str, Any] = json.loads((DATA / "model-0.1.0.json").read_text())
SOUND = made.tone("09a01Fa.wav")
OTHERS = [made.tone(f"09a01{code}a.wav") for code in "ATW"]


def load(name: str) -> ser.Model:
    return ser.load_model(DATA / f"model-0.1.0-{name}.onnx")


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_a_model_of_version_0_1_0_gives_the_same_probabilities(name: str) -> None:
    model = load(name)
    prediction = model.predict(SOUND, model.sampling_rate)
    assert [label.code for label in model.labels] == ANSWERS[name]["labels"]
    np.testing.assert_allclose(prediction.probabilities.array, ANSWERS[name]["plain"], atol=1e-6)


def test_a_profile_of_version_0_1_0_gives_the_same_probabilities() -> None:
    model, answers = load("discriminant"), ANSWERS["discriminant"]
    profile = ser.SpeakerProfile.parse(answers["profile"])
    prediction = model.predict(SOUND, model.sampling_rate, profile=profile)
    np.testing.assert_allclose(prediction.probabilities.array, answers["known"], atol=1e-6)
    assert not np.allclose(answers["known"], answers["plain"], atol=1e-3)


def test_a_model_of_version_0_1_0_enrols_the_same_profile() -> None:
    model = load("discriminant")
    stored = ser.SpeakerProfile.parse(ANSWERS["discriminant"]["profile"])
    profile = model.enrol(OTHERS, model.sampling_rate)
    assert (profile.front_end, profile.count) == (stored.front_end, stored.count)
    for field in ("mean", "deviation"):
        found, expected = (np.frombuffer(getattr(p, field), "<f4") for p in (profile, stored))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
