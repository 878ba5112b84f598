"""The models and aliases of a server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ser._labels import Label
from ser.client._answers import labels_of
from ser.client._jobs import segment
from ser.client._transport import Transport
from ser.errors import RemoteFailed
from ser.registry import READY, ModelSummary

PAGE = 100
PRODUCTION = "production"
PREFERRED = (PRODUCTION, "latest")
"""Aliases that POST /predict takes where no model is named."""


class Models:
    """The models in the registry of a server, newest first."""

    def __init__(self, transport: Transport, registry: str | None) -> None:
        self._transport = transport
        self._place = {"model_save_path": registry} if registry else {}
        self._labels: dict[str, tuple[Label, ...]] = {}

    def list(self, limit: int | None = None) -> Iterator[ModelSummary]:
        """Yield the most important facts about models; at most ``limit``."""
        left, before = limit, None
        while left is None or left > 0:
            query = {"limit": PAGE if left is None else min(PAGE, left), **self._place}
            query |= {"before": before} if before else {}
            answer = self._transport.ask("GET", "/models", query=query)
            page = [*map(summary_of, answer["models"])]
            yield from page
            before = answer["next"]
            if before is None:
                return
            left = None if left is None else left - len(page)

    def show(self, name: str) -> dict[str, Any]:
        """Return all that the server knows about the model ``name``, an id or an alias: the answer
        of GET /models/<name>."""
        return self._transport.ask("GET", f"/models/{segment(name)}", query=self._place)

    def resolve(self, name: str | None = None) -> str:
        """Return the id of the model ``name``, an id or an alias.

        ``None`` stands for the model that POST /predict takes: ``production``, else ``latest``,
        else the one that is part of the software.
        """
        if name is None:
            aliases = self.aliases()
            name = next((each for each in PREFERRED if each in aliases), READY)
        return str(self.show(name)["model_id"])

    def aliases(self) -> dict[str, str]:
        """Return the id of the model that each alias points at."""
        answer = self._transport.ask("GET", "/aliases", query=self._place)
        return {each["alias"]: each["model_id"] for each in answer["aliases"]}

    def promote(
        self, name: str, alias: str = PRODUCTION, *, promote_if: Mapping[str, Any] | None = None
    ) -> str:
        """Move ``alias`` to the model ``name``, an id or another alias, and return its id.

        Parameters
        ----------
        promote_if
            The condition that the model is no worse than the one that ``alias`` points at, as in
            :func:`ser.train`: ``figure`` (``uar`` or ``wa``) and ``tolerance``.

        Raises
        ------
        Conflict
            The model is worse, or cannot be compared; the message says why.
        """
        condition = {} if promote_if is None else {"promote_if": promote_if}
        return self._change(alias, {"model_id": name, **condition})

    def rollback(self, alias: str = PRODUCTION) -> str:
        """Move ``alias`` back to the model that it pointed at before, and return its id."""
        return self._change(alias, {"rollback": True})

    def delete(self, name: str) -> str:
        """Delete the model ``name``, an id or an alias, and return its id.

        Raises
        ------
        Conflict
            An alias points at the model, or would after a rollback.
        """
        answer = self._transport.ask(
            "DELETE", f"/models/{segment(name)}", query=self._place, repeatable=False
        )
        return str(answer["model_id"])

    def labels(self, model_id: str) -> tuple[Label, ...]:
        """Return the labels of a model; the server is asked once for each ``model_id``."""
        if model_id not in self._labels:
            details = self.show(model_id)
            self._labels[model_id] = labels_of(details["labels"], details["emotions"])
        return self._labels[model_id]

    def _change(self, alias: str, change: Mapping[str, Any]) -> str:
        body = {**change, **self._place}
        path = f"/aliases/{segment(alias)}"
        return str(self._transport.ask("POST", path, body=body, repeatable=False)["model_id"])


def summary_of(entry: Mapping[str, Any]) -> ModelSummary:
    """Return an entry of GET /models as the summary that a registry gives."""
    try:
        figures = entry["figures"]
        facts = {
            "model_id": entry["model_id"],
            "created_at": entry["created"],
            "corpus": " + ".join(entry["corpora"]) or None,
            "corpora": entry["corpora"],
            "model_type": entry["model_type"],
            "preset": entry["preset"],
            "uar": figures.get("uar"),
            "loso_uar": figures.get("loso_uar"),
            "aliases": sorted(entry["aliases"]),
        }
        return msgspec.convert(facts, ModelSummary)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise RemoteFailed(f"the server did not answer with a model: {error!r}") from error
