"""Descriptions of the features, the split and the rows of an evaluation, for comparisons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from ser.classifiers import LeaveOut
from ser.dataset import ExtractedCorpus, LoadedCorpus
from ser.evaluation._splits import Folds
from ser.frontends import Augmentations, FrontEnds
from ser.sounds import SAMPLING_RATE


def describe_features(
    front_ends: FrontEnds, augmentations: Augmentations, extracted: ExtractedCorpus
) -> str:
    """Return the features by method, as in ``Functionals (1,415), copies: Noise 2, Clipping 1``."""
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
    """Return a method with its options, as in ``MFCC num_cepstral=20``.

    Defaults and the number of copies are left out.
    """
    defaults: Mapping[str, Any] = msgspec.to_builtins(type(method)())
    given: Mapping[str, Any] = msgspec.to_builtins(method)
    changed = [
        f"{option}={msgspec.json.encode(value).decode()}"
        for option, value in given.items()
        if option != "copies" and value != defaults[option]
    ]
    return " ".join([name, *changed])


def describe_split(loaded: LoadedCorpus, folds: Folds, leave_out: LeaveOut = "exact") -> str:
    """Return the split in words, as in ``each of 10 speakers left out once``.

    The form in which they are left out is included if it is not exact.
    """
    speakers = {utterance.speaker for utterance in loaded.utterances}
    grouped = f", in {len(folds)} folds" if len(folds) < len(speakers) else ""
    form = ", by differences of sums" if leave_out == "differences" else ""
    return f"each of {len(speakers)} speakers left out once{grouped}{form}"


def describe_rows(loaded: LoadedCorpus, extracted: ExtractedCorpus) -> str:
    """Return the numbers of rows, as in ``535 utterances (4,280 with copies)``.

    The number of chunks is included if it differs from that of the utterances."""
    utterances = len(loaded.utterances)
    chunks, rows = int(extracted.stored.counts[:, 0].sum()), int(extracted.stored.counts.sum())
    described = f"{utterances:,} utterances"
    if loaded.chunk_samples is not None:
        seconds = loaded.chunk_samples / SAMPLING_RATE
        described += f" in {chunks:,} chunks of {seconds:.2f} s"
    elif chunks != utterances:
        described += f" in {chunks:,} chunks"
    return described + (f" ({rows:,} with copies)" if rows > chunks else "")
