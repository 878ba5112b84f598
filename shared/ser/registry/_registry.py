"""Registries: models that never change, and aliases that move between models."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from ser.errors import AlteredModel
from ser.registry._documents import MODEL_ID
from ser.registry._drafts import LEASE_SECONDS, adopt_strays, discard, sweep
from ser.registry._lookup import published_ids, read_model, readable_models
from ser.registry._model import PublishedModel
from ser.registry._moves import Aliases
from ser.registry._publication import publish
from ser.registry._summary import ModelSummary, summarize

logger = logging.getLogger(__name__)


class Registry(Aliases):
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

    def check_readable(self) -> None:
        """Raise an error unless the registry can be read, by one read of an alias.

        Raises
        ------
        InvalidInput
            The bucket does not exist; access rules refuse the read.
        RemoteFailed
            The store failed or did not answer.
        """
        self._store.read("aliases/latest.json")

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

    def sweep(
        self,
        keep: int | None = None,
        *,
        seconds: float = LEASE_SECONDS,
        dry_run: bool = False,
    ) -> list[str]:
        """Remove models that no alias leads to, and what publishers that were killed have left.

        The remains of a publisher take two sweeps: the first one asks each publication that has
        given no sign of life for ``seconds``, and the second one, at least ``seconds`` later,
        removes those that did not answer. Living publications stay, also if a clock jumps.

        Parameters
        ----------
        keep
            Number of the newest models that stay, beside those that aliases point at or would
            after a rollback. ``None``: all models stay.
        seconds
            Time without a sign of life after which a publication counts as dead; models that were
            published since stay.
        dry_run
            Whether to change nothing and return what would be removed.

        Returns
        -------
        list[str]
            Ids of the removed models, newest first, and ids and names of remains.

        Examples
        --------
        >>> ser.open_registry("model").sweep(10, dry_run=True)
        []
        """
        # Imported here, like all that predictions do not need: their function must start fast.
        from ser.registry._retention import delete_unless_used, unreachable

        unused = [] if keep is None else list(unreachable(self._store, keep, seconds))
        if not dry_run:
            unused = [model_id for model_id in unused if delete_unless_used(self._store, model_id)]
            adopt_strays(self._store)
        removed = sweep(self._store, seconds, dry_run=dry_run)
        return unused + removed + self._store.tidy(seconds, dry_run=dry_run)

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

    def summaries(
        self, *, limit: int | None = None, before: str | None = None
    ) -> Iterator[ModelSummary]:
        """Yield the most important facts about models, newest first.

        Models whose manifest is damaged are left out, with a warning in the log.

        Parameters
        ----------
        limit, before
            As for :meth:`ids`.
        """
        aliases = self.aliases()

        def readable() -> Iterator[ModelSummary]:
            for model in self.models(before=before):
                try:
                    yield summarize(model.manifest, aliases)
                except AlteredModel as error:
                    logger.warning("a model is left out of a list: %s", error.detail)

        return islice(readable(), limit)

    def export(self, name: str, path: str | os.PathLike[str]) -> Path:
        """Write the model ``name``, an id or an alias, to one file, and return its path.

        The file is a zip archive of the manifest, its signature if there is one, and all files,
        each verified. Unpacked, it is a folder for :func:`ser.load_model`.

        Parameters
        ----------
        path
            The file, which is replaced if it exists; or a folder, in which the file has the name
            of the model.

        Raises
        ------
        NotFound
            The model or alias does not exist.
        AlteredModel
            A file has changed since publication.

        Examples
        --------
        >>> registry = ser.open_registry("model")
        >>> archive = registry.export("latest", "latest.zip")
        >>> ser.open_registry("copy").import_(archive) == registry.resolve("latest")
        True
        """
        from ser.registry._archives import export_model

        return export_model(self._store, self.model(name), self._rules, Path(path))

    def import_(self, path: str | os.PathLike[str]) -> str:
        """Publish the model in a file of :meth:`export` under its id, which is returned.

        Before anything is written, all files are compared with the manifest, and the model is
        inspected as if it were loaded. Aliases do not move.

        Raises
        ------
        InvalidInput
            The file is not an archive of a model, or cannot be read.
        AlteredModel
            A file differs from the manifest, or the key of this registry has not signed it.
        Conflict
            The registry has a model of this id, or the file is not a model that this version of
            ``ser`` can read.
        """
        from ser.registry._archives import import_model

        return import_model(self._store, Path(path), self._rules)

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
            An alias points at the model, or would after a rollback.

        Examples
        --------
        >>> registry = ser.open_registry("model")
        >>> registry.delete(registry.resolve("latest"))
        Traceback (most recent call last):
        ser.errors.Conflict: model ... cannot be deleted: alias latest points at it; ...
        """
        from ser.registry._retention import delete_model

        model_id = self.resolve(name)
        if not delete_model(self._store, model_id):
            raise self._unknown(model_id)

    def __repr__(self) -> str:
        return f"Registry({self.uri!r})"
