"""Front-ends: from chunks of signal to features, each as a piece of the model's ONNX graph.

A request names them by METHOD_NAME with a CONFIG each; their features are concatenated in the
order given. A new one is a class with the shape of :class:`FrontEnd`, added to :data:`METHODS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ser.errors import Fault, InvalidInput
from ser.frontends.base import FrontEnd
from ser.frontends.functionals import Functionals
from ser.frontends.mfcc import MFCC
from ser.frontends.speaker_and_gender_and_text_type import SpeakerAndGenderAndTextType
from ser.schemas import as_mapping, parse

METHODS: dict[str, type[FrontEnd]] = {
    "Functionals": Functionals,
    "MFCC": MFCC,
    "SpeakerAndGenderAndTextType": SpeakerAndGenderAndTextType,
}

DEFAULT_METHODS: dict[str, dict[str, Any]] = {
    "SpeakerAndGenderAndTextType": {"speaker": True, "gender": True, "text": True},
    "MFCC": {"num_cepstral": 13},
}


class FrontEnds(dict[str, FrontEnd]):
    """The front-ends of a model by METHOD_NAME, in the order of their features."""

    @classmethod
    def parse(cls, value: object) -> FrontEnds:
        """Return the front-ends that an object METHOD_NAME -> CONFIG describes.

        Raises
        ------
        InvalidInput
            No method, an unknown one, or a CONFIG that does not fit; all faults at once.
        """
        configs = as_mapping(value)
        front_ends, faults = cls(), []
        for name, config in configs.items():
            if name not in METHODS:
                faults.append(Fault((name,), f"unknown method; allowed: {', '.join(METHODS)}"))
                continue
            try:
                front_ends[name] = parse(METHODS[name], config)
            except InvalidInput as error:
                faults += [Fault((name, *fault.loc), fault.msg) for fault in error.faults]
        if not configs:
            faults.append(Fault((), f"no method given; allowed: {', '.join(METHODS)}"))
        if faults:
            raise InvalidInput(*faults)
        return front_ends

    @property
    def metadata_fields(self) -> tuple[str, ...]:
        """The fields of :data:`ser.metadata.FIELDS` that any of the front-ends wants."""
        return tuple(f for front_end in self.values() for f in front_end.metadata_fields)

    @property
    def configs(self) -> Mapping[str, Any]:
        """METHOD_NAME -> CONFIG with every option spelt out."""
        return {name: msgspec.to_builtins(front_end) for name, front_end in self.items()}


__all__ = [
    "DEFAULT_METHODS",
    "METHODS",
    "MFCC",
    "FrontEnd",
    "FrontEnds",
    "Functionals",
    "SpeakerAndGenderAndTextType",
]
