"""The document of an alias, and the one way to change it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from ser.errors import Busy, Conflict
from ser.registry._documents import encode, timestamp
from ser.store import Store, Stored

FOLDER = "aliases"
SUFFIX = ".json"

# Begins with a letter, as no model id does: no name can be both.
ALIAS = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
ALIAS_GRAMMAR = "a letter a-z, then at most 63 of a-z, 0-9, '_', '.' and '-'"

ATTEMPTS = 64
"""Every race that is lost is somebody else's change, so this many at once are all served."""

Action = Literal["move", "rollback"]


class Move(msgspec.Struct, frozen=True):
    """One change of an alias: to a model of choice, or back to the one before."""

    model_id: str
    moved_at: str
    action: Action


class Alias(msgspec.Struct, frozen=True):
    """``aliases/<alias>.json``: where an alias points; its history is only ever added to."""

    alias: str
    model_id: str
    history: tuple[Move, ...]

    def __post_init__(self) -> None:
        if trail(self.history)[-1:] != [self.model_id]:
            raise ValueError("the history does not lead to the model_id")


def trail(history: Sequence[Move]) -> list[str]:
    """The models of all moves that no rollback has undone, the present one last."""
    models: list[str] = []
    for move in history:
        if move.action == "move":
            models.append(move.model_id)
        else:
            del models[-1:]
    return models


def alias_names(store: Store) -> list[str]:
    """All aliases, sorted."""
    files = store.names(FOLDER)
    aliases = [name.removesuffix(SUFFIX) for name in files if name.endswith(SUFFIX)]
    return sorted(filter(ALIAS.fullmatch, aliases))


def read_alias(store: Store, alias: str) -> Alias | None:
    """The document of ``alias``; ``None`` when there is none.

    Raises
    ------
    Conflict
        The document is damaged.
    """
    return decode(store.read(key(alias)), alias) if ALIAS.fullmatch(alias) else None


def point_alias(
    store: Store, alias: str, action: Action, choose: Callable[[Sequence[str]], str]
) -> str:
    """Change where ``alias`` points.

    Parameters
    ----------
    choose
        From the trail of the alias the id it shall point at; asked anew after a lost race. Where
        the alias points there already, nothing is written.

    Returns
    -------
    str
        The id it points at now.

    Raises
    ------
    Busy
        Too many others change it at this moment.
    Conflict
        The document is damaged.
    """
    for _ in range(ATTEMPTS):
        stored = store.read(key(alias))
        present = decode(stored, alias)
        history = present.history if present else ()
        past = trail(history)
        model_id = choose(past)
        if past[-1:] == [model_id]:
            return model_id
        move = Move(model_id, timestamp(), action)
        data = encode(Alias(alias, model_id, (*history, move)))
        if stored is None:
            written = store.create(key(alias), data)
        else:
            written = store.replace(key(alias), stored, data)
        if written:
            return model_id
    raise Busy(f"too many others move alias {alias!r} of {store.uri}; ask again later")


def key(alias: str) -> str:
    return f"{FOLDER}/{alias}{SUFFIX}"


def decode(stored: Stored | None, alias: str) -> Alias | None:
    try:
        return None if stored is None else msgspec.json.decode(stored.data, type=Alias)
    except msgspec.DecodeError as error:
        raise Conflict(f"{key(alias)} is damaged, mend or remove it: {error}") from error
