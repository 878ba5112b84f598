"""Aliases: their documents, and changes that are safe with concurrent writers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import msgspec

from ser._decoding import Unreadable, decode
from ser.errors import Busy, Conflict, InvalidInput, TooLarge
from ser.registry._documents import MAX_DOCUMENT, MODEL_ID, READY, encode, timestamp
from ser.store import Store, Stored

FOLDER = "aliases"
SUFFIX = ".json"

# An alias begins with a letter, a model id with a digit, so a name cannot be both.
ALIAS = re.compile(r"[a-z][a-z0-9_.-]{0,63}")
ALIAS_GRAMMAR = "a letter a-z, then at most 63 of a-z, 0-9, '_', '.' and '-'"

ATTEMPTS = 64
"""Maximum number of attempts. One writer wins each race, so this many writers all succeed."""

Action = Literal["move", "rollback"]


def check_alias(name: str) -> str:
    """Return ``name``; raise :class:`InvalidInput` if it cannot be the name of an alias."""
    if not ALIAS.fullmatch(name):
        raise InvalidInput(f"{name!r} is not a valid alias; allowed: {ALIAS_GRAMMAR}")
    if name == READY:
        raise InvalidInput(f"{name!r} is the model that is part of ser; allowed: another name")
    return name


class Move(msgspec.Struct, frozen=True):
    """One change of an alias: a move to a model, or a rollback to the previous model."""

    model_id: str
    moved_at: str
    action: Action


class Alias(msgspec.Struct, frozen=True):
    """The document ``aliases/<alias>.json``: the model of an alias, and all changes so far."""

    alias: str
    model_id: str
    history: tuple[Move, ...]

    def __post_init__(self) -> None:
        if trail(self.history)[-1:] != [self.model_id]:
            raise ValueError("the history does not lead to the model_id")
        if not MODEL_ID.fullmatch(self.model_id):
            raise ValueError("the model_id is not that of a model")


class Pointed(NamedTuple):
    """The model that an alias points at after an attempt to move it."""

    model_id: str
    is_new: bool
    """Whether the attempt has moved it."""


def trail(history: Sequence[Move]) -> list[str]:
    """Return the models of all moves that have not been rolled back, the current one last."""
    models: list[str] = []
    for move in history:
        if move.action == "move":
            models.append(move.model_id)
        else:
            del models[-1:]
    return models


def led_to(history: Sequence[Move]) -> list[str]:
    """Return the models that an alias leads to: at present, and after a rollback."""
    return trail(history)[-2:]


def alias_names(store: Store) -> list[str]:
    """Return all aliases, sorted."""
    files = store.names(FOLDER)
    aliases = [name.removesuffix(SUFFIX) for name in files if name.endswith(SUFFIX)]
    return sorted(filter(ALIAS.fullmatch, aliases))


def read_alias(store: Store, alias: str) -> Alias | None:
    """Return the document of ``alias``; ``None`` if it does not exist.

    Raises
    ------
    Conflict
        The document is damaged.
    """
    return parse_alias(stored_alias(store, alias), alias) if ALIAS.fullmatch(alias) else None


def point_alias(
    store: Store, alias: str, action: Action, choose: Callable[[Sequence[str]], str]
) -> Pointed:
    """Point ``alias`` at another model.

    Parameters
    ----------
    choose
        Function from the :func:`trail` of the alias to the id of the new model. It is called again
        after a lost race. If the alias already points at that model, nothing is written.

    Returns
    -------
    Pointed
        The model that the alias points at now.

    Raises
    ------
    Busy
        Too many writers change the alias at the same time.
    Conflict
        The document is damaged.
    """
    for _ in range(ATTEMPTS):
        stored = stored_alias(store, alias)
        current = parse_alias(stored, alias)
        history = current.history if current else ()
        past = trail(history)
        model_id = choose(past)
        if past[-1:] == [model_id]:
            return Pointed(model_id, is_new=False)
        move = Move(model_id, timestamp(), action)
        data = encode(Alias(alias, model_id, (*history, move)))
        if stored is None:
            written = store.create(key(alias), data)
        else:
            written = store.replace(key(alias), stored, data)
        if written:
            return Pointed(model_id, is_new=True)
    raise Busy(f"too many writers move alias {alias!r} of {store.uri}; try again later")


def retract(store: Store, alias: str, model_id: str) -> None:
    """Undo the move of ``alias`` to a model that was deleted at the same moment."""
    document = read_alias(store, alias)
    if document is None or document.model_id != model_id:
        return
    if len(trail(document.history)) > 1:

        def previous(past: Sequence[str]) -> str:
            return past[-2] if past[-1] == model_id and len(past) > 1 else past[-1]

        point_alias(store, alias, "rollback", previous)
    else:
        store.delete(key(alias))


def key(alias: str) -> str:
    """Return the key of the document of ``alias``."""
    return f"{FOLDER}/{alias}{SUFFIX}"


def stored_alias(store: Store, alias: str) -> Stored | None:
    """Return the document of ``alias``; raise :class:`Conflict` if it is too large."""
    try:
        return store.read(key(alias), MAX_DOCUMENT)
    except TooLarge as error:
        raise Conflict(f"{key(alias)} is damaged; repair or remove it: {error.detail}") from error


def parse_alias(stored: Stored | None, alias: str) -> Alias | None:
    """Return the alias in a stored document; ``None`` if there is no document."""
    try:
        return None if stored is None else decode(stored.data, Alias)
    except Unreadable as error:
        raise Conflict(f"{key(alias)} is damaged; repair or remove it: {error}") from error
