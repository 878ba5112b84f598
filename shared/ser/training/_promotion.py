"""The condition under which an alias moves to a new model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ser._promote_if import PromoteIf
from ser.errors import Conflict, Fault, NotFound, SerError
from ser.registry import Registry
from ser.training._publication import LATEST

ATTEMPTS = 3
"""Maximum number of comparisons, if another process moves the alias during each."""


class Promotion(NamedTuple):
    """An alias, and the condition under which it moves."""

    alias: str
    condition: PromoteIf
    forward_only: bool = True
    """Whether an alias that points at a newer model stays there, since trainings may end in any
    order."""

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
        The decision, which is the field ``promotion`` of the answer of POST /train: ``alias``,
        ``moved``, ``reason``, and if two models were compared ``replaced``, ``figure``, ``old``,
        ``new``, ``lower``, ``tolerance``, ``utterances``.

    Raises
    ------
    SerError
        A model cannot be read, or the alias cannot be moved.
    """
    alias = promotion.alias
    decision: dict[str, Any] = {}
    for _ in range(ATTEMPTS):
        decision = judge(registry, model_id, promotion)
        if not decision.pop("passed"):
            break
        try:
            registry.move(
                alias,
                model_id,
                forward_only=promotion.forward_only,
                replacing=decision.get("replaced", ""),
            )
        except Conflict as error:  # another process has moved it
            decision["reason"] = error.detail
            continue
        return {"alias": alias, "moved": True, **decision}
    return {"alias": alias, "moved": False, **decision}


def require_promotion(
    registry: Registry, model_id: str, alias: str, condition: PromoteIf
) -> dict[str, Any]:
    """Move ``alias`` to a published model as an operator asks, also to an older one, and return the
    decision; raise :class:`Conflict` with its reason if the alias does not move."""
    decision = promote(registry, model_id, Promotion(alias, condition, forward_only=False))
    if not decision["moved"]:
        raise Conflict(refusal(decision))
    return decision


def refusal(decision: Mapping[str, Any]) -> str:
    """Return in words that an alias was not moved, and why."""
    return f"alias {decision['alias']} was not moved: {decision['reason']}"


def with_promotion(
    answer: dict[str, Any], registry: Registry, promotion: Promotion | None
) -> dict[str, Any]:
    """Return the ``answer`` of POST /train for a published model, with the decision about the alias
    of ``promotion``, if there is one."""
    if promotion is None:
        return answer
    try:
        decision = promote(registry, answer["model_id"], promotion)
    except SerError as error:  # the training has succeeded, since the model is published
        decision = {"alias": promotion.alias, "moved": False, "reason": error.detail}
    notes = list(answer["notes"])
    if not decision["moved"]:
        notes.append(refusal(decision))
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
    if promotion.forward_only and current > model_id:
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
