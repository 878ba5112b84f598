"""Summaries of published models."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ser._decoding import Unreadable, convert
from ser.errors import AlteredModel
from ser.registry._documents import MANIFEST


class ModelSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The most important facts about a published model; ``None`` if its manifest lacks one.

    Examples
    --------
    >>> print(ser.open_registry("model").show("latest"))
    2...Z-...  emodb  DiscriminantClassifier  UAR 0.862 (speakers left out 0.812)  latest
    """

    model_id: str
    created_at: datetime
    """Time of publication (UTC)."""
    corpus: str | None
    """Name of the corpus, such as ``emodb``, or of all corpora, such as ``emodb + ravdess``."""
    corpora: tuple[str, ...]
    """Names of the corpora."""
    model_type: str | None
    """Type of the classifier, such as ``DiscriminantClassifier``."""
    preset: str | None
    """Preset of the training, ``accurate`` or ``light``."""
    uar: float | None
    """Unweighted average recall on the held-out utterances, from 0 to 1."""
    loso_uar: float | None
    """Unweighted average recall with each speaker left out once, from 0 to 1."""
    aliases: tuple[str, ...]
    """Aliases that point at the model, sorted."""

    def __str__(self) -> str:
        figures = "no figures" if self.uar is None else f"UAR {self.uar:.3f}"
        if self.loso_uar is not None:
            figures += f" (speakers left out {self.loso_uar:.3f})"
        recipe = " ".join(filter(None, (self.preset, self.model_type)))
        facts = (self.model_id, self.corpus, recipe, figures, ", ".join(self.aliases))
        return "  ".join(fact for fact in facts if fact)


class Named(msgspec.Struct, frozen=True):
    """The corpus in a manifest."""

    name: str | None = None


class Part(msgspec.Struct, frozen=True):
    """One of several corpora in a manifest."""

    name: str


class Requested(msgspec.Struct, frozen=True):
    """The request in a manifest."""

    model_type: str | None = None
    preset: str | None = None


class Figures(msgspec.Struct, frozen=True):
    """Metrics in a manifest."""

    uar: float | None = None


class Facts(msgspec.Struct, frozen=True):
    """The part of a manifest that a summary shows."""

    model_id: str
    created_at: datetime
    corpus: Named = Named()
    corpora: tuple[Part, ...] = ()
    request: Requested = Requested()
    metrics: Figures = Figures()
    loso: Figures | None = None


def summarize(manifest: Mapping[str, Any], aliases: Mapping[str, str]) -> ModelSummary:
    """Return the summary of the model with ``manifest``; ``aliases`` maps aliases to ids.

    Raises
    ------
    AlteredModel
        The manifest is damaged.
    """
    try:
        facts = convert(manifest, Facts)
    except Unreadable as error:
        raise AlteredModel(
            f"{MANIFEST} of model {manifest['model_id']} is damaged: {error}"
        ) from error
    return ModelSummary(
        model_id=facts.model_id,
        created_at=facts.created_at,
        corpus=facts.corpus.name,
        corpora=tuple(part.name for part in facts.corpora or (facts.corpus,) if part.name),
        model_type=facts.request.model_type,
        preset=facts.request.preset,
        uar=facts.metrics.uar,
        loso_uar=facts.loso.uar if facts.loso else None,
        aliases=tuple(sorted(alias for alias, id_ in aliases.items() if id_ == facts.model_id)),
    )
