"""What a front-end is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ser._schemas import Schema

if TYPE_CHECKING:
    from spox import Var


class FrontEnd(Schema, frozen=True, kw_only=True):
    """A METHOD_NAME; its fields are the CONFIG.

    A subclass imports what builds graphs inside its methods: the request of a training is checked
    where none of it is loaded.
    """

    fixed_size: ClassVar[bool]
    """Whether the number of features is the same for any duration."""

    @property
    def metadata_fields(self) -> tuple[str, ...]:
        """The metadata this front-end wants."""
        return ()

    @abstractmethod
    def features(self, chunks: Var, metadata: Var | None) -> Var:
        """Return the features, float32 of shape (chunks, features).

        Parameters
        ----------
        chunks
            The signal, float32 of shape (chunks, samples), at :data:`ser.sounds.SAMPLING_RATE`.
        metadata
            The one-hot columns of :class:`ser._metadata.MetadataEncoding`, float32 of shape
            (columns,); ``None`` if no front-end of the model wants any.
        """

    @abstractmethod
    def feature_names(
        self, chunk_samples: int | None = None, columns: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Return the names of the features in their order.

        Parameters
        ----------
        chunk_samples
            The length of a chunk, for those whose features grow with it.
        columns
            The names of the columns of ``metadata``.
        """
