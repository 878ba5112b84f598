"""The front-ends of a model, by METHOD_NAME."""

from __future__ import annotations

from typing import Any

from ser._metadata import MetadataEncoding
from ser._schemas import Methods
from ser.encoders import EncoderSources
from ser.errors import InvalidInput, within
from ser.frontends._base import FrontEnd
from ser.frontends._encoder import Encoder
from ser.frontends._mfcc import MFCC
from ser.frontends._speaker_and_gender_and_text_type import SpeakerAndGenderAndTextType
from ser.frontends.functionals import Functionals
from ser.limits import Limits

METHODS: dict[str, type[FrontEnd]] = {
    "Encoder": Encoder,
    "Functionals": Functionals,
    "MFCC": MFCC,
    "SpeakerAndGenderAndTextType": SpeakerAndGenderAndTextType,
}
"""All front-ends by METHOD_NAME."""

DEFAULT_METHODS: dict[str, dict[str, Any]] = {
    "SpeakerAndGenderAndTextType": {"speaker": True, "gender": True, "text": True},
    "MFCC": {"num_cepstral": 13},
}


class FrontEnds(Methods[FrontEnd]):
    """The front-ends of a model by METHOD_NAME, in the order of their features."""

    kinds = METHODS

    @classmethod
    def parse(cls, value: object) -> FrontEnds:
        """Return the front-ends described by an object METHOD_NAME -> CONFIG.

        Raises
        ------
        InvalidInput
            One fault for each method that is unknown or has an invalid CONFIG; or there is none.
        """
        front_ends = super().parse(value)
        if not front_ends:
            raise InvalidInput(f"no method given; allowed: {', '.join(METHODS)}")
        return front_ends

    @property
    def metadata_fields(self) -> tuple[str, ...]:
        """Names of the metadata fields that the front-ends use."""
        return tuple(f for front_end in self.values() for f in front_end.metadata_fields)

    def check(self, encoders: EncoderSources) -> None:
        """Raise an error if :meth:`opened` would fail; see :meth:`FrontEnd.check`."""
        for name, front_end in self.items():
            with within(name):
                front_end.check(encoders)

    @property
    def public(self) -> FrontEnds:
        """These front-ends without secrets; see :attr:`FrontEnd.public`."""
        return FrontEnds({name: front_end.public for name, front_end in self.items()})

    def opened(self, encoders: EncoderSources) -> FrontEnds:
        """Return these front-ends, opened; see :meth:`FrontEnd.opened`."""
        opened = FrontEnds()
        for name, front_end in self.items():
            with within(name):
                opened[name] = front_end.opened(encoders)
        return opened

    @property
    def origins(self) -> dict[str, dict[str, str]]:
        """:attr:`FrontEnd.origin` by METHOD_NAME, of those that have a pretrained encoder."""
        return {name: dict(each.origin) for name, each in self.items() if each.origin}

    def require_small(
        self, chunk_samples: int | None, encoding: MetadataEncoding, limits: Limits
    ) -> None:
        """Raise :class:`InvalidInput` if a chunk has more features, or its analysis needs more
        values at once, than ``limits`` allow."""
        for name, front_end in self.items():
            with within(name):
                front_end.require_small(chunk_samples, limits)
        count = len(self.feature_names(chunk_samples, encoding))
        if count > limits.features.value:
            raise InvalidInput(f"{count:,} features of a chunk; allowed: {limits.features}")

    def feature_names(
        self, chunk_samples: int | None, encoding: MetadataEncoding
    ) -> tuple[str, ...]:
        """Return the names of all features in their order, as ``METHOD_NAME.feature``."""
        return tuple(
            f"{method}.{name}"
            for method, front_end in self.items()
            for name in front_end.feature_names(chunk_samples, encoding.columns)
        )
