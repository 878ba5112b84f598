"""Registries: models that never change, and aliases that move between models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ser.errors import Conflict, NotFound
from ser.registry._aliases import (
    Alias,
    Move,
    alias_names,
    check_alias,
    point_alias,
    read_alias,
)
from ser.registry._documents import MANIFEST, MODEL_ID
from ser.registry._drafts import LEASE_SECONDS, adopt_strays, discard, sweep
from ser.registry._lookup import is_published, published_ids, read_model, readable_models
from ser.registry._model import PublishedModel
from ser.registry._publication import publish
from ser.registry._rules import NO_RULES, Rules
from ser.registry._summary import ModelSummary, summarize
from ser.store import Store


class Registry:
    """Models in a store, each under its id, and aliases that point at models and can move.

    A model exists once its manifest exists, which is written last. Besides the errors listed,
    every method raises those of :class:`~ser.store.Store`, naming the store: ``InvalidInput``,
    ``StorageFull``, ``RemoteFailed``. :func:`ser.open_registry` returns a registry.

    Examples
    --------
    >>> registry = ser.open_registry("model")
    >>> for model in registry.models(limit=1):
    ...     print(model.predict("speech.wav").emotion)
    anger
    >>> registry.show("latest").corpus
    'emodb'
    >>> registry.move("production", registry.resolve("latest"))
    >>> sorted(registry.aliases())
    ['latest', 'production']
    """

    def __init__(self, store: Store, rules: Rules = NO_RULES) -> None:
        self._store, self._rules = store, rules

    @property
    def uri(self) -> str:
        """Address of the registry."""
        return self._store.uri

    @property
    def notes(self) -> tuple[str, ...]:
        """Guarantees that the store has turned out to lack so far, and their consequences."""
        return self._store.notes

    def check_writable(self) -> None:
        """Raise an error unless models can be published. Call it before a long training.

        The registry does not change.

        Raises
        ------
        InvalidInput
            The folder cannot be created or written; the bucket does not exist, or its access
            rules refuse the write.
        """
        self._store.check_writable()

    def publish(
        self, model_id: str, files: Mapping[str, bytes], manifest: Mapping[str, Any]
    ) -> None:
        """Publish a model: write its files, then its manifest.

        If publication fails, the files written so far are removed, unless the manifest has been
        written or may have been, since the store did not answer. What a publisher that is killed
        leaves, or one whose store fails, can be removed by :meth:`sweep`, is removed by a later
        publication, and is in no one's way: this process may use the id again.

        Parameters
        ----------
        model_id
            A new id from :func:`~ser.registry.new_model_id`.
        files
            Files by relative name, such as ``model.onnx`` or ``samples/03a01Fa.wav``. Each is
            taken once, when it is written, so a mapping may make it then.
        manifest
            JSON values by name; ``model_id``, ``created_at`` and ``files`` (SHA-256 and size in
            bytes of each) are added.

        Raises
        ------
        Conflict
            The store already contains a model of this id, or one is being published.
        InvalidInput
            The id or a file name has another form, or the manifest is too large.
        """
        publish(self._store, model_id, files, manifest, self._rules.key)

    def sweep(self, *, seconds: float = LEASE_SECONDS, dry_run: bool = False) -> list[str]:
        """Remove what publishers that were killed have left, and return its ids and names.

        It takes two sweeps: the first one asks each publication that has given no sign of life for
        ``seconds``, and the second one, at least ``seconds`` later, removes those that did not
        answer. Published models and living publications stay, also if a clock jumps in between.

        Parameters
        ----------
        seconds
            Time without a sign of life after which a publication counts as dead.
        dry_run
            Whether to change nothing and return what would be removed.

        Examples
        --------
        >>> ser.open_registry("model").sweep(dry_run=True)
        []
        """
        if not dry_run:
            adopt_strays(self._store)
        removed = sweep(self._store, seconds, dry_run=dry_run)
        return removed + self._store.tidy(seconds, dry_run=dry_run)

    def discard(self, model_id: str) -> None:
        """Remove all files of ``model_id``, whether it is published or not.

        For the publisher of this id, who knows that no other process publishes it.
        """
        discard(self._store, model_id)

    def ids(self, *, limit: int | None = None, before: str | None = None) -> Iterator[str]:
        """Yield the ids of models, newest first.

        Parameters
        ----------
        limit
            Maximum number of ids.
        before
            Id of a model; only ids of older models are returned.
        """
        return islice(published_ids(self._store, before), limit)

    def models(
        self, *, limit: int | None = None, before: str | None = None
    ) -> Iterator[PublishedModel]:
        """Yield models, newest first. Manifests are read now, and the file of a model on first use.

        Models whose manifest is damaged are left out, with a warning in the log.

        Parameters
        ----------
        limit, before
            As for :meth:`ids`.

        Examples
        --------
        >>> [model.predict("speech.wav").emotion for model in ser.open_registry("model").models()]
        ['anger']
        """
        return islice(readable_models(self._store, before, self._rules), limit)

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

    def model(self, name: str) -> PublishedModel:
        """Return the model ``name``, an id or an alias. Its file is read on first use.

        Raises
        ------
        NotFound
            The model or alias does not exist.
        AlteredModel
            The manifest is damaged, or not signed with the key of the registry.

        Examples
        --------
        >>> model = ser.open_registry("model").model("latest")
        >>> model.manifest["request"]["model_type"]
        'DiscriminantClassifier'
        """
        model_id = name if MODEL_ID.fullmatch(name) else self._alias(name).model_id
        if model := read_model(self._store, model_id, self._rules):
            return model
        raise self._unknown(model_id)

    def load(self, name: str) -> PublishedModel:
        """Return the model ``name``, an id or an alias, with its file in memory.

        Raises
        ------
        NotFound
            The model or alias does not exist.
        AlteredModel
            The manifest is damaged, or the model's file has changed since publication.
        Conflict
            The file is not a model that this version of ``ser`` can read.

        Examples
        --------
        >>> ser.open_registry("model").load("latest").emotions
        ('neutral', 'sadness', 'anger')
        """
        return self.model(name).load()

    def show(self, name: str) -> ModelSummary:
        """Return the most important facts about the model ``name``, an id or an alias.

        Raises
        ------
        NotFound
            The model or alias does not exist.
        AlteredModel
            The manifest is damaged, or not signed with the key of the registry.

        Examples
        --------
        >>> summary = ser.open_registry("model").show("latest")
        >>> summary.corpus, summary.model_type, summary.uar, summary.aliases
        ('emodb', 'DiscriminantClassifier', 0.862, ('latest',))
        """
        return summarize(self.model(name).manifest, self.aliases())

    def delete(self, name: str) -> None:
        """Delete the model ``name``, an id or an alias: first its manifest, then its files.

        Raises
        ------
        NotFound
            The model or alias does not exist.
        Conflict
            An alias points at the model.

        Examples
        --------
        >>> registry = ser.open_registry("model")
        >>> registry.delete(registry.resolve("latest"))
        Traceback (most recent call last):
        ser.errors.Conflict: model ... cannot be deleted: alias latest points at it; ...
        """
        model_id = self.resolve(name)
        self._require_no_alias(model_id)
        key = f"{model_id}/{MANIFEST}"
        manifest = self._store.read(key)
        if manifest is None:
            raise self._unknown(model_id)
        self._store.delete(key)
        try:
            # An alias may have moved to the model since the first check. This check still misses a
            # move that read the manifest before its deletion and writes the alias later.
            self._require_no_alias(model_id)
        except BaseException:
            self._store.create(key, manifest.data)
            raise
        self._store.sweep(model_id)

    def aliases(self) -> dict[str, str]:
        """Return the id of the model that each alias points at."""
        return {alias: self._alias(alias).model_id for alias in alias_names(self._store)}

    def history(self, alias: str) -> tuple[Move, ...]:
        """Return all changes of ``alias``, oldest first.

        Raises
        ------
        NotFound
            The alias does not exist.
        """
        return self._alias(alias).history

    def move(self, alias: str, model_id: str, *, forward_only: bool = False) -> None:
        """Point ``alias`` at the model ``model_id``, unless it already does.

        Parameters
        ----------
        forward_only
            Whether to keep an ``alias`` that points at a newer model; so ``latest`` is right
            regardless of the order in which trainings end.

        Raises
        ------
        InvalidInput
            ``alias`` is not a valid alias.
        NotFound
            The model does not exist.
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
            return max([model_id, *trail[-1:]]) if forward_only else model_id

        point_alias(self._store, alias, "move", target)

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

        return point_alias(self._store, alias, "rollback", previous)

    def _require_no_alias(self, model_id: str) -> None:
        if aliases := [alias for alias, target in self.aliases().items() if target == model_id]:
            noun, verb = ("alias", "points") if len(aliases) == 1 else ("aliases", "point")
            raise Conflict(
                f"model {model_id} cannot be deleted: {noun} {', '.join(aliases)} {verb} at it; "
                "allowed: models without an alias, so move the alias first"
            )

    def _alias(self, name: str) -> Alias:
        alias = read_alias(self._store, name)
        if alias is None:
            raise self._unknown(name)
        return alias

    def _unknown(self, name: str) -> NotFound:
        known = ", ".join(alias_names(self._store)) or "none"
        return NotFound(f"no model or alias {name!r} in {self.uri}; its aliases: {known}")

    def __repr__(self) -> str:
        return f"Registry({self.uri!r})"
