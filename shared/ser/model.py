"""A model: one ONNX file that turns a sound into probabilities of emotions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from ser._domain_profile import DomainProfile, takes_domain_profile
from ser._labels import Label
from ser._model_file import FAMILIARITY, OpenedModel, open_model
from ser._model_properties import ModelProperties
from ser._prediction import Prediction, Probabilities, emotion_keys, reason_against
from ser._segments import STEP, WINDOW, Grid, Segment, Turn
from ser._speaker_profile import SpeakerProfile, takes_profile
from ser._threads import map_in_order
from ser._timeline import Listening, Timeline
from ser.errors import InvalidInput, SerError, within
from ser.sounds import (
    NO_SPEECH,
    SAMPLING_RATE,
    SHORTEST_SPEECH,
    Signal,
    SoundLike,
    is_one_sound,
    read_sound,
    require_sound,
)

if TYPE_CHECKING:
    from ser._features import Features

__all__ = [
    "NO_DOMAIN_PROFILE",
    "NO_PROFILE",
    "Known",
    "Listening",
    "Model",
    "ModelProperties",
    "Prediction",
    "Probabilities",
    "Segment",
    "Timeline",
    "Turn",
]

NO_PROFILE = (
    "this model does not use speaker profiles; allowed: with models of model_type "
    "DiscriminantClassifier that were trained on a corpus of three known speakers or more"
)
"""Reason for refusing a profile where :attr:`Model.takes_profile` is false."""

NO_DOMAIN_PROFILE = (
    "this model does not use domain profiles; allowed: with models of model_type "
    "DiscriminantClassifier that were trained with version 0.2 or later"
)
"""Reason for refusing a profile where :attr:`Model.takes_domain_profile` is false."""

Known = Mapping[str, str | None]
"""Metadata of an utterance by field: ``speaker``, ``gender``, ``text``; ``None`` if unknown."""

P = TypeVar("P", SpeakerProfile, DomainProfile)


class Model:
    """A model in memory, ready to predict. Several threads may use it at once.

    :func:`ser.load_model` returns a model by its address.

    Parameters
    ----------
    data
        The bytes of ``model.onnx``.

    Raises
    ------
    Conflict
        The file is not a model that this version of ``ser`` can read.

    Examples
    --------
    >>> model = ser.Model(Path("model.onnx").read_bytes())
    >>> model
    Model(16000 Hz -> neutral, sadness, anger)
    >>> model.predict("speech.wav").emotion
    'anger'
    """

    def __init__(self, data: bytes) -> None:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise InvalidInput(
                f"a {type(data).__name__} is no model; allowed: the bytes of model.onnx "
                "(ser.load_model reads files)"
            )
        self._in_memory = open_model(bytes(data))

    @property
    def _opened(self) -> OpenedModel:
        return self._in_memory

    @property
    def properties(self) -> ModelProperties:
        """All properties in the metadata of the file."""
        return self._opened.properties

    @property
    def labels(self) -> tuple[Label, ...]:
        """The labels in the order of the probabilities."""
        return self.properties.labels

    @cached_property
    def emotions(self) -> tuple[str, ...]:
        """Keys of a prediction's probabilities: the English word of each label.

        If two labels share a word, as labels of several corpora may, the code follows it, as in
        ``anger (W)``.
        """
        return emotion_keys(self.labels)

    @property
    def sampling_rate(self) -> int:
        """Sampling rate of the model's input in Hz; sounds of other rates are resampled."""
        return self.properties.sampling_rate

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features, in the order of the columns of :meth:`features`."""
        return self.properties.feature_names

    @property
    def known_values(self) -> dict[str, tuple[str, ...]]:
        """The fields of ``known`` that the model uses, with the values seen in training."""
        return dict(self.properties.metadata.values)

    @property
    def takes_profile(self) -> bool:
        """Whether the model uses a :class:`ser.SpeakerProfile`."""
        return takes_profile(self._opened.session)

    @property
    def takes_domain_profile(self) -> bool:
        """Whether the model uses a :class:`ser.DomainProfile`."""
        return takes_domain_profile(self._opened.session)

    @property
    def front_end(self) -> str:
        """SHA-256 of the graph that computes the features, in hexadecimal.

        A profile can be used with every model that has the same front-end.
        """
        return self.properties.front_end

    def predict(
        self,
        sound: SoundLike,
        sampling_rate: float | None = None,
        *,
        known: Known | None = None,
        profile: SpeakerProfile | None = None,
        domain: DomainProfile | None = None,
        abstain_below: float | None = None,
    ) -> Prediction:
        """Return the prediction for ``sound``.

        Parameters
        ----------
        sound
            Path of a sound file, bytes of a sound file, or an array of shape (samples,) or
            (samples, channels). Floats in an array range from -1 to 1; integers are divided by
            the full scale of their type (int16 by 32768).
        sampling_rate
            Sampling rate in Hz. It is required for an array; for a file it may be left out, and
            must otherwise equal the rate of the file. The sound is resampled to the rate of the
            model, and its channels are averaged.
        known
            Speaker, gender and text of the utterance, if known, for models that use them
            (:attr:`known_values`).
        profile
            Profile of the speaker, as :meth:`enrol` returns it.
        domain
            Profile of the channel, room or corpus, as :meth:`enrol_domain` returns it. The
            familiarity is then relative to this domain.
        abstain_below
            Confidence, 0 to 1, below which the prediction has no label but a reason. ``None``:
            every sound with speech has a label.

        Raises
        ------
        InvalidInput
            ``sound`` is not a sound, is shorter than 0.1 s, has samples that are not finite or
            a peak above 10 times full scale, or is an array without a rate; ``known`` has a value
            that did not occur in training; the model does not take ``profile`` or ``domain``;
            ``abstain_below`` is not a number from 0 to 1.
        NotFound
            No file has the path ``sound``.

        Examples
        --------
        >>> import soundfile
        >>> model = ser.load_model("latest", registry="model")
        >>> model.predict("speech.wav").emotion
        'anger'
        >>> samples, sampling_rate = soundfile.read("speech.wav")
        >>> model.predict(samples, sampling_rate).emotion
        'anger'
        """
        require_share(abstain_below)
        options = self._options(known, profile, domain)
        return self._predict(read_sound(sound, sampling_rate), options, abstain_below)

    def predict_many(
        self,
        sounds: Iterable[SoundLike],
        jobs: int | None = None,
        *,
        sampling_rate: float | None = None,
        known: Known | None = None,
        profile: SpeakerProfile | None = None,
        domain: DomainProfile | None = None,
        abstain_below: float | None = None,
    ) -> Iterator[Prediction | SerError]:
        """Return an iterator over the predictions for ``sounds``, in their order.

        Sounds are read and predicted in parallel and lazily, only a few ahead of the prediction
        that was taken last; so ``sounds`` may be a generator of any length.

        Parameters
        ----------
        sounds
            Sounds, each as in :meth:`predict`.
        jobs
            Number of threads; ``None``: one per core.
        sampling_rate, known, profile, domain, abstain_below
            As in :meth:`predict`, the same for all sounds.

        Returns
        -------
        iterator of Prediction or SerError
            The prediction for each sound, or the error that :meth:`predict` would raise for it.

        Raises
        ------
        InvalidInput
            ``jobs`` is less than 1, ``sounds`` is a single sound, or another parameter is refused
            by :meth:`predict`.

        Examples
        --------
        >>> model = ser.load_model("latest", registry="model")
        >>> for prediction in model.predict_many(["speech.wav", "missing.wav"]):
        ...     print(repr(prediction))
        Prediction('anger', confidence=...)
        NotFound("There is no sound file 'missing.wav'.")
        """
        threads = threads_of(jobs)
        require_several(sounds)
        require_share(abstain_below)
        options = self._options(known, profile, domain)

        def predict_one(sound: SoundLike) -> Prediction | SerError:
            try:
                return self._predict(read_sound(sound, sampling_rate), options, abstain_below)
            except SerError as error:
                return error

        return map_in_order(predict_one, sounds, threads)

    def timeline(
        self,
        sound: SoundLike,
        sampling_rate: float | None = None,
        *,
        window: float = WINDOW,
        step: float = STEP,
        known: Known | None = None,
        profile: SpeakerProfile | None = None,
        domain: DomainProfile | None = None,
        abstain_below: float | None = None,
        jobs: int | None = None,
    ) -> Timeline:
        """Return the time line of ``sound``: a prediction for each of its windows.

        Windows are judged as they are iterated over, each by itself; so the emotions of a long
        sound are known before its end is reached.

        Parameters
        ----------
        sound, sampling_rate, known, profile, domain, abstain_below
            As in :meth:`predict`.
        window
            Length of a window in seconds, from 0.25 to 30.
        step
            Distance between the starts of two windows in seconds, from 0.25 to 30.
        jobs
            Number of threads; ``None``: one per core.

        Raises
        ------
        InvalidInput, NotFound
            As in :meth:`predict`; or ``window``, ``step`` or ``jobs`` is out of range.

        Examples
        --------
        >>> model = ser.load_model("latest", registry="model")
        >>> for segment in model.timeline("speech.wav", window=2, step=2):
        ...     print(f"{segment.begin:g} s: {segment.emotion}")
        0 s: anger
        """
        grid, threads = Grid.of(window, step), threads_of(jobs)
        require_share(abstain_below)
        judge = self._judge(self._options(known, profile, domain), abstain_below)
        return Timeline(judge, read_sound(sound, sampling_rate), grid, self.emotions, threads)

    def listen(
        self,
        *,
        window: float = WINDOW,
        step: float = STEP,
        known: Known | None = None,
        profile: SpeakerProfile | None = None,
        domain: DomainProfile | None = None,
        abstain_below: float | None = None,
    ) -> Listening:
        """Return the time line of a sound that comes piece by piece, as from a microphone.

        Its segments are those of :meth:`timeline` for the whole sound.

        Parameters
        ----------
        window, step, known, profile, domain, abstain_below
            As in :meth:`timeline`.

        Raises
        ------
        InvalidInput
            As in :meth:`timeline`.

        Examples
        --------
        >>> listening = ser.load_model("latest", registry="model").listen()
        >>> list(listening.hear(np.zeros(16000, np.float32)))
        []
        >>> [segment.speech for segment in listening.hear(np.zeros(16000, np.float32))]
        [0.0]
        """
        grid = Grid.of(window, step)
        require_share(abstain_below)
        return Listening(self._judge(self._options(known, profile, domain), abstain_below), grid)

    def features(
        self,
        sound: SoundLike,
        sampling_rate: float | None = None,
        *,
        known: Known | None = None,
    ) -> Features:
        """Return the features that the model computes from ``sound``, a row for each chunk.

        Parameters
        ----------
        sound, sampling_rate, known
            As in :meth:`predict`.

        Raises
        ------
        InvalidInput, NotFound
            As in :meth:`predict`.

        Examples
        --------
        >>> model = ser.load_model("latest", registry="model")
        >>> features = model.features("speech.wav")
        >>> features.names
        ('level', 'peak', 'offset', 'roughness')
        >>> features.array.shape
        (1, 4)
        >>> features.times
        array([0.])
        """
        from ser._features import Features

        signal = read_sound(sound, sampling_rate)
        inputs = {"waveform": signal, **self._options(known)}
        if self._opened.places:
            rows, times = self._opened.run(["features", "times"], inputs).values()
        else:
            rows = self._opened.run(["features"], inputs)["features"]
            step = self.properties.chunk_samples or -(-len(signal) // len(rows))
            times = np.arange(len(rows)) * step / SAMPLING_RATE
        return Features(rows, self.feature_names, times=times)

    def enrol(
        self,
        sounds: Iterable[SoundLike],
        sampling_rate: float | None = None,
        *,
        known: Known | None = None,
    ) -> SpeakerProfile:
        """Return the profile of a speaker from ``sounds`` of this speaker.

        Parameters
        ----------
        sounds
            At least one sound, each as in :meth:`predict`. About 20 sounds that express different
            emotions work best.
        sampling_rate, known
            As in :meth:`predict`, the same for all sounds.

        Raises
        ------
        InvalidInput
            The model takes no profile; ``sounds`` is empty or a single sound; a sound, named by
            its index, contains no speech or is refused by :meth:`predict`; ``known`` has a value
            that did not occur in training.
        NotFound
            A file does not exist.

        Examples
        --------
        >>> model = ser.load_model("latest", registry="model")
        >>> profile = model.enrol(["speech.wav"])
        >>> profile.count
        1
        >>> model.predict("speech.wav", profile=profile).speech
        True
        """
        if not self.takes_profile:
            raise InvalidInput(NO_PROFILE)
        return SpeakerProfile.pooled(
            self._profiles(SpeakerProfile.of, sounds, sampling_rate, known)
        )

    def enrol_domain(
        self,
        sounds: Iterable[SoundLike],
        sampling_rate: float | None = None,
        *,
        known: Known | None = None,
    ) -> DomainProfile:
        """Return the profile of a channel, room or corpus from ``sounds`` of it.

        Parameters
        ----------
        sounds
            At least one sound, each as in :meth:`predict`. About 20 sounds of many speakers and
            different emotions work best; their emotions need not be known.
        sampling_rate, known
            As in :meth:`predict`, the same for all sounds.

        Raises
        ------
        InvalidInput, NotFound
            As in :meth:`enrol`.

        Examples
        --------
        >>> model = ser.load_model("latest", registry="model")
        >>> domain = model.enrol_domain(["speech.wav"])
        >>> domain.count
        1
        >>> model.predict("speech.wav", domain=domain).speech
        True
        """
        if not self.takes_domain_profile:
            raise InvalidInput(NO_DOMAIN_PROFILE)
        profiles = self._profiles(DomainProfile.of, sounds, sampling_rate, known)
        return DomainProfile.pooled(profiles)

    def check_profile(self, profile: SpeakerProfile) -> None:
        """Raise :class:`InvalidInput` unless the model takes ``profile``."""
        if not self.takes_profile:
            raise InvalidInput(NO_PROFILE)
        profile.require(self.front_end, len(self.feature_names))

    def check_domain_profile(self, profile: DomainProfile) -> None:
        """Raise :class:`InvalidInput` unless the model takes ``profile``."""
        if not self.takes_domain_profile:
            raise InvalidInput(NO_DOMAIN_PROFILE)
        profile.require(self.front_end, len(self.feature_names))

    def _options(
        self,
        known: Known | None,
        profile: SpeakerProfile | None = None,
        domain: DomainProfile | None = None,
    ) -> dict[str, NDArray[np.float32]]:
        """Return the inputs of the graph beside the waveform."""
        if not isinstance(known, Mapping | None):
            raise InvalidInput(
                f"known is a {type(known).__name__}; allowed: a mapping such as {{'speaker': '03'}}"
            )
        if not isinstance(profile, SpeakerProfile | None):
            raise InvalidInput(
                f"profile is a {type(profile).__name__}; allowed: a ser.SpeakerProfile, which "
                "Model.enrol returns, and SpeakerProfile.parse reads from JSON"
            )
        if not isinstance(domain, DomainProfile | None):
            raise InvalidInput(
                f"domain is a {type(domain).__name__}; allowed: a ser.DomainProfile, which "
                "Model.enrol_domain returns, and DomainProfile.parse reads from JSON"
            )
        columns = self.properties.metadata.encode(known or {})
        options = {"metadata": columns} if columns.size else {}
        if profile is not None:
            self.check_profile(profile)
            options |= profile.inputs()
        if domain is not None:
            self.check_domain_profile(domain)
            options |= domain.inputs()
        return options

    def _judge(
        self, options: Mapping[str, NDArray[np.float32]], abstain_below: float | None
    ) -> Callable[[Signal], tuple[Prediction, float | None]]:
        """Return a function from a signal to its prediction and the seconds of its speech; these
        are ``None`` with a model that does not measure them."""
        return lambda signal: self._predict_measured(signal, options, abstain_below)

    def _predict(
        self,
        signal: Signal,
        options: Mapping[str, NDArray[np.float32]],
        abstain_below: float | None,
    ) -> Prediction:
        return self._predict_measured(signal, options, abstain_below)[0]

    def _predict_measured(
        self,
        signal: Signal,
        options: Mapping[str, NDArray[np.float32]],
        abstain_below: float | None,
    ) -> tuple[Prediction, float | None]:
        opened = self._opened
        names = ["probabilities", "speech"]
        names += ["seconds"] * opened.places + [FAMILIARITY] * opened.familiarity
        found = opened.run(names, {"waveform": signal, **options})
        probabilities, speech = found["probabilities"], bool(found["speech"])
        seconds = float(found["seconds"].sum()) if opened.places else None
        reason = reason_against(speech, float(probabilities.max()), abstain_below)
        prediction = Prediction(
            label=None if reason else self.labels[probabilities.argmax()],
            probabilities=Probabilities(self.emotions, probabilities),
            speech=speech,
            too_short=speech and seconds is not None and seconds < SHORTEST_SPEECH,
            familiarity=float(found[FAMILIARITY]) if opened.familiarity else None,
            reason=reason,
        )
        return prediction, seconds

    def _profiles(
        self,
        of: Callable[[str, NDArray[np.float32]], P],
        sounds: Iterable[SoundLike],
        sampling_rate: float | None,
        known: Known | None,
    ) -> list[P]:
        """Return the profile that ``of`` gives for each sound, at least one."""
        require_several(sounds)
        options = self._options(known)
        profiles = []
        for index, sound in enumerate(sounds):
            with within(index):
                signal = require_sound(read_sound(sound, sampling_rate))
                inputs = {"waveform": signal, **options}
                rows, speech = self._opened.run(["features", "speech"], inputs).values()
                if not speech:
                    raise InvalidInput(NO_SPEECH)
                profiles.append(of(self.front_end, rows))
        if not profiles:
            raise InvalidInput("there are no sounds to enrol; allowed: one or more")
        return profiles

    def __copy__(self) -> Self:
        # Models never change.
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        del memo
        return self

    def __reduce__(self) -> str | tuple[Any, ...]:
        # Its file may have 45 MB, and is not kept beside the session.
        raise TypeError(
            "a Model cannot be pickled; allowed: to send the bytes or the path of model.onnx to "
            "the other process, which creates ser.Model(data) or calls ser.load_model(path); or "
            "to take a model of a registry, which is pickled as its address"
        )

    def __repr__(self) -> str:
        return f"Model({self.sampling_rate} Hz -> {', '.join(self.emotions)})"


def require_several(sounds: object) -> None:
    """Raise :class:`InvalidInput` if ``sounds`` is a single sound, or none."""
    if is_one_sound(sounds) or not isinstance(sounds, Iterable):
        raise InvalidInput(
            f"a {type(sounds).__name__} does not hold several sounds; allowed: such as a list of "
            "sounds"
        )


def threads_of(jobs: int | None) -> int:
    """Return the number of threads for ``jobs``: one per core for ``None``.

    Raises
    ------
    InvalidInput
        ``jobs`` is not a whole number of 1 or more.
    """
    threads = os.cpu_count() or 1 if jobs is None else jobs
    if not isinstance(threads, Integral) or isinstance(threads, bool) or threads < 1:
        raise InvalidInput(f"{jobs!r} jobs; allowed: 1 or more, or None for one on each core")
    return int(threads)


def require_share(abstain_below: float | None) -> None:
    """Raise :class:`InvalidInput` unless ``abstain_below`` is a number from 0 to 1 or ``None``."""
    is_number = isinstance(abstain_below, Real) and not isinstance(abstain_below, bool)
    if abstain_below is not None and not (is_number and 0 <= abstain_below <= 1):
        raise InvalidInput(
            f"abstain_below is {abstain_below!r}; allowed: a number from 0 to 1, or None"
        )
