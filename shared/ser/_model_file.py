"""The file of a model: an ONNX graph with the model's properties in its metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ser._labels import Label
from ser._metadata import MetadataEncoding
from ser._sessions import open_session
from ser._weights import Weights, take_weights
from ser.errors import Conflict

if TYPE_CHECKING:
    import onnxruntime

OUTPUTS = ("probabilities", "speech", "features")
"""Outputs of every model, in this order."""
PLACES = ("seconds", "times")
"""Further outputs of models since version 0.2: the speech in each chunk, and where it begins."""
FAMILIARITY = "familiarity"
"""Last output of models that measure it."""


class ModelProperties(msgspec.Struct, frozen=True, kw_only=True):
    """Properties of a model, stored in the metadata of its file: one JSON value for each field."""

    labels: tuple[Label, ...]
    """The emotions in the order of the probabilities."""
    sampling_rate: int
    """Sampling rate of the waveform in Hz."""
    front_ends: dict[str, Any]
    """CONFIG of each front-end by METHOD_NAME, in the order of the features."""
    chunk_samples: int | None
    """Length of a chunk in samples; ``None``: sounds are cut into equal chunks of at most 30 s."""
    gain: float
    """Factor by which the waveform of every sound is multiplied."""
    metadata: MetadataEncoding
    """Columns of the input ``metadata``; a model without columns has no such input."""
    feature_names: tuple[str, ...]
    """Names of the features, in the order of the output ``features``."""
    front_end: str
    """SHA-256 of the graph that computes the features, in hexadecimal. A speaker profile can be
    used with every model that has the same front-end."""
    encoders: dict[str, dict[str, str]] = {}
    """Origin, revision, digest and licence of each pretrained encoder, by METHOD_NAME."""

    @classmethod
    def read(cls, properties: Mapping[str, str]) -> ModelProperties:
        """Return the properties in the metadata of a file.

        Raises
        ------
        Conflict
            The file is not a model, or was written by another version of ``ser``.
        """
        try:
            values = {
                name: msgspec.json.decode(properties[name])
                for name in cls.__struct_fields__
                if name in properties
            }
            return msgspec.convert(values, cls)
        except msgspec.MsgspecError as error:
            raise unreadable_model(str(error)) from error


class OpenedModel(NamedTuple):
    """A model loaded into memory, ready to run."""

    session: onnxruntime.InferenceSession
    properties: ModelProperties
    places: bool
    """Whether the model has the outputs :data:`PLACES`."""
    weights: Weights
    """The weights that the session shares with those of other models."""
    familiarity: bool
    """Whether the model has the output :data:`FAMILIARITY`."""


def open_model(data: bytes) -> OpenedModel:
    """Return the model in ``data``, the bytes of ``model.onnx``.

    Raises
    ------
    Conflict
        The file is not a model that this version of ``ser`` can read.
    """
    try:
        graph, weights = take_weights(data)
        del data  # so that it is not in memory twice
        session = open_session(graph, optimize=False, weights=weights)
        # onnxruntime keeps the file in case the session changes its providers, which none does.
        session._model_bytes = None
    except ValueError as error:
        raise unreadable_model(str(error)) from error
    properties = ModelProperties.read(session.get_modelmeta().custom_metadata_map)
    outputs = {output.name: output.shape for output in session.get_outputs()}
    familiarity = FAMILIARITY in outputs
    without = tuple(outputs)[:-1] if familiarity else tuple(outputs)
    if without not in (OUTPUTS, OUTPUTS + PLACES):
        raise unreadable_model(f"its outputs are {', '.join(outputs)}, not {', '.join(OUTPUTS)}")
    if outputs["probabilities"] != [len(properties.labels)]:
        raise unreadable_model(
            f"{len(properties.labels)} labels for probabilities of shape {outputs['probabilities']}"
        )
    return OpenedModel(
        session, properties, places=without != OUTPUTS, weights=weights, familiarity=familiarity
    )


def unreadable_model(reason: str) -> Conflict:
    """Return the error for a file that is not a model of this version."""
    return Conflict(f"This version of ser cannot read the model: {reason}. Train it again.")
