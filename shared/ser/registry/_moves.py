"""The aliases of a registry: names that point at models, and move."""

from __future__ import annotations

from collections.abc import Sequence

from ser.errors import Conflict, NotFound
from ser.registry._aliases import (
    Alias,
    Move,
    alias_names,
    check_alias,
    point_alias,
    read_alias,
    retract,
)
from ser.registry._lookup import is_published
from ser.registry._rules import NO_RULES, Rules
from ser.store import Store


class Aliases:
    """The part of a :class:`ser.Registry` that knows its aliases."""

    def __init__(self, store: Store, rules: Rules = NO_RULES) -> None:
        self._store, self._rules = store, rules

    @property
    def uri(self) -> str:
        """Address of the registry."""
        return self._store.uri

    def resolve(self, name: str) -> str:
        """Return the id of the model ``name``, an id or an alias.

        Raises
        ------
        NotFound
            The model or alias does not exist.
        """
        if is_published(self._store, name):
            return name
        return self._alias(name).model_id

    def first(self, aliases: Sequence[str]) -> tuple[str, str]:
        """Return the first of ``aliases`` that exists, and the id of its model.

        Raises
        ------
        NotFound
            None of them exists.
        """
        for alias in aliases:
            if document := read_alias(self._store, alias):
                return alias, document.model_id
        raise self._unknown(aliases[-1])

    def aliases(self) -> dict[str, str]:
        """Return the id of the model that each alias points at."""
        return {alias: self._alias(alias).model_id for alias in alias_names(self._store)}

    def histories(self) -> dict[str, tuple[Move, ...]]:
        """Return all changes of each alias, oldest first; the last one has its model."""
        documents = {alias: read_alias(self._store, alias) for alias in alias_names(self._store)}
        return {alias: each.history for alias, each in documents.items() if each}

    def history(self, alias: str) -> tuple[Move, ...]:
        """Return all changes of ``alias``, oldest first.

        Raises
        ------
        NotFound
            The alias does not exist.
        """
        return self._alias(alias).history

    def move(
        self,
        alias: str,
        model_id: str,
        *,
        forward_only: bool = False,
        replacing: str | None = None,
    ) -> None:
        """Point ``alias`` at the model ``model_id``, unless it already does.

        Parameters
        ----------
        forward_only
            Whether to keep an ``alias`` that points at a newer model; so ``latest`` is right
            regardless of the order in which trainings end.
        replacing
            Id of the model that ``alias`` must point at now; empty: it must not exist. ``None``:
            any.

        Raises
        ------
        InvalidInput
            ``alias`` is not a valid alias.
        NotFound
            The model does not exist.
        Conflict
            ``alias`` does not point at ``replacing``.
        Busy
            Too many writers move the alias at the same time.

        Examples
        --------
        >>> registry = ser.open_registry("model")
        >>> registry.move("production", registry.resolve("latest"))
        """
        check_alias(alias)
        if not is_published(self._store, model_id):
            raise self._unknown(model_id)

        def target(trail: Sequence[str]) -> str:
            if replacing is not None and [*trail[-1:]] != [replacing] * bool(replacing):
                raise Conflict(
                    f"alias {alias!r} points at {''.join(trail[-1:]) or 'no model'}; allowed: "
                    f"{replacing or 'no model'}, as when it was looked at; try again"
                )
            return max([model_id, *trail[-1:]]) if forward_only else model_id

        pointed = point_alias(self._store, alias, "move", target)
        if pointed.is_new and not is_published(self._store, model_id):
            # It was deleted after the look above; see :func:`.delete_model`.
            retract(self._store, alias, model_id)
            raise self._unknown(model_id)

    def rollback(self, alias: str) -> str:
        """Undo the last move of ``alias`` that has not been undone.

        Returns
        -------
        str
            Id of the model that the alias points at now.

        Raises
        ------
        NotFound
            The alias does not exist.
        Conflict
            An earlier model does not exist, or has been deleted.
        Busy
            Too many writers move the alias at the same time.
        """
        self._alias(alias)

        def previous(trail: Sequence[str]) -> str:
            if len(trail) < 2:
                raise Conflict(f"alias {alias!r} did not point at a model before {trail[-1]}")
            if not is_published(self._store, trail[-2]):
                raise Conflict(
                    f"alias {alias!r} pointed at model {trail[-2]} before, which has been deleted; "
                    "allowed: a move to another model"
                )
            return trail[-2]

        return point_alias(self._store, alias, "rollback", previous).model_id

    def _alias(self, name: str) -> Alias:
        alias = read_alias(self._store, name)
        if alias is None:
            raise self._unknown(name)
        return alias

    def _unknown(self, name: str) -> NotFound:
        known = ", ".join(alias_names(self._store)) or "none"
        return NotFound(f"no model or alias {name!r} in {self.uri}; its aliases: {known}")
