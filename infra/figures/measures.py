"""Figures by the name of their row, from evaluations through the public library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from figures.targets import DEVELOPMENT
from ser import Evaluation

DEGRADED = {"telephone": "telephone band", "white noise 20 dB": "white noise 20 dB"}
"""Names of the degradations of an evaluation by those in the rows."""
CLIPS = (5, 20)


def of_corpus(name: str, evaluation: Evaluation) -> dict[str, float]:
    """Return the figures of one corpus alone."""
    found = {
        f"UAR, {name}, speakers left out": evaluation.figures["uar"],
        f"ECE, {name}, speakers left out": evaluation.figures["ece"],
    }
    if name == "emodb":
        found["UAR, emodb, the five other speakers"] = recall_without(evaluation, DEVELOPMENT)
    for row, degradation in DEGRADED.items():
        if degradation in evaluation.degraded:
            found[f"UAR lost by {row}, {name}"] = evaluation.degraded[degradation]["lost"]
    return found


def recall_without(evaluation: Evaluation, speakers: Sequence[str]) -> float:
    """Return the UAR of the utterances of all speakers except ``speakers``."""
    kept = [each for each in evaluation.predictions if each.speaker not in speakers]
    emotions = sorted({each.true for each in kept})
    return float(
        np.mean(
            [
                np.mean([each.predicted == emotion for each in kept if each.true == emotion])
                for emotion in emotions
            ]
        )
    )


def of_enrolment(evaluations: Mapping[str, Evaluation]) -> dict[str, float]:
    """Return the mean gains of enrolled speakers over the corpora whose speakers have enough
    sounds."""
    found = {}
    for clips in CLIPS:
        gains = [
            each["uar"] - each["without"]
            for evaluation in evaluations.values()
            for each in evaluation.enrolment
            if each["clips"] == clips
        ]
        if gains:
            found[f"UAR gained by {clips} enrolled sounds, mean of corpora"] = float(np.mean(gains))
    return found


def of_transfer(evaluation: Evaluation) -> dict[str, float]:
    """Return the figures from corpus to corpus, adapted where the model adapts."""
    found, left_out = {}, []
    for each in evaluation.transfer:
        figures = each.adapted or each
        if each.train != each.test:
            found[f"UAR, {each.train} → {each.test}"] = figures.uar
        if each.train == "all others":
            left_out.append(figures.ece)
    if left_out:
        found["ECE, all others →, mean of corpora"] = float(np.mean(left_out))
    return found
