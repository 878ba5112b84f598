"""Metadata of an utterance as features: speaker, gender and text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ser._metadata import FIELDS
from ser.errors import Fault
from ser.frontends._base import FrontEnd

if TYPE_CHECKING:
    from spox import Var


class SpeakerAndGenderAndTextType(FrontEnd, frozen=True, kw_only=True):
    """One-hot columns of speaker, gender and text, the same for every chunk.

    If the speaker, gender or text is unknown, its columns are 0.
    """

    fixed_size: ClassVar[bool] = True

    speaker: bool = True
    gender: bool = True
    text: bool = True

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del given
        wanted = [values.get(field, True) for field in FIELDS]
        if not any(wanted):
            yield Fault((), "speaker, gender and text are all false; allowed: at least one true")

    @property
    def metadata_fields(self) -> tuple[str, ...]:
        return tuple(f for f in FIELDS if getattr(self, f))

    def features(self, chunks: Var, metadata: Var | None) -> Var:
        import spox.opset.ai.onnx.v17 as op

        if metadata is None:
            raise ValueError("this front-end requires the metadata input")
        columns = op.shape(metadata)
        rows = op.shape(chunks, end=1)
        shape = op.concat([rows, columns], axis=0)
        return op.expand(op.unsqueeze(metadata, op.const(np.array([0]))), shape)

    def feature_names(
        self, chunk_samples: int | None = None, columns: Sequence[str] = ()
    ) -> tuple[str, ...]:
        del chunk_samples
        return tuple(columns)
