"""Statistics of a corpus: its emotions, speakers, genders, durations and recordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from ser.corpora import Utterance
from ser.dataset import LoadedCorpus
from ser.sounds import SAMPLING_RATE


def corpus_statistics(loaded: LoadedCorpus) -> dict[str, Any]:
    """Return the entry ``statistics`` of a manifest.

    ``seconds`` has the total, shortest, median and longest duration; ``emotions`` has numbers of
    utterances and speakers and the seconds of each class; ``speakers`` and ``genders`` are counted
    if they are known. ``sampling_rates`` has the number of recordings of each rate in Hz, as they
    are in the corpus.
    """
    utterances = loaded.utterances
    seconds = np.array([facts.samples / SAMPLING_RATE for facts in loaded.facts])
    codes = np.array([utterance.code for utterance in utterances])
    emotions = {}
    for label in loaded.labels:
        chosen = codes == label.code
        members = [u for u, is_chosen in zip(utterances, chosen, strict=True) if is_chosen]
        emotions[str(label)] = {
            "utterances": len(members),
            "speakers": len(known_speakers(members)),
            "seconds": rounded(seconds[chosen].sum()),
        }
    return {
        "utterances": len(utterances),
        "speakers": len(known_speakers(utterances)),
        "genders": dict(Counter(u.gender for u in utterances if u.gender)),
        "seconds": {
            "total": rounded(seconds.sum()),
            "shortest": rounded(seconds.min()),
            "median": rounded(np.median(seconds)),
            "longest": rounded(seconds.max()),
        },
        "sampling_rates": {
            str(rate): count
            for rate, count in sorted(Counter(each.recorded_at for each in loaded.facts).items())
        },
        "emotions": emotions,
    }


def known_speakers(utterances: Sequence[Utterance]) -> set[str]:
    return {utterance.speaker for utterance in utterances} - {""}


def rounded(seconds: float | np.floating[Any]) -> float:
    return round(float(seconds), 2)
