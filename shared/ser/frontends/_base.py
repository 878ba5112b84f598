"""The interface of a front-end."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from ser._schemas import Schema

if TYPE_CHECKING:
    from spox import Var

    from ser.encoders import EncoderSources
    from ser.limits import Limits


class Descriptors(NamedTuple):
    """Low-level descriptors of frames, as a node of a graph."""

    names: tuple[str, ...]
    """Names of the descriptors."""
    values: Var
    """Descriptors, float32 of shape (chunks, descriptors, frames)."""
    stride: int
    """Samples between the centres of successive frames; the first frame is centred at sample 0."""


class FrontEnd(Schema, frozen=True, kw_only=True):
    """A method of feature extraction; its fields are the CONFIG of a training request.

    A subclass imports the libraries that build graphs inside its methods, because requests are
    validated in processes that must not load these libraries.
    """

    fixed_size: ClassVar[bool]
    """Whether the number of features is independent of the duration."""

    @property
    def metadata_fields(self) -> tuple[str, ...]:
        """Names of the metadata fields that this front-end uses."""
        return ()

    @property
    def origin(self) -> Mapping[str, str]:
        """Origin, revision, digest and licence of the pretrained encoder; empty without one."""
        return {}

    def check(self, encoders: EncoderSources) -> None:
        """Raise an error if :meth:`opened` would fail, as far as that is known without reading a
        file or asking a server.

        Raises
        ------
        SerError
            As for :meth:`opened`.
        """
        del encoders

    @property
    def public(self) -> FrontEnd:
        """This front-end without the secrets that addresses may contain, for models and reports."""
        return self

    def opened(self, encoders: EncoderSources) -> FrontEnd:
        """Return this front-end with everything that its graph is built from.

        Only an opened front-end has features. ``encoders`` are the places where pretrained
        encoders are looked for.

        Raises
        ------
        SerError
            An encoder cannot be had or used.
        """
        del encoders
        return self

    def require_small(self, chunk_samples: int | None, limits: Limits) -> None:
        """Raise :class:`InvalidInput` if a chunk has more features, or its analysis needs more
        values at once, than ``limits`` allow.

        ``chunk_samples`` is the length of a chunk in samples; ``None``: half a minute at most.
        """
        del chunk_samples, limits

    @abstractmethod
    def features(self, chunks: Var, metadata: Var | None) -> Var:
        """Return the features as a node of a graph, float32 of shape (chunks, features).

        Parameters
        ----------
        chunks
            The signal, float32 of shape (chunks, samples), at :data:`ser.sounds.SAMPLING_RATE`.
        metadata
            The one-hot columns of :class:`ser._metadata.MetadataEncoding`, float32 of shape
            (columns,); ``None`` if no front-end of the model uses metadata.
        """

    @abstractmethod
    def feature_names(
        self, chunk_samples: int | None = None, columns: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """Return the names of the features in their order.

        Parameters
        ----------
        chunk_samples
            Length of a chunk in samples, for front-ends without a fixed size.
        columns
            Names of the columns of ``metadata``.
        """

    def descriptors(self, chunks: Var) -> Descriptors | None:
        """Return the descriptors of the frames of ``chunks``, float32 of shape (chunks, samples).

        The result is ``None`` if the front-end does not analyse frames.
        """
        del chunks
        return None
