"""The properties of a model, which are in the metadata of its file."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ser._decoding import Unreadable, convert, decode
from ser._labels import Label
from ser._metadata import FIELDS, MetadataEncoding
from ser.errors import Conflict
from ser.sounds import SAMPLING_RATE

MAX_LABELS = 1000
MAX_FEATURES = 250_000
MAX_COLUMNS = 10_000
"""Maximum number of columns of ``metadata``."""
MAX_TEXT = 1000
"""Maximum length of the name of a label, a feature or a value in characters."""


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
                name: decode(properties[name])
                for name in cls.__struct_fields__
                if name in properties
            }
            found = convert(values, cls)
        except Unreadable as error:
            raise unreadable_model(str(error)) from error
        if faults := list(found._faults()):
            raise unreadable_model("; ".join(faults))
        return found

    def _faults(self) -> Iterator[str]:
        """Yield the properties that no training gives a model."""
        columns = self.metadata
        texts = [text for label in self.labels for text in (label.code, label.name, label.emotion)]
        for size, most, noun in (
            (len(self.labels), MAX_LABELS, "labels"),
            (len(self.feature_names), MAX_FEATURES, "features"),
            (columns.size, MAX_COLUMNS, "columns of metadata"),
            (
                max(map(len, (*texts, *self.feature_names, *columns.columns)), default=0),
                MAX_TEXT,
                "characters in a name",
            ),
        ):
            if size > most:
                yield f"{size:,} {noun}; allowed: at most {most:,}"
        if not self.labels or len({*map(str, self.labels)}) < len(self.labels):
            yield "labels that are missing or not unique"
        if self.sampling_rate != SAMPLING_RATE:
            yield f"a sampling_rate of {self.sampling_rate}; allowed: {SAMPLING_RATE}"
        if self.chunk_samples is not None and not 0 < self.chunk_samples < 2**31:
            yield f"chunk_samples of {self.chunk_samples}; allowed: 1 to {2**31 - 1}, or null"
        if not (math.isfinite(self.gain) and self.gain > 0):
            yield f"a gain of {self.gain}; allowed: a positive number"
        if unknown := columns.values.keys() - {*FIELDS}:
            yield f"metadata of {', '.join(sorted(unknown))[:80]}; allowed: {', '.join(FIELDS)}"


def unreadable_model(reason: str) -> Conflict:
    """Return the error for a file that is not a model of this version."""
    return Conflict(f"This version of ser cannot read the model: {reason}. Train it again.")
