"""Front-ends: from chunks of signal to features, each as a piece of the model's ONNX graph.

A request names them by METHOD_NAME with a CONFIG each; their features are concatenated in the
order given. A new one is a class with the shape of :class:`FrontEnd`, added to :data:`METHODS`.
"""

from __future__ import annotations

from typing import Any

from ser._metadata import MetadataEncoding
from ser._schemas import Methods
from ser.errors import InvalidInput
from ser.frontends._augmentation import METHODS as AUGMENTATIONS
from ser.frontends._augmentation import Augmentations
from ser.frontends._base import FrontEnd
from ser.frontends._mfcc import MFCC
from ser.frontends._speaker_and_gender_and_text_type import SpeakerAndGenderAndTextType
from ser.frontends.functionals import Functionals

METHODS: dict[str, type[FrontEnd]] = {
    "Functionals": Functionals,
    "MFCC": MFCC,
    "SpeakerAndGenderAndTextType": SpeakerAndGenderAndTextType,
}

DEFAULT_METHODS: dict[str, dict[str, Any]] = {
    "SpeakerAndGenderAndTextType": {"speaker": True, "gender": True, "text": True},
    "MFCC": {"num_cepstral": 13},
}


class FrontEnds(Methods[FrontEnd]):
    """The front-ends of a model by METHOD_NAME, in the order of their features."""

    kinds = METHODS

    @classmethod
    def parse(cls, value: object) -> FrontEnds:
        """Return the front-ends that an object METHOD_NAME -> CONFIG describes.

        Raises
        ------
        InvalidInput
            No method, an unknown one, or a CONFIG that does not fit; all faults at once.
        """
        front_ends = super().parse(value)
        if not front_ends:
            raise InvalidInput(f"no method given; allowed: {', '.join(METHODS)}")
        return front_ends

    @property
    def metadata_fields(self) -> tuple[str, ...]:
        """The fields of :data:`ser._metadata.FIELDS` that any of the front-ends wants."""
        return tuple(f for front_end in self.values() for f in front_end.metadata_fields)

    def feature_names(
        self, chunk_samples: int | None, encoding: MetadataEncoding
    ) -> tuple[str, ...]:
        """Return the names of all features in their order, each behind its METHOD_NAME."""
        return tuple(
            f"{method}.{name}"
            for method, front_end in self.items()
            for name in front_end.feature_names(chunk_samples, encoding.columns)
        )


__all__ = [
    "AUGMENTATIONS",
    "DEFAULT_METHODS",
    "METHODS",
    "MFCC",
    "Augmentations",
    "FrontEnd",
    "FrontEnds",
    "Functionals",
    "SpeakerAndGenderAndTextType",
]
