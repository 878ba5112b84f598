"""The recipe of a model: the fields of a training except those of places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ser._schemas import Schema
from ser.classifiers import MODEL_TYPES, Classifier
from ser.corpora import CorpusChoice, LabelRule
from ser.dataset import refuse_growing_features
from ser.errors import Fault, InvalidInput, within
from ser.evaluation import Split
from ser.frontends import DEFAULT_METHODS, Augmentations, FrontEnds

if TYPE_CHECKING:
    ModelType = str
else:
    ModelType = Literal[tuple(MODEL_TYPES)]

EvaluationKind = Literal["holdout", "loso", "full"]
"""``holdout``: metrics on the held-out utterances. ``loso``: also with each speaker left out once.
``full``: also with each text left out once, with enrolled speakers, and with degraded sounds. With
several corpora, ``loso`` and ``full`` also leave each corpus out once, and train on each alone."""

Milliseconds = Annotated[int, Meta(ge=100)]
"""Length of a chunk; a shorter one does not contain a whole syllable."""


class Recipe(Schema, frozen=True, kw_only=True):
    """A recipe to train and evaluate a model, with the fields of POST /train."""

    model_type: ModelType
    model_config: dict[str, Any] = msgspec.field(default_factory=dict)
    corpus: CorpusChoice = msgspec.field(default_factory=lambda: CorpusChoice.parse("auto"))
    labels: LabelRule | None = None
    random_state: Annotated[int, Meta(ge=0, le=2**32 - 1)] = 42
    dataset_load_split_at: Literal["min", "max", "avg"] | Milliseconds | None = "min"
    dataset_load_normalize: bool = True
    dataset_feature_extract_methods: FrontEnds = msgspec.field(
        default_factory=lambda: FrontEnds.parse(DEFAULT_METHODS)
    )
    dataset_augmentation: Augmentations = msgspec.field(
        default_factory=lambda: Augmentations.parse({})
    )
    split: Split = "utterance"
    evaluation: EvaluationKind = "holdout"
    speaker_folds: Annotated[int, Meta(ge=2)] | None = None

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del given
        try:
            if "model_type" in values:
                with within("model_config"):
                    MODEL_TYPES[values["model_type"]].from_config(values.get("model_config", {}))
        except InvalidInput as error:
            yield from error.faults
        try:
            if values.get("dataset_load_split_at", "min") is None:
                methods = values.get("dataset_feature_extract_methods")
                refuse_growing_features(methods or FrontEnds.parse(DEFAULT_METHODS))
        except InvalidInput as error:
            yield from error.faults

    @property
    def classifier(self) -> Classifier:
        """A new classifier of ``model_type`` with ``model_config`` and ``random_state``."""
        kind = MODEL_TYPES[self.model_type]
        return kind.from_config(self.model_config, random_state=self.random_state)


def type_defaults(model_type: object) -> Mapping[str, Any]:
    """Return the fields of a training for which ``model_type`` sets other defaults."""
    if isinstance(model_type, str) and model_type in MODEL_TYPES:
        return MODEL_TYPES[model_type].request_defaults
    return {}
