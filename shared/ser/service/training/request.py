"""The body of POST /train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ser._schemas import Name, parse
from ser.corpora.fetching import ANY, Patience, Version, source_of
from ser.errors import InvalidInput, within
from ser.registry import ALIAS, ALIAS_GRAMMAR, new_model_id, open_registry
from ser.service.access import Access
from ser.service.settings import Settings
from ser.training import LATEST, Recipe, type_defaults


class TrainRequest(Recipe, frozen=True, kw_only=True):
    """A recipe, the corpus it is trained on, and the place the model goes to."""

    data_path: Name
    remote_url: Name
    model_save_path: Name
    dataset_force: bool = False
    alias: Name | None = None

    @property
    def aliases(self) -> tuple[str, ...]:
        """The aliases that move to the model: ``latest``, and the one asked for."""
        return tuple(dict.fromkeys(filter(None, (LATEST, self.alias))))


class Commission(msgspec.Struct, frozen=True, kw_only=True):
    """What does not come from who asks for a model: its id, and what brought the request about."""

    model_id: str = msgspec.field(default_factory=new_model_id)
    trigger: dict[str, str] | None = None
    """The object whose arrival is announced: its ``uri``, ``bucket``, ``key``, ``version`` and
    ``etag``."""

    def version_of(self, remote_url: str) -> Version:
        """Return which version of ``remote_url`` is meant: that which was announced, if any was."""
        if self.trigger is None or self.trigger["uri"] != remote_url:
            return ANY
        return Version(self.trigger["version"], self.trigger["etag"])


def read_train_request(body: Mapping[str, Any], settings: Settings) -> TrainRequest:
    """Return the request in ``body``, with places resolved and checked.

    Fields that it leaves out are those of the settings, of its ``model_type``, or the defaults of
    :class:`TrainRequest`, whichever says something first.

    Raises
    ------
    InvalidInput
        A fault for each field that does not fit, or names a place that it may not.
    """
    access = Access(settings)
    return parse(
        TrainRequest,
        {**type_defaults(body.get("model_type")), **settings.request_defaults, **body},
        checks={
            "data_path": lambda value: str(access.path(value)),
            "remote_url": lambda value: fetchable(value, access),
            "model_save_path": access.location,
            "alias": alias_name,
        },
    )


def check_writable(request: TrainRequest) -> None:
    """Raise :class:`InvalidInput` if no model can be published: better told before training."""
    with within("model_save_path"):
        open_registry(request.model_save_path).check_writable()


def alias_name(name: str | None) -> str | None:
    """Return ``name`` if an alias can be called so."""
    if name is not None and not ALIAS.fullmatch(name):
        raise InvalidInput(f"{name!r} is no name for an alias; allowed: {ALIAS_GRAMMAR}")
    return name


def fetchable(remote_url: str, access: Access) -> str:
    """Return ``remote_url`` if it is of a kind that is fetched, from where requests may reach."""
    source_of(remote_url, access, Patience())
    return remote_url
