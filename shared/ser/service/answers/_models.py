"""Answers about models and aliases."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from ser.service.answers._base import Answer
from ser.service.answers._training import PromotionAnswer


class ModelFigures(Answer, frozen=True, kw_only=True):
    """The most important figures of a model; those that it was published without are absent."""

    uar: Annotated[
        float | UnsetType,
        Meta(description="Unweighted average recall on the held-out utterances, from 0 to 1."),
    ] = UNSET
    loso_uar: Annotated[
        float | UnsetType,
        Meta(description="Unweighted average recall with each speaker left out once."),
    ] = UNSET


class ModelEntry(Answer, frozen=True, kw_only=True):
    """A model as lists show it."""

    model_id: str
    created: Annotated[datetime, Meta(description="The time of its publication.")]
    corpora: Annotated[list[str], Meta(description="Names of the corpora of its training.")]
    preset: Annotated[str | None, Meta(description="`accurate`, `light`, or null.")]
    model_type: Annotated[str | None, Meta(description="The classifier.")]
    figures: ModelFigures
    aliases: Annotated[list[str], Meta(description="The aliases that point at it.")]


class ModelList(Answer, frozen=True, kw_only=True):
    """A page of models, newest first."""

    models: list[ModelEntry]
    next: Annotated[
        str | None,
        Meta(description="The value of `before` for the next page; null on the last one."),
    ]


class ModelAnswer(ModelEntry, frozen=True, kw_only=True):
    """A model with all that is known about its training."""

    labels: Annotated[list[str], Meta(description="Its labels, such as `W - Ärger (Wut)`.")]
    emotions: Annotated[
        list[str], Meta(description="The same in English, such as `anger`, in this order.")
    ]
    size: Annotated[int, Meta(description="Size of `model.onnx` in bytes.")]
    test_samples: Annotated[
        list[str], Meta(description="Names of the held-out utterances, for `sample_name`.")
    ]
    metrics: Annotated[
        dict[str, Any] | None, Meta(description="`metrics` of the answer of POST /train.")
    ]
    loso: Annotated[dict[str, Any] | None, Meta(description="`loso` of the answer of POST /train.")]
    request: Annotated[
        dict[str, Any], Meta(description="The recipe of the training, with all defaults.")
    ]
    versions: Annotated[
        dict[str, str], Meta(description="Versions of the software of the training.")
    ]
    notes: Annotated[list[str], Meta(description="Remarks about the training.")]


class DeletedModel(Answer, frozen=True, kw_only=True):
    """A model that has been deleted."""

    model_id: str


class AliasMove(Answer, frozen=True, kw_only=True):
    """One change of an alias."""

    model_id: Annotated[str, Meta(description="The model that the alias pointed at from then on.")]
    moved_at: Annotated[str, Meta(description="The time in ISO 8601 (UTC).")]
    action: Annotated[str, Meta(description="`move` or `rollback`.")]


class AliasAnswer(Answer, frozen=True, kw_only=True):
    """An alias."""

    alias: str
    model_id: Annotated[str, Meta(description="The model that it points at.")]
    history: Annotated[list[AliasMove], Meta(description="All its changes, oldest first.")]
    promotion: Annotated[
        PromotionAnswer | UnsetType, Meta(description="Only of a change with `promote_if`.")
    ] = UNSET


class AliasList(Answer, frozen=True, kw_only=True):
    """All aliases, by name."""

    aliases: list[AliasAnswer]
