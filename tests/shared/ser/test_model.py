"""A model: its predictions, features and profiles, and the files it refuses."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import graphs
import made
from ser import DomainProfile, Model, Prediction, SpeakerProfile
from ser._labels import Label
from ser.errors import Conflict, InvalidInput, NotFound
from ser.sounds import SAMPLING_RATE

SIGNALS = [made.signal(name) for name in made.names(["03"], "WNT")]


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(graphs.model())


def silence(seconds: float = 0.5) -> NDArray[np.float32]:
    return np.zeros(int(SAMPLING_RATE * seconds), np.float32)


def answer(
    model: Model, signal: NDArray[np.float32], profile: SpeakerProfile | None = None
) -> NDArray[np.float32]:
    return model.predict(signal, SAMPLING_RATE, profile=profile).probabilities.array


def test_a_prediction_names_the_most_probable_emotion(model: Model) -> None:
    prediction = model.predict(SIGNALS[0], SAMPLING_RATE)
    array = prediction.probabilities.array
    assert array.dtype == np.float32
    assert array.shape == (3,)
    assert array.sum() == pytest.approx(1, abs=1e-6)
    assert prediction.label == model.labels[array.argmax()]
    assert prediction.emotion == list(prediction.probabilities)[array.argmax()]
    assert prediction.confidence == array.max()
    assert prediction.speech is True
    assert prediction.too_short is False
    assert prediction.familiarity is None


def test_probabilities_are_a_mapping_by_english_emotion_in_the_order_of_the_labels(
    model: Model,
) -> None:
    probabilities = model.predict(SIGNALS[0], SAMPLING_RATE).probabilities
    assert list(probabilities) == [label.emotion for label in graphs.LABELS]
    assert list(probabilities.values()) == probabilities.array.tolist()
    with pytest.raises(KeyError, match="boredom"):
        probabilities["boredom"]
    with pytest.raises(ValueError, match="read-only"):
        probabilities.array[0] = 1


def test_labels_that_share_an_english_word_have_keys_with_their_codes() -> None:
    labels = (*graphs.LABELS[:2], Label("sad", "triste", "sadness"))
    model = Model(graphs.model(labels=labels))
    assert model.emotions == ("neutral", "sadness (T)", "sadness (sad)")
    prediction = model.predict(SIGNALS[0], SAMPLING_RATE)
    assert list(prediction.probabilities) == list(model.emotions)
    assert prediction.emotion in ("neutral", "sadness")


def test_predictions_of_the_same_sound_are_equal(model: Model) -> None:
    first, second, other = (
        model.predict(signal, SAMPLING_RATE) for signal in (SIGNALS[0], SIGNALS[0], silence())
    )
    assert first == second
    assert hash(first) == hash(second)
    assert first != other


def test_the_text_of_a_prediction_shows_all_of_its_fields(model: Model) -> None:
    assert repr(model.predict(silence(), SAMPLING_RATE)) == (
        "Prediction(None, confidence=0.333, "
        "probabilities={'neutral': 0.333, 'sadness': 0.333, 'anger': 0.333}, speech=False, "
        "reason='the sound contains no speech')"
    )


def test_silence_is_not_speech_and_all_emotions_are_equally_probable(model: Model) -> None:
    for profile in (None, model.enrol(SIGNALS, SAMPLING_RATE)):
        prediction = model.predict(silence(), SAMPLING_RATE, profile=profile)
        np.testing.assert_allclose(prediction.probabilities.array, 1 / 3, rtol=1e-6)
        assert (prediction.speech, prediction.emotion, prediction.label) == (False, None, None)


@pytest.mark.parametrize("seconds", [0.1, 0.3, 600.0])
def test_sounds_of_any_duration_have_a_prediction(model: Model, seconds: float) -> None:
    signal = np.resize(SIGNALS[0], int(SAMPLING_RATE * seconds))
    assert np.isfinite(answer(model, signal)).all()
    if not model.predict(signal, SAMPLING_RATE).speech:
        return
    profile = model.enrol([signal], SAMPLING_RATE)
    assert np.isfinite(answer(model, signal, profile)).all()


def recordings(folder: Path) -> dict[str, tuple[Any, Any]]:
    """The same stereo recording at 44.1 kHz in all forms that ``predict`` takes."""
    rate = 44_100
    mono = made.signal("03a01Wa.wav", rate)
    samples = np.round(np.stack([mono, 0.5 * mono], axis=1) * 32_767).astype(np.int16)
    file = made.sound((samples / 32_768).astype(np.float32), rate, subtype="PCM_16")
    path = folder / "speech.wav"
    path.write_bytes(file)
    return {
        "path": (path, None),
        "path as text": (str(path), rate),
        "bytes": (file, None),
        "int16": (samples, rate),
        "int32": (samples.astype(np.int32) << 16, rate),
        "uint16": ((samples.astype(np.int32) + 32_768).astype(np.uint16), rate),
        "float64": (samples / 32_768, rate),
        "float32": ((samples / 32_768).astype(np.float32), np.float64(rate)),
        "Fortran order": (np.asfortranarray(samples), rate),
        "big endian": (samples.astype(">i2"), np.int64(rate)),
    }


def test_all_forms_of_a_recording_have_the_same_prediction(model: Model, tmp_path: Path) -> None:
    forms = recordings(tmp_path)
    expected = model.predict(*forms["path"]).probabilities.array
    for form, (sound, rate) in forms.items():
        found = model.predict(sound, rate).probabilities.array
        np.testing.assert_allclose(found, expected, atol=1e-5, err_msg=form)


def test_a_sound_at_another_rate_is_predicted_as_at_16_khz(model: Model) -> None:
    voice = np.tile(made.signal("03a01Wa.wav", 48_000), 2)
    expected = model.predict(voice[::3], 16_000).probabilities.array
    found = model.predict(voice, 48_000).probabilities.array
    np.testing.assert_allclose(found, expected, atol=0.03)
    # Without resampling, the answer is another one.
    assert np.abs(model.predict(voice, 16_000).probabilities.array - expected).max() > 0.05


def test_many_sounds_are_predicted_in_their_order_with_errors_in_place(model: Model) -> None:
    sounds = [*SIGNALS, np.full(1600, np.nan, np.float32), Path("missing.wav"), SIGNALS[0], None]
    found = list(model.predict_many(sounds, jobs=3, sampling_rate=SAMPLING_RATE))  # type: ignore[arg-type]
    assert found[:6] == [model.predict(signal, SAMPLING_RATE) for signal in SIGNALS]
    assert isinstance(found[6], InvalidInput)
    assert isinstance(found[7], NotFound)
    assert found[8] == found[0]
    assert isinstance(found[9], InvalidInput)
    assert len(found) == len(sounds)


@pytest.mark.parametrize("jobs", [1, 2, None])
def test_many_sounds_are_read_only_a_few_ahead_of_the_predictions(
    model: Model, jobs: int | None
) -> None:
    taken = 0

    def sounds() -> Iterator[NDArray[np.float32]]:
        nonlocal taken
        for _ in range(5_000):
            taken += 1
            yield SIGNALS[0]

    predictions = model.predict_many(sounds(), jobs, sampling_rate=SAMPLING_RATE)
    assert taken == 0
    assert len(list(islice(predictions, 20))) == 20
    assert taken < 2_500


def test_many_sounds_end_with_an_exception_that_is_not_about_a_sound(model: Model) -> None:
    def broken() -> Iterator[NDArray[np.float32]]:
        yield SIGNALS[0]
        raise RuntimeError("no more")

    predictions = model.predict_many(broken(), 1, sampling_rate=SAMPLING_RATE)
    with pytest.raises(RuntimeError, match="no more"):
        list(predictions)


@pytest.mark.parametrize(
    "options", [{"jobs": 0}, {"known": {"speaker": "03", "sex": "male"}}], ids=["jobs", "known"]
)
def test_options_that_fit_no_sound_are_refused_before_the_first(
    model: Model, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match="allowed"):
        model.predict_many([SIGNALS[0]], sampling_rate=SAMPLING_RATE, **options)


def test_features_have_a_row_for_each_chunk(model: Model) -> None:
    features = model.features(SIGNALS[0], SAMPLING_RATE)
    assert features.names == graphs.FEATURES == model.feature_names
    assert features.array.shape == (1, 4)
    assert features.array.dtype == np.float32
    assert features.array[0, 1] == np.abs(SIGNALS[0]).max()
    assert features.times is not None
    assert features.times.tolist() == [0.0]


def test_a_profile_makes_the_speakers_mean_neutral(model: Model) -> None:
    assert model.takes_profile
    profile = model.enrol(SIGNALS, SAMPLING_RATE)
    assert profile.count == len(SIGNALS)
    plain, enrolled = (answer(model, SIGNALS[0], p) for p in (None, profile))
    assert np.abs(plain - enrolled).max() > 0.01
    # At the mean of the speaker all scores are equal.
    level = answer(model, SIGNALS[0], model.enrol(SIGNALS[:1], SAMPLING_RATE))
    np.testing.assert_allclose(level, 1 / 3, atol=1e-4)


def test_files_and_arrays_can_be_enrolled(model: Model) -> None:
    files = [made.sound(signal, subtype="FLOAT") for signal in SIGNALS]
    assert model.enrol(files) == model.enrol(SIGNALS, SAMPLING_RATE)


def test_a_profile_that_was_stored_gives_the_same_prediction(model: Model) -> None:
    profile = model.enrol(SIGNALS, SAMPLING_RATE)
    stored = SpeakerProfile.parse(msgspec.json.encode(profile).decode())
    for signal in SIGNALS:
        np.testing.assert_allclose(
            answer(model, signal, stored), answer(model, signal, profile), atol=1e-6
        )


def test_silence_cannot_be_enrolled(model: Model) -> None:
    with pytest.raises(InvalidInput, match="silent") as caught:
        model.enrol([SIGNALS[0], silence(), SIGNALS[1]], SAMPLING_RATE)
    assert [fault.loc for fault in caught.value.faults] == [(1,)]


def test_enrolment_needs_a_sound(model: Model) -> None:
    with pytest.raises(InvalidInput, match="one or more"):
        model.enrol([])


def test_a_model_without_inputs_about_the_speaker_refuses_profiles(model: Model) -> None:
    other = Model(graphs.model(takes_profile=False))
    assert not other.takes_profile
    with pytest.raises(InvalidInput, match="DiscriminantClassifier"):
        other.enrol(SIGNALS, SAMPLING_RATE)
    with pytest.raises(InvalidInput, match="DiscriminantClassifier"):
        answer(other, SIGNALS[0], model.enrol(SIGNALS, SAMPLING_RATE))


def test_a_profile_fits_only_models_with_the_same_front_end(model: Model) -> None:
    profile = model.enrol(SIGNALS, SAMPLING_RATE)
    answer(Model(graphs.model()), SIGNALS[0], profile)
    with pytest.raises(InvalidInput, match="front_end"):
        answer(Model(graphs.model(front_end_digest="a1" * 32)), SIGNALS[0], profile)


def test_optional_inputs_that_are_left_out_cause_no_warnings(
    capfd: pytest.CaptureFixture[str],
) -> None:
    answer(Model(graphs.model()), SIGNALS[0])
    assert capfd.readouterr() == ("", "")


def without_feature_names(file: onnx.ModelProto) -> None:
    (entry,) = (entry for entry in file.metadata_props if entry.key == "feature_names")
    file.metadata_props.remove(entry)


def with_unreadable_labels(file: onnx.ModelProto) -> None:
    (entry,) = (entry for entry in file.metadata_props if entry.key == "labels")
    entry.value = "anger, sadness"


def with_one_output(file: onnx.ModelProto) -> None:
    del file.graph.output[1:]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_feature_names, "feature_names"),
        (with_unreadable_labels, "malformed"),
        (with_one_output, "its outputs are probabilities, not probabilities, speech"),
    ],
)
def test_a_file_of_another_version_is_refused_with_the_reason(
    change: Callable[[onnx.ModelProto], None], reason: str
) -> None:
    file = onnx.load_from_string(graphs.model())
    change(file)
    with pytest.raises(Conflict, match=f"{reason}.*Train it again"):
        Model(file.SerializeToString())


def test_bytes_that_are_not_an_onnx_file_are_refused() -> None:
    with pytest.raises(Conflict, match="This version of ser cannot read the model"):
        Model(b"RIFF....WAVE")


def test_a_prediction_is_immutable(model: Model) -> None:
    prediction = model.predict(SIGNALS[0], SAMPLING_RATE)
    assert isinstance(prediction, Prediction)
    with pytest.raises(AttributeError):
        prediction.speech = False  # type: ignore[misc]


@pytest.mark.parametrize("sounds", ["speech.wav", b"RIFF", SIGNALS[0], Path("a.wav"), None, 3])
def test_one_sound_is_no_collection_of_sounds(model: Model, sounds: Any) -> None:
    for call in (model.predict_many, model.enrol):
        with pytest.raises(InvalidInput, match="does not hold several sounds; allowed"):
            call(sounds)


def test_an_array_of_paths_is_a_collection_of_sounds(model: Model) -> None:
    Path("a.wav").write_bytes(made.sound(SIGNALS[0]))
    (prediction,) = model.predict_many(np.array(["a.wav"]))
    assert isinstance(prediction, Prediction)


@pytest.mark.parametrize("jobs", [1.5, "2", True, -1, float("nan")])
def test_jobs_are_a_whole_number(model: Model, jobs: Any) -> None:
    with pytest.raises(InvalidInput, match="jobs; allowed: 1 or more"):
        model.predict_many([], jobs=jobs)


def test_an_error_of_the_sounds_is_raised_after_the_predictions_before_it(model: Model) -> None:
    def sounds() -> Iterator[NDArray[np.float32]]:
        yield from SIGNALS[:2]
        raise OSError("the disk is gone")

    predictions = model.predict_many(sounds(), sampling_rate=SAMPLING_RATE)
    assert [type(next(predictions)) for _ in range(2)] == [Prediction, Prediction]
    with pytest.raises(OSError, match="the disk is gone"):
        next(predictions)


@pytest.mark.parametrize("profile", [{}, {"count": 1}, "profile", 3])
def test_a_profile_of_another_type_is_refused(model: Model, profile: Any) -> None:
    with pytest.raises(InvalidInput, match=r"allowed: a ser\.SpeakerProfile"):
        model.predict(SIGNALS[0], SAMPLING_RATE, profile=profile)


@pytest.mark.parametrize("known", ["speaker", [1]])
def test_known_values_are_a_mapping(model: Model, known: Any) -> None:
    with pytest.raises(InvalidInput, match="; allowed: a mapping"):
        model.predict(SIGNALS[0], SAMPLING_RATE, known=known)


@pytest.mark.parametrize("data", ["model.onnx", Path("model.onnx"), None])
def test_a_model_is_made_of_bytes(data: Any) -> None:
    with pytest.raises(InvalidInput, match=r"allowed: the bytes of model\.onnx"):
        Model(data)


@pytest.fixture(scope="module")
def adaptable() -> Model:
    return Model(graphs.model(takes_domain=True, measures_familiarity=True))


def test_a_domain_profile_that_was_stored_changes_the_prediction_as_the_original(
    adaptable: Model,
) -> None:
    assert adaptable.takes_domain_profile
    domain = adaptable.enrol_domain(SIGNALS, SAMPLING_RATE)
    assert domain.count == len(SIGNALS)
    stored = DomainProfile.parse(msgspec.json.encode(domain).decode())
    found = [
        adaptable.predict(SIGNALS[0], SAMPLING_RATE, domain=each).probabilities.array
        for each in (None, domain, stored)
    ]
    assert np.abs(found[0] - found[1]).max() > 0.01
    np.testing.assert_array_equal(found[1], found[2])


def test_domains_are_enrolled_from_speech_alone(adaptable: Model) -> None:
    with pytest.raises(InvalidInput, match=r"silent|no speech") as caught:
        adaptable.enrol_domain([SIGNALS[0], silence()], SAMPLING_RATE)
    assert [fault.loc for fault in caught.value.faults] == [(1,)]
    with pytest.raises(InvalidInput, match="one or more"):
        adaptable.enrol_domain([])


def test_a_model_without_inputs_about_the_domain_refuses_domain_profiles(
    model: Model, adaptable: Model
) -> None:
    assert not model.takes_domain_profile
    with pytest.raises(InvalidInput, match="does not use domain profiles"):
        model.enrol_domain(SIGNALS, SAMPLING_RATE)
    domain = adaptable.enrol_domain(SIGNALS, SAMPLING_RATE)
    with pytest.raises(InvalidInput, match="does not use domain profiles"):
        model.predict(SIGNALS[0], SAMPLING_RATE, domain=domain)
    speaker: Any = adaptable.enrol(SIGNALS, SAMPLING_RATE)
    with pytest.raises(InvalidInput, match=r"allowed: a ser\.DomainProfile"):
        adaptable.predict(SIGNALS[0], SAMPLING_RATE, domain=speaker)


def test_a_familiarity_is_a_number_where_the_model_measures_it(
    model: Model, adaptable: Model
) -> None:
    found = adaptable.predict(SIGNALS[0], SAMPLING_RATE)
    assert found.familiarity is not None
    assert 0 < found.familiarity < 1
    assert f"familiarity={found.familiarity:.3f}" in repr(found)
    assert model.predict(SIGNALS[0], SAMPLING_RATE).familiarity is None


def test_a_prediction_below_the_wanted_confidence_has_a_reason_instead_of_a_label(
    model: Model,
) -> None:
    plain = model.predict(SIGNALS[0], SAMPLING_RATE)
    assert plain.reason is None
    sure, unsure = (plain.confidence - 0.001, plain.confidence + 0.001)
    assert model.predict(SIGNALS[0], SAMPLING_RATE, abstain_below=sure) == plain
    (found,) = model.predict_many(SIGNALS[:1], sampling_rate=SAMPLING_RATE, abstain_below=unsure)
    assert isinstance(found, Prediction)
    assert (found.label, found.emotion) == (None, None)
    assert found.confidence == plain.confidence
    assert found.reason == f"the confidence {plain.confidence:.3f} is below {unsure:g}"
    silent = model.predict(silence(), SAMPLING_RATE, abstain_below=1)
    assert silent.reason == "the sound contains no speech"


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), "0.5", True])
def test_the_wanted_confidence_is_a_number_from_0_to_1(model: Model, share: Any) -> None:
    for call in (model.predict, lambda _, **options: model.predict_many([], **options)):
        with pytest.raises(InvalidInput, match=r"abstain_below.*allowed: a number from 0 to 1"):
            call(SIGNALS[0], sampling_rate=SAMPLING_RATE, abstain_below=share)


def test_a_model_is_not_pickled_but_says_how_to_send_one(model: Model) -> None:
    with pytest.raises(TypeError, match=r"allowed: .*ser\.load_model"):
        pickle.dumps(model)
    assert copy.copy(model) is copy.deepcopy([model])[0] is model
