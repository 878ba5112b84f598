"""Front-ends, the parts of a model's ONNX graph that compute features from chunks of a signal.

A training request selects them by METHOD_NAME, each with a CONFIG; their features are
concatenated in the order of the request. To add a front-end, derive it from :class:`FrontEnd` and
list it in :data:`METHODS`. :func:`features` returns the features of sounds without a model.
"""

from __future__ import annotations

from ser.frontends._augmentation import METHODS as AUGMENTATIONS
from ser.frontends._augmentation import Augmentations
from ser.frontends._base import FrontEnd
from ser.frontends._encoder import Encoder
from ser.frontends._features import features
from ser.frontends._front_ends import DEFAULT_METHODS, METHODS, FrontEnds
from ser.frontends._mfcc import MFCC
from ser.frontends._speaker_and_gender_and_text_type import SpeakerAndGenderAndTextType
from ser.frontends.functionals import Functionals

__all__ = [
    "AUGMENTATIONS",
    "DEFAULT_METHODS",
    "METHODS",
    "MFCC",
    "Augmentations",
    "Encoder",
    "FrontEnd",
    "FrontEnds",
    "Functionals",
    "SpeakerAndGenderAndTextType",
    "features",
]
