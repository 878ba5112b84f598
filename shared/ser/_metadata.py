"""What is known of an utterance beside its sound, as the second input of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from ser.errors import Fault, InvalidInput

FIELDS = ("speaker", "gender", "text")
"""What may be known of an utterance."""


class MetadataEncoding(msgspec.Struct, frozen=True):
    """One-hot columns: for each field, in this order, one column for each of its values.

    An unknown value is all zeros: the model then leans on the sound alone.
    """

    values: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, fields: Iterable[str], utterances: Iterable[Mapping[str, str]]) -> MetadataEncoding:
        """Return the encoding of ``fields`` with the values that ``utterances`` show."""
        known = list(utterances)
        return cls({f: tuple(sorted({u[f] for u in known} - {""})) for f in fields})

    @property
    def size(self) -> int:
        """Number of columns; 0 for a model that takes the sound alone."""
        return sum(map(len, self.values.values()))

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, such as ``speaker=03``."""
        return tuple(f"{field}={value}" for field in self.values for value in self.values[field])

    def encode(self, known: Mapping[str, str | None]) -> NDArray[np.float32]:
        """Return the columns, shape (size,), of what is ``known`` of an utterance.

        Raises
        ------
        InvalidInput
            A value that the model has never met.
        """
        if faults := list(self._faults(known)):
            raise InvalidInput(*faults)
        columns = [known.get(f) == value for f, values in self.values.items() for value in values]
        return np.asarray(columns, dtype=np.float32)

    def _faults(self, known: Mapping[str, str | None]) -> Iterable[Fault]:
        for field, values in self.values.items():
            if (value := known.get(field)) and value not in values:
                yield Fault((field,), f"{value!r} is not known; allowed: {', '.join(values)}")
