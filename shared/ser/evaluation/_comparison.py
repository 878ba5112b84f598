"""Descriptions of the features, the split and the rows of an evaluation, to compare two of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from ser.dataset import ExtractedCorpus, LoadedCorpus
from ser.evaluation._splits import Folds
from ser.frontends import Augmentations, FrontEnds
from ser.sounds import SAMPLING_RATE


def describe_features(
    front_ends: FrontEnds, augmentations: Augmentations, extracted: ExtractedCorpus
) -> str:
    """Return ``Functionals (1,415), copies: Noise 2, Clipping 1``: the features by method."""
    counts = Counter(name.partition(".")[0] for name in extracted.feature_names)
    methods = ", ".join(
        f"{with_options(name, front_end)} ({counts[name]:,})"
        for name, front_end in front_ends.items()
        if name in counts
    )
    copies = ", ".join(
        f"{with_options(name, method)} {method.copies}" for name, method in augmentations.items()
    )
    return f"{methods}, copies: {copies or 'none'}"


def with_options(name: str, method: msgspec.Struct) -> str:
    """Return ``MFCC num_cepstral=20``: a method with the options that differ from the defaults.

    The number of copies is left out.
    """
    defaults: Mapping[str, Any] = msgspec.to_builtins(type(method)())
    given: Mapping[str, Any] = msgspec.to_builtins(method)
    changed = [
        f"{option}={msgspec.json.encode(value).decode()}"
        for option, value in given.items()
        if option != "copies" and value != defaults[option]
    ]
    return " ".join([name, *changed])


def describe_split(folds: Folds) -> str:
    """Return ``each of 10 speakers left out once``."""
    return f"each of {len(folds)} speakers left out once"


def describe_rows(loaded: LoadedCorpus, extracted: ExtractedCorpus) -> str:
    """Return ``535 utterances (4,280 with copies)``; chunks are counted if there are several."""
    utterances = len(loaded.utterances)
    chunks = sum(map(len, extracted.features))
    rows = chunks + sum(len(copy) for copies in extracted.copies for copy in copies)
    described = f"{utterances:,} utterances"
    if loaded.chunk_samples is not None:
        seconds = loaded.chunk_samples / SAMPLING_RATE
        described += f" in {chunks:,} chunks of {seconds:.2f} s"
    elif chunks != utterances:
        described += f" in {chunks:,} chunks"
    return described + (f" ({rows:,} with copies)" if rows > chunks else "")
