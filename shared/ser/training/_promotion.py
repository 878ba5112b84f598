"""The condition under which an alias moves to a new model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

from msgspec import Meta

from ser._schemas import Schema
from ser.errors import Conflict, Fault, NotFound, SerError
from ser.evaluation import PairedFigure
from ser.registry import Registry
from ser.training._publication import LATEST

ATTEMPTS = 3
"""Maximum number of comparisons, if another process moves the alias during each."""


class PromoteIf(Schema, frozen=True, kw_only=True):
    """The condition that a new model is no worse than the one that an alias points at."""

    figure: Annotated[
        PairedFigure,
        Meta(description="The figure that is compared: `uar`, or `wa`, the weighted accuracy."),
    ] = "uar"
    tolerance: Annotated[
        float,
        Meta(ge=0, le=1, description="The difference by which the new model may be worse."),
    ] = 0.05


class Promotion(NamedTuple):
    """An alias, and the condition under which it moves."""

    alias: str
    condition: PromoteIf

    @classmethod
    def of(cls, alias: str | None, condition: PromoteIf | None) -> Promotion | None:
        """Return the promotion with these fields of a request; ``None`` without a condition."""
        return None if alias is None or condition is None else cls(alias, condition)


def promotion_faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield a fault if the fields of a request have a condition without an alias that can wait."""
    if given.get("promote_if") is not None and given.get("alias") in (None, LATEST):
        found = "there is none" if given.get("alias") is None else f"{LATEST} always moves"
        yield Fault(("promote_if",), f"{found}; allowed: only with another alias, in `alias`")


def aliases_of(alias: str | None, condition: PromoteIf | None) -> tuple[str, ...]:
    """Return the aliases that move whatever the figures of the new model are."""
    unconditional = None if condition else alias
    return tuple(dict.fromkeys(filter(None, (LATEST, unconditional))))


def promote(registry: Registry, model_id: str, promotion: Promotion) -> dict[str, Any]:
    """Move the alias of ``promotion`` to a model if it is no worse than the one that the alias
    points at.

    Returns
    -------
    dict
        The field ``promotion`` of the answer of POST /train: ``alias``, ``moved``, ``reason``, and
        if two models were compared ``replaced``, ``figure``, ``old``, ``new``, ``lower``,
        ``tolerance``, ``utterances``. No error is raised, since the model is published.
    """
    alias = promotion.alias
    answer: dict[str, Any] = {}
    try:
        for _ in range(ATTEMPTS):
            answer = judge(registry, model_id, promotion)
            if not answer.pop("passed"):
                break
            try:
                registry.move(
                    alias, model_id, forward_only=True, replacing=answer.get("replaced", "")
                )
            except Conflict as error:  # another process has moved it
                answer["reason"] = error.detail
                continue
            return {"alias": alias, "moved": True, **answer}
    except SerError as error:
        answer["reason"] = error.detail
    return {"alias": alias, "moved": False, **answer}


def with_promotion(
    answer: dict[str, Any], registry: Registry, promotion: Promotion | None
) -> dict[str, Any]:
    """Return the ``answer`` of POST /train for a published model, with the decision about the alias
    of ``promotion``, if there is one."""
    if promotion is None:
        return answer
    decision = promote(registry, answer["model_id"], promotion)
    notes = list(answer["notes"])
    if not decision["moved"]:
        notes.append(f"alias {promotion.alias} was not moved: {decision['reason']}")
    return {**answer, "notes": notes, "promotion": decision}


def judge(registry: Registry, model_id: str, promotion: Promotion) -> dict[str, Any]:
    """Return whether a model has ``passed`` and the other fields of the answer."""
    try:
        _, current = registry.first([promotion.alias])
    except NotFound:
        return {"passed": True, "reason": "the alias is new, so there was no model to compare with"}
    if current == model_id:
        reason = "the alias points at it already"
        return {"passed": True, "replaced": current, "reason": reason}
    if current > model_id:
        return {"passed": False, "reason": f"the alias points at a newer model, {current}"}
    # Imported here, because servers import this module to check requests.
    from ser.training._gate import compare_models

    condition = promotion.condition
    found = compare_models(registry.load(current), registry.load(model_id), condition.figure)
    if isinstance(found, str):
        return {"passed": False, "replaced": current, "reason": found}
    passed = found.paired.lower >= -condition.tolerance
    return {
        "passed": passed,
        "reason": found.sentence(current, condition, passed=passed),
        "replaced": current,
        "figure": condition.figure,
        "old": found.paired.old,
        "new": found.paired.new,
        "lower": found.paired.lower,
        "tolerance": condition.tolerance,
        "utterances": found.utterances,
    }
