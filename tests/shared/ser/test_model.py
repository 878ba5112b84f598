"""A model at work: what it answers, for whom, and what it is when it is not one of ours."""

from __future__ import annotations

import msgspec
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import graphs
import made
from ser import Model
from ser._speaker_profile import SpeakerProfile
from ser.errors import Conflict, InvalidInput

SIGNALS = [made.signal(name) for name in made.names(["03"], "WNT")]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(graphs.model())


def silence(seconds: float = 0.5) -> NDArray[np.float32]:
    return np.zeros(int(16_000 * seconds), np.float32)


def test_an_answer_holds_probabilities_and_whether_there_is_speech(model: Model) -> None:
    probabilities, speech = model.predict(SIGNALS[0])
    assert probabilities.dtype == np.float32
    assert probabilities.shape == (3,)
    assert probabilities.sum() == pytest.approx(1, abs=1e-6)
    assert speech is True


def test_silence_is_no_speech_and_every_emotion_as_probable(model: Model) -> None:
    for profile in (None, model.enrol(SIGNALS)):
        probabilities, speech = model.predict(silence(), profile=profile)
        np.testing.assert_allclose(probabilities, 1 / 3, rtol=1e-6)
        assert speech is False


@pytest.mark.parametrize("seconds", [0.1, 0.3, 600.0])
def test_any_duration_is_answered(model: Model, seconds: float) -> None:
    signal = np.resize(SIGNALS[0], int(16_000 * seconds))
    assert np.isfinite(model.predict(signal).probabilities).all()
    assert np.isfinite(model.predict(signal, profile=model.enrol([signal])).probabilities).all()


def test_who_is_enrolled_is_judged_by_what_is_unlike_himself(model: Model) -> None:
    assert model.takes_profile
    profile = model.enrol(SIGNALS)
    assert profile.count == len(SIGNALS)
    plain, enrolled = (model.predict(SIGNALS[0], profile=p).probabilities for p in (None, profile))
    assert np.abs(plain - enrolled).max() > 0.01
    # The mean of the speaker is where his scores are all alike.
    level = model.predict(SIGNALS[0], profile=model.enrol(SIGNALS[:1])).probabilities
    np.testing.assert_allclose(level, 1 / 3, atol=1e-4)


def test_a_profile_that_was_kept_gives_the_same_answer(model: Model) -> None:
    profile = model.enrol(SIGNALS)
    kept = SpeakerProfile.parse(msgspec.json.encode(profile).decode())
    for signal in SIGNALS:
        np.testing.assert_allclose(
            model.predict(signal, profile=kept).probabilities,
            model.predict(signal, profile=profile).probabilities,
            atol=1e-6,
        )


def test_silence_cannot_be_enrolled(model: Model) -> None:
    with pytest.raises(InvalidInput, match="silent") as caught:
        model.enrol([SIGNALS[0], silence(), SIGNALS[1]])
    assert [fault.loc for fault in caught.value.faults] == [(1,)]


def test_a_model_that_asks_for_no_speaker_takes_no_profile(model: Model) -> None:
    deaf = Model(graphs.model(takes_profile=False))
    assert not deaf.takes_profile
    with pytest.raises(InvalidInput, match="DiscriminantClassifier"):
        deaf.enrol(SIGNALS)
    with pytest.raises(InvalidInput, match="DiscriminantClassifier"):
        deaf.predict(SIGNALS[0], profile=model.enrol(SIGNALS))


def test_a_profile_fits_models_with_the_same_front_end_only(model: Model) -> None:
    profile = model.enrol(SIGNALS)
    Model(graphs.model()).predict(SIGNALS[0], profile=profile)
    with pytest.raises(InvalidInput, match="front_end"):
        Model(graphs.model(front_end_digest="a1" * 32)).predict(SIGNALS[0], profile=profile)


def test_inputs_that_may_be_left_out_are_no_news(capfd: pytest.CaptureFixture[str]) -> None:
    Model(graphs.model()).predict(SIGNALS[0])
    assert capfd.readouterr() == ("", "")


def test_a_model_of_before_is_refused_in_plain_words() -> None:
    old = onnx.load_from_string(graphs.model())
    (entry,) = (entry for entry in old.metadata_props if entry.key == "feature_names")
    old.metadata_props.remove(entry)
    with pytest.raises(Conflict, match=r"feature_names.*Train it anew"):
        Model(old.SerializeToString())


def test_a_model_of_other_properties_is_refused_in_plain_words() -> None:
    foreign = onnx.load_from_string(graphs.model())
    (entry,) = (entry for entry in foreign.metadata_props if entry.key == "labels")
    entry.value = "anger, sadness"
    with pytest.raises(Conflict, match="Train it anew"):
        Model(foreign.SerializeToString())


def test_a_model_of_other_outputs_is_refused_in_plain_words() -> None:
    other = onnx.load_from_string(graphs.model())
    del other.graph.output[1:]
    with pytest.raises(Conflict, match="its outputs are probabilities, not probabilities, speech"):
        Model(other.SerializeToString())
