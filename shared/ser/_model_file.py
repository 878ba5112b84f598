"""The file of a model: an ONNX graph with the model's properties in its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ser._labels import Label
from ser._metadata import MetadataEncoding
from ser._sessions import open_session
from ser.errors import Conflict

if TYPE_CHECKING:
    import onnxruntime

OUTPUTS = ("probabilities", "speech", "features")
"""Outputs of every model, in this order."""


class ModelProperties(msgspec.Struct, frozen=True, kw_only=True):
    """Properties in the metadata of a model's file: one JSON value for each field."""

    labels: tuple[Label, ...]
    """The emotions in the order of the probabilities."""
    sampling_rate: int
    """Sampling rate of the waveform in Hz."""
    front_ends: dict[str, Any]
    """METHOD_NAME -> CONFIG, in the order of the features."""
    chunk_samples: int | None
    """Length of a chunk in samples; ``None``: a sound is cut into equal chunks of at most 30 s."""
    gain: float
    """Factor on the waveform, the same for every sound."""
    metadata: MetadataEncoding
    """Columns of the input ``metadata``; a model without columns has no such input."""
    feature_names: tuple[str, ...]
    """Names in the order of the output ``features``."""
    front_end: str
    """SHA-256 of the graph that computes the features, in hexadecimal: a speaker's profile fits
    all models with the same one."""

    @classmethod
    def read(cls, properties: Mapping[str, str]) -> ModelProperties:
        """Return the properties in the metadata of a file.

        Raises
        ------
        Conflict
            The file is not a model, or one that another version of ``ser`` made.
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


class OpenedModel(NamedTuple):
    """A model's file in memory, ready to run."""

    session: onnxruntime.InferenceSession
    properties: ModelProperties


def open_model(data: bytes) -> OpenedModel:
    """Return the model in ``data``, the bytes of ``model.onnx``.

    Raises
    ------
    Conflict
        The file is not a model that this version of ``ser`` reads.
    """
    try:
        session = open_session(data, optimize=False)
    except ValueError as error:
        raise unreadable(str(error)) from error
    properties = ModelProperties.read(session.get_modelmeta().custom_metadata_map)
    outputs = {output.name: output.shape for output in session.get_outputs()}
    if tuple(outputs) != OUTPUTS:
        raise unreadable(f"its outputs are {', '.join(outputs)}, not {', '.join(OUTPUTS)}")
    if outputs["probabilities"] != [len(properties.labels)]:
        raise unreadable(
            f"{len(properties.labels)} labels for probabilities of {outputs['probabilities']}"
        )
    return OpenedModel(session, properties)


def unreadable(reason: str) -> Conflict:
    """Return the error for a file that is not a model of this version."""
    return Conflict(
        f"The model is not one that this version of ser reads: {reason}. Train it anew."
    )
