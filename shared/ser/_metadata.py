"""Speaker, gender and text of an utterance, as the second input of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from ser.errors import Fault, InvalidInput

FIELDS = ("speaker", "gender", "text")
"""Names of the metadata fields of an utterance."""


class MetadataEncoding(msgspec.Struct, frozen=True):
    """One-hot encoding of metadata, with a column for each value of each field.

    If a value is unknown, the columns of its field are all zero.
    """

    values: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, fields: Iterable[str], utterances: Iterable[Mapping[str, str]]) -> MetadataEncoding:
        """Return the encoding of ``fields`` for all values that occur in ``utterances``."""
        known = list(utterances)
        return cls({f: tuple(sorted({u[f] for u in known} - {""})) for f in fields})

    @property
    def size(self) -> int:
        """Number of columns; 0 if the model uses no metadata."""
        return sum(map(len, self.values.values()))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns, such as ``speaker=03``."""
        return tuple(f"{field}={value}" for field in self.values for value in self.values[field])

    def encode(self, known: Mapping[str, str | None]) -> NDArray[np.float32]:
        """Return the columns for the ``known`` metadata, float32 of shape (size,).

        Raises
        ------
        InvalidInput
            A field does not exist, or a value did not occur in training.
        """
        if faults := list(self._faults(known)):
            raise InvalidInput(*faults)
        columns = [known.get(f) == value for f, values in self.values.items() for value in values]
        return np.asarray(columns, dtype=np.float32)

    def _faults(self, known: Mapping[str, str | None]) -> Iterable[Fault]:
        for field in sorted(known.keys() - set(FIELDS)):
            yield Fault((field,), f"unknown field; allowed: {', '.join(FIELDS)}")
        for field, values in self.values.items():
            if (value := known.get(field)) and value not in values:
                yield Fault(
                    (field,), f"{value!r} did not occur in training; allowed: {', '.join(values)}"
                )
