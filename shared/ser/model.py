"""A model as predict sees it: one ONNX file that knows its labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ser.audio import Signal
from ser.corpora.base import Label
from ser.metadata import MetadataEncoding


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

    @classmethod
    def read(cls, properties: Mapping[str, str]) -> ModelProperties:
        """Return the properties that a file's metadata hold."""
        values = {
            name: msgspec.json.decode(properties[name])
            for name in cls.__struct_fields__
            if name in properties
        }
        return msgspec.convert(values, cls)


class Model:
    """A model in memory, ready to answer.

    Parameters
    ----------
    data
        The bytes of ``model.onnx``.

    Raises
    ------
    ValueError
        The file names another number of labels than it has probabilities.

    Examples
    --------
    >>> model = ser.Model(Path("model.onnx").read_bytes())
    >>> model
    Model(16000 Hz -> anger, boredom, disgust, fear, happiness, neutral, sadness)
    >>> model.predict(signal)
    array([0.71, 0.02, 0.03, 0.05, 0.17, 0.01, 0.01], dtype=float32)
    """

    def __init__(self, data: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # One request takes milliseconds; threads of its own would make requests wait on each other.
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(data, options)
        self.properties = ModelProperties.read(self._session.get_modelmeta().custom_metadata_map)
        (output,) = self._session.get_outputs()
        if output.shape != [len(self.labels)]:
            raise ValueError(f"{len(self.labels)} labels for probabilities of {output.shape}")

    @property
    def labels(self) -> tuple[Label, ...]:
        """The emotions in the order of the probabilities."""
        return self.properties.labels

    def predict(
        self, signal: Signal, known: Mapping[str, str | None] | None = None
    ) -> NDArray[np.float32]:
        """Return the probability of each of :attr:`labels`, shape (classes,), float32.

        Parameters
        ----------
        signal
            float32 of shape (samples,), mono, at 16 kHz.
        known
            What is known of the speaker and the text (:data:`ser.metadata.FIELDS`); used by
            models trained on it.

        Raises
        ------
        InvalidInput
            A value in ``known`` that the model has never met.
        """
        inputs: dict[str, NDArray[np.float32]] = {"waveform": signal}
        if self.properties.metadata.size:
            inputs["metadata"] = self.properties.metadata.encode(known or {})
        (probabilities,) = self._session.run(["probabilities"], inputs)
        return np.asarray(probabilities, dtype=np.float32)

    def __repr__(self) -> str:
        emotions = ", ".join(label.emotion for label in self.labels)
        return f"Model({self.properties.sampling_rate} Hz -> {emotions})"
