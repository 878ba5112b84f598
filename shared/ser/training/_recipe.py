"""The recipe of a model: the fields of a training except those of places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ser._schemas import Schema, shown
from ser.classifiers import MODEL_TYPES, Classifier, LeaveOut
from ser.corpora import CorpusChoice, LabelRule
from ser.dataset import refuse_growing_features
from ser.encoders import ENCODERS, EncoderSources
from ser.errors import Fault, InvalidInput, within
from ser.evaluation import Split
from ser.frontends import DEFAULT_METHODS, Augmentations, FrontEnds
from ser.training._presets import PRESETS, PresetName, preset_faults, selection_note

if TYPE_CHECKING:
    ModelType = str
else:
    ModelType = Literal[tuple(MODEL_TYPES)]

EvaluationKind = Literal["holdout", "auto", "loso", "full"]
"""``holdout``: metrics on the held-out utterances. ``loso``: also with each speaker left out once.
``full``: also with each text left out once, with enrolled speakers, and with degraded sounds. With
several corpora, ``loso`` and ``full`` also leave each corpus out once, and train on each alone."""

Milliseconds = Annotated[int, Meta(ge=100, le=3_600_000)]
"""Length of a chunk; a shorter one does not contain a whole syllable."""


class Recipe(Schema, frozen=True, kw_only=True):
    """A recipe to train and evaluate a model, with the fields of POST /train.

    The fields of ``preset`` are filled in before, by :func:`.with_defaults`.
    """

    preset: PresetName | None = None
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
    speaker_folds: Annotated[int, Meta(ge=2, le=10_000)] | None = None
    leave_out: LeaveOut = "exact"

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        yield from preset_faults(given)
        try:
            if "model_type" in values:
                with within("model_config"):
                    MODEL_TYPES[values["model_type"]].from_config(values.get("model_config", {}))
        except InvalidInput as error:
            yield from error.faults
        if "model_type" in values and "leave_out" in values:
            forms = MODEL_TYPES[values["model_type"]].forms
            if values["leave_out"] not in forms:
                yield Fault(
                    ("leave_out",),
                    f"{shown(values['leave_out'])} is not possible with "
                    f"{values['model_type']}; allowed: {', '.join(forms)}",
                )
        try:
            methods = values.get("dataset_feature_extract_methods")
            if methods is None and "dataset_feature_extract_methods" not in given:
                methods = FrontEnds.parse(DEFAULT_METHODS)
            if methods and values.get("dataset_load_split_at", "min") is None:
                refuse_growing_features(methods)
        except InvalidInput as error:
            yield from error.faults

    @property
    def classifier(self) -> Classifier:
        """A new classifier of ``model_type`` with ``model_config`` and ``random_state``."""
        kind = MODEL_TYPES[self.model_type]
        return kind.from_config(self.model_config, random_state=self.random_state)

    @property
    def selection_note(self) -> str:
        """The sentence on the comparisons behind the defaults; empty if there were none."""
        return selection_note(self.preset, self.model_type)


def require_encoders(recipe: Recipe, encoders: EncoderSources = ENCODERS) -> None:
    """Raise an error unless the encoders of ``recipe`` can be had from ``encoders``.

    This takes milliseconds, since no encoder is fetched or read.

    Raises
    ------
    InvalidInput
        An encoder cannot be had; the message says what to do.
    """
    methods = recipe.dataset_feature_extract_methods
    try:
        with within("dataset_feature_extract_methods"):
            methods.check(encoders)
    except InvalidInput as error:
        if recipe.preset and methods == FrontEnds.parse(
            PRESETS[recipe.preset]["dataset_feature_extract_methods"]
        ):
            reasons = "; ".join(fault.msg for fault in error.faults)
            detail = f"'{recipe.preset}' cannot be used here: {reasons}; or the preset 'light'"
            raise InvalidInput(Fault(("preset",), detail)) from error
        raise
