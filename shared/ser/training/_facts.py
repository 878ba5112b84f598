"""The entries of a manifest about the recipe, the corpus and the software of a training."""

from __future__ import annotations

import platform
from collections.abc import Collection, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import Any

import msgspec

import ser
from ser.corpora import CorpusPart, Sources, Utterance
from ser.dataset import LoadedCorpus, metadata_of
from ser.evaluation import corpus_statistics
from ser.limits import Limit
from ser.training._corpus import PreparedCorpus
from ser.training._recipe import Recipe

LIBRARIES = (
    "numpy",
    "scipy",
    "onnxruntime",
    "onnx",
    "spox",
    "scikit-learn",
    "keras",
    "xgboost",
    "xgboost-cpu",
)
"""Libraries whose versions are listed in a manifest, if they are installed."""


def corpus_facts(recipe: Recipe, corpus: PreparedCorpus, sources: Sources) -> dict[str, Any]:
    """Return the entries of a manifest about recipe, corpus and software."""
    loaded = corpus.loaded
    methods = recipe.dataset_feature_extract_methods.public.configs
    place = sources.entries or loaded.provenance.remote_url
    encoders = corpus.extracted.encoders
    several = {"corpora": [part_facts(loaded, part) for part in loaded.parts]}
    return {
        "request": msgspec.to_builtins(recipe)
        | {
            "remote_url": place,
            "dataset_feature_extract_methods": methods,
        },
        "labels": msgspec.to_builtins(loaded.labels),
        "corpus": {
            "name": loaded.name,
            "utterances": len(loaded.utterances),
            **msgspec.to_builtins(loaded.provenance),
        },
        "statistics": corpus_statistics(loaded),
        **(several if len(loaded.parts) > 1 else {}),
        **({"encoders": msgspec.to_builtins(encoders)} if encoders else {}),
        "versions": versions(),
    }


def part_facts(loaded: LoadedCorpus, part: CorpusPart) -> dict[str, Any]:
    """Return the entry of one of several corpora in a manifest."""
    utterances = [u for u in loaded.utterances if u.corpus == part.name]
    codes = {utterance.code for utterance in utterances}
    return {
        "name": part.name,
        "corpus": part.corpus,
        "utterances": len(utterances),
        "speakers": len({utterance.speaker for utterance in utterances} - {""}),
        "classes": [str(label) for label in loaded.labels if label.code in codes],
        **msgspec.to_builtins(part.provenance),
    }


def model_config(recipe: Recipe) -> dict[str, Any]:
    """Return the configuration of the classifier with all defaults filled in."""
    params = recipe.classifier.get_params()
    return {name: value for name, value in params.items() if name != "random_state"}


def note_unpublished(
    held_out: Collection[str], published: Collection[str], limit: Limit
) -> Iterator[str]:
    """Yield a note if not all held-out utterances are published with the model."""
    if len(published) < len(held_out):
        yield (
            f"{len(published)} of {len(held_out)} held-out samples are published with the model; "
            f"allowed: {limit}; the metrics use all of them"
        )


def sample_entry(utterance: Utterance) -> dict[str, str]:
    """Return the entry of a held-out utterance in the manifest."""
    return {"ground_truth": utterance.code, **metadata_of(utterance)}


def versions() -> dict[str, str]:
    """Return the versions of ``ser``, Python and :data:`LIBRARIES`."""
    found = {"ser": ser.__version__, "python": platform.python_version()}
    for library in LIBRARIES:
        with suppress(PackageNotFoundError):
            found[library] = version_of(library)
    return found
