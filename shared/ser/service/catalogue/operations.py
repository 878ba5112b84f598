"""Answers about models and aliases, and changes of them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, BinaryIO

import msgspec
from msgspec import UNSET, UnsetType

from ser._promote_if import PromoteIf
from ser._required_inputs import require_inputs
from ser.errors import AlteredModel, Conflict, TooLarge, within
from ser.registry import (
    READY,
    ModelSummary,
    Move,
    PublishedModel,
    Registry,
    check_alias,
    summarize,
)
from ser.service.answers import (
    AliasAnswer,
    AliasList,
    AliasMove,
    DeletedModel,
    ModelAnswer,
    ModelEntry,
    ModelFigures,
    ModelList,
    PromotionAnswer,
)
from ser.service.catalogue.request import AliasesQuery, AliasRequest, FileRequest, ModelsQuery
from ser.service.contents import Contents
from ser.service.http import File
from ser.service.inference.request import ReportRequest
from ser.service.logs import write_event
from ser.service.models import Models
from ser.service.problems import Forbidden
from ser.service.settings import Settings
from ser.service.slots import Slots

MODEL_FILE = "model.onnx"
CHANGES: dict[str, Callable[[bytes], bytes]] = {"optional": bytes, "required": require_inputs}
"""Changes of the file by the field ``inputs``."""
CONTENTS = Contents()
DOWNLOADS = Slots("files of models are being sent", "SER_MAX_MODEL_DOWNLOADS")


class Catalogue:
    """The models and aliases that requests name.

    Parameters
    ----------
    models
        The models of the process, with its connections to registries.
    """

    def __init__(self, models: Models) -> None:
        self._models = models

    def models(self, query: ModelsQuery, settings: Settings) -> ModelList:
        """Return a page of models, newest first; without a registry, the model of the package."""
        if query.model_save_path is None:
            ready = self._models.published(None, READY, settings.model_rules)
            return ModelList(models=[entry_of(summarize(ready.manifest, {}))], next=None)
        with within("model_save_path"):
            found = list(
                self._registry(query.model_save_path, settings).summaries(
                    limit=query.limit + 1, before=query.before
                )
            )
        page = found[: query.limit]
        return ModelList(
            models=[entry_of(summary) for summary in page],
            next=page[-1].model_id if len(found) > len(page) else None,
        )

    def model(self, request: ReportRequest, settings: Settings) -> ModelAnswer:
        """Return all that is known about a model."""
        with within("model_save_path"):
            place, name = request.model_save_path, request.model_id
            model = self._models.published(place, name, settings.model_rules)
            aliases: dict[str, str] = {}
            if place is not None and model.model_id != READY:
                aliases = self._registry(place, settings).aliases()
        return details_of(model, summarize(model.manifest, aliases))

    def file(self, request: FileRequest, settings: Settings) -> File:
        """Return the file of a model; browsers keep that of an id, which never changes.

        Its slot is taken when it is opened, and free when its client has read it or has gone.
        """
        if not settings.model_files:
            raise Forbidden(
                "This server does not give out the files of models, since SER_MODEL_FILES is "
                "false; allowed: sounds that it judges itself, by POST /predict."
            )
        rules = settings.model_rules
        with within("model_save_path"):
            model = self._models.published(request.model_save_path, request.model_id, rules)
            if model.size > rules.limits.file_bytes.value:
                raise TooLarge(
                    f"{MODEL_FILE} of model {model.model_id} has {model.size:,} bytes; "
                    f"allowed: {rules.limits.file_bytes}."
                )
        digest, change = model.digest(MODEL_FILE).sha256, CHANGES[request.inputs]

        def read() -> bytes:
            with within("model_save_path"):
                return change(model.read(MODEL_FILE))

        def opened() -> BinaryIO:
            with ExitStack() as held:
                held.enter_context(DOWNLOADS.slot(settings.max_model_downloads))
                content = CONTENTS.get((digest, request.inputs), read)
                return content.open(held.pop_all().close)

        is_constant = model.model_id == request.model_id != READY
        keep = "max-age=31536000, immutable" if is_constant else "no-cache"
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Disposition": f'attachment; filename="{model.model_id}.onnx"',
            "Cache-Control": f"private, {keep}",
            "ETag": f'"{digest}-{request.inputs}"',
            "Vary": "Authorization",
        }
        return File(opened, headers)

    def delete(self, request: ReportRequest, settings: Settings) -> DeletedModel:
        """Delete a model to which no alias leads, and return its id."""
        if request.model_id == READY or request.model_save_path is None:
            raise Conflict(
                f"the model {READY!r} is part of the software; allowed: models of a registry"
            )
        with within("model_save_path"):
            registry = self._registry(request.model_save_path, settings)
            model_id = registry.resolve(request.model_id)
            registry.delete(model_id)
        write_event("deletion", model_id=model_id)
        return DeletedModel(model_id=model_id)

    def aliases(self, query: AliasesQuery, settings: Settings) -> AliasList:
        """Return all aliases; none without a registry."""
        histories: dict[str, tuple[Move, ...]] = {}
        if query.model_save_path is not None:
            with within("model_save_path"):
                histories = self._registry(query.model_save_path, settings).histories()
        return AliasList(aliases=[alias_of(*each) for each in histories.items()])

    def change(self, alias: str, request: AliasRequest, settings: Settings) -> AliasAnswer:
        """Move an alias, to a model that passes the condition of ``request`` or back, and return
        it."""
        promotion: PromotionAnswer | UnsetType = UNSET
        with within("alias"):
            check_alias(alias)
        with within("model_save_path"):
            registry = self._registry(str(request.model_save_path), settings)
            if request.model_id is None:
                registry.rollback(alias)
            elif request.promote_if is None:
                registry.move(alias, registry.resolve(request.model_id))
            else:
                model_id = registry.resolve(request.model_id)
                promotion = promoted(registry, model_id, alias, request.promote_if)
            answer = alias_of(alias, registry.history(alias), promotion)
        write_event(
            "alias", alias=alias, model_id=answer.model_id, action=answer.history[-1].action
        )
        return answer

    def _registry(self, place: str, settings: Settings) -> Registry:
        return self._models.registry(place, settings.model_rules)


def entry_of(summary: ModelSummary) -> ModelEntry:
    """Return a model as lists show it."""
    return ModelEntry(**common_fields(summary))


def common_fields(summary: ModelSummary) -> dict[str, Any]:
    """Return the fields that all answers about a model have."""
    return {
        "model_id": summary.model_id,
        "created": summary.created_at,
        "corpora": list(summary.corpora),
        "preset": summary.preset,
        "model_type": summary.model_type,
        "figures": ModelFigures(
            uar=UNSET if summary.uar is None else summary.uar,
            loso_uar=UNSET if summary.loso_uar is None else summary.loso_uar,
        ),
        "aliases": list(summary.aliases),
    }


class Details(msgspec.Struct, frozen=True):
    """The part of a manifest that is shown beside its summary; hand-made models lack some."""

    classes: list[str] = []
    labels: list[dict[str, str]] = []
    samples: dict[str, Any] = {}
    metrics: dict[str, Any] | None = None
    loso: dict[str, Any] | None = None
    request: dict[str, Any] = {}
    versions: dict[str, str] = {}
    notes: list[str] = []


def details_of(model: PublishedModel, summary: ModelSummary) -> ModelAnswer:
    """Return all that is known about ``model``."""
    try:
        details = msgspec.convert(model.manifest, Details)
    except msgspec.ValidationError as error:
        raise AlteredModel(
            f"The manifest of model {model.model_id} is damaged: {error}."
        ) from error
    return ModelAnswer(
        **common_fields(summary),
        labels=details.classes,
        emotions=[label.get("emotion", "") for label in details.labels],
        size=model.size,
        test_samples=sorted(details.samples),
        metrics=details.metrics,
        loso=details.loso,
        request=details.request,
        versions=details.versions,
        notes=details.notes,
    )


def alias_of(
    alias: str, history: tuple[Move, ...], promotion: PromotionAnswer | UnsetType = UNSET
) -> AliasAnswer:
    """Return an alias with its changes, and the decision that led to the last one."""
    moves = [msgspec.convert(msgspec.to_builtins(move), AliasMove) for move in history]
    return AliasAnswer(
        alias=alias, model_id=history[-1].model_id, history=moves, promotion=promotion
    )


def promoted(
    registry: Registry, model_id: str, alias: str, condition: PromoteIf
) -> PromotionAnswer:
    """Move ``alias`` to a model that is no worse than the one that it points at, and return the
    decision; raise :class:`Conflict` with the reason if it is worse."""
    # Imported here, because its comparison needs much that no other operation does.
    from ser.training import require_promotion

    return msgspec.convert(require_promotion(registry, model_id, alias, condition), PromotionAnswer)
