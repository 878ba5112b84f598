"""A model as predict sees it: one ONNX file that knows its labels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ser._labels import Label
from ser._metadata import MetadataEncoding
from ser._sessions import open_session
from ser._speaker_profile import SpeakerProfile, takes_profile
from ser.errors import Conflict, InvalidInput, within
from ser.sounds import Signal, require_speech

OUTPUTS = ("probabilities", "speech", "features")
"""Of every model, in this order."""
NO_PROFILE = (
    "this model does not ask who speaks; allowed: with models of model_type DiscriminantClassifier "
    "that were trained on a corpus of three known speakers or more"
)
"""Why a profile is refused where :attr:`Model.takes_profile` is false."""


class Prediction(NamedTuple):
    """What a model says of one sound."""

    probabilities: NDArray[np.float32]
    """Of each emotion, shape (classes,); all the same where there is no speech."""
    speech: bool
    """Whether anything is loud enough to be speech (:data:`ser.sounds._audio.SPEECH_LEVEL`)."""


class ModelProperties(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says of itself, in the metadata of its file: one JSON value for each field."""

    labels: tuple[Label, ...]
    """The emotions in the order of the probabilities."""
    sampling_rate: int
    """Of the waveform, in Hz."""
    front_ends: dict[str, Any]
    """METHOD_NAME -> CONFIG, in the order of the features."""
    chunk_samples: int | None
    gain: float
    metadata: MetadataEncoding
    """The columns of the ``metadata`` input; without columns there is no such input."""
    feature_names: tuple[str, ...]
    """In the order of the ``features`` output."""
    front_end: str
    """SHA-256 of the graph that makes the features, in hexadecimal: speakers' profiles fit all
    models with the same one."""

    @classmethod
    def read(cls, properties: Mapping[str, str]) -> ModelProperties:
        """Return the properties that a file's metadata hold.

        Raises
        ------
        Conflict
            They are not those of a model, or of one that another version of ``ser`` made.
        """
        try:
            values = {
                name: msgspec.json.decode(properties[name])
                for name in cls.__struct_fields__
                if name in properties
            }
            return msgspec.convert(values, cls)
        except msgspec.MsgspecError as error:
            raise unreadable(str(error)) from error


class Model:
    """A model in memory, ready to answer.

    Parameters
    ----------
    data
        The bytes of ``model.onnx``.

    Raises
    ------
    Conflict
        The file is not what this version of ``ser`` makes.
    ValueError
        The file names another number of labels than it has probabilities.

    Examples
    --------
    >>> model = ser.Model(Path("model.onnx").read_bytes())
    >>> model
    Model(16000 Hz -> anger, boredom, disgust, fear, happiness, neutral, sadness)
    >>> model.predict(signal).probabilities
    array([0.71, 0.02, 0.03, 0.05, 0.17, 0.01, 0.01], dtype=float32)
    >>> profile = model.enrol(signals_of_the_same_speaker)
    >>> model.predict(signal, profile=profile).probabilities
    array([0.42, 0.01, 0.02, 0.03, 0.51, 0.01, 0.  ], dtype=float32)
    """

    def __init__(self, data: bytes) -> None:
        self._session = open_session(data, optimize=False)
        self.properties = ModelProperties.read(self._session.get_modelmeta().custom_metadata_map)
        outputs = {output.name: output.shape for output in self._session.get_outputs()}
        if tuple(outputs) != OUTPUTS:
            raise unreadable(f"its outputs are {', '.join(outputs)}, not {', '.join(OUTPUTS)}")
        if outputs["probabilities"] != [len(self.labels)]:
            raise ValueError(
                f"{len(self.labels)} labels for probabilities of {outputs['probabilities']}"
            )

    @property
    def takes_profile(self) -> bool:
        """Whether it can be told what the speaker sounds like."""
        return takes_profile(self._session)

    @property
    def labels(self) -> tuple[Label, ...]:
        """The emotions in the order of the probabilities."""
        return self.properties.labels

    def predict(
        self,
        signal: Signal,
        known: Mapping[str, str | None] | None = None,
        profile: SpeakerProfile | None = None,
    ) -> Prediction:
        """Return what emotions ``signal`` is heard to express.

        Parameters
        ----------
        signal
            float32 of shape (samples,), mono, at 16 kHz.
        known
            What is known of the speaker and the text (:data:`ser._metadata.FIELDS`); used by
            models trained on it.
        profile
            What the speaker sounds like, from :meth:`enrol`.

        Raises
        ------
        InvalidInput
            A value in ``known`` that the model has never met, or a profile that it does not take.
        """
        inputs = self._inputs(signal, known)
        if profile:
            self.require_fit(profile)
            inputs |= profile.inputs()
        probabilities, speech = self._session.run(["probabilities", "speech"], inputs)
        return Prediction(probabilities, bool(speech))

    def enrol(
        self, signals: Iterable[Signal], known: Mapping[str, str | None] | None = None
    ) -> SpeakerProfile:
        """Return what the one speaker of all ``signals`` sounds like.

        Parameters
        ----------
        signals, known
            At least one signal; each, and what is known of them, as in :meth:`predict`.

        Raises
        ------
        InvalidInput
            A signal in which nobody speaks, named by its index; a value in ``known`` that the
            model has never met; or the model takes no profile.
        """
        if not self.takes_profile:
            raise InvalidInput(NO_PROFILE)
        profiles = []
        for index, signal in enumerate(signals):
            with within(index):
                require_speech(signal)
            (features,) = self._session.run(["features"], self._inputs(signal, known))
            profiles.append(SpeakerProfile.of(self.properties.front_end, features))
        return SpeakerProfile.pooled(profiles)

    def require_fit(self, profile: SpeakerProfile) -> None:
        """Raise :class:`InvalidInput` unless the model takes ``profile``."""
        if not self.takes_profile:
            raise InvalidInput(NO_PROFILE)
        profile.require(self.properties.front_end, len(self.properties.feature_names))

    def _inputs(
        self, signal: Signal, known: Mapping[str, str | None] | None = None
    ) -> dict[str, NDArray[np.float32]]:
        inputs = {"waveform": signal}
        if self.properties.metadata.size:
            inputs["metadata"] = self.properties.metadata.encode(known or {})
        return inputs

    def __repr__(self) -> str:
        emotions = ", ".join(label.emotion for label in self.labels)
        return f"Model({self.properties.sampling_rate} Hz -> {emotions})"


def unreadable(why: str) -> Conflict:
    """The error that says of a file why it is no model of this version."""
    return Conflict(f"The model is not one that this version of ser reads: {why}. Train it anew.")
