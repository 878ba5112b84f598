"""Fits of discriminants from sums: of all rows, and of parts that leave some utterances out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from ser._progress import ProgressCallback
from ser._schemas import Schema
from ser.classifiers._rows import Rows
from ser.classifiers.discriminant._adaptation import fit_adaptations
from ser.classifiers.discriminant._calibration import FEWEST_SPEAKERS, Training, fit_calibrated
from ser.classifiers.discriminant._familiarity import fit_familiarity
from ser.classifiers.discriminant._fitted import FittedDiscriminant
from ser.classifiers.discriminant._scaling import Scaler
from ser.classifiers.discriminant._sums import (
    Conditions,
    Speakers,
    StandardiseRows,
    StatisticsByCell,
    conditions_of,
)

UNCALIBRATED = (
    "the probabilities are not calibrated (temperature 1): "
    "each fold of the training data contains all utterances of an emotion"
)
NO_ENROLMENT = (
    "speakers cannot be enrolled: "
    f"that requires {FEWEST_SPEAKERS} or more known speakers with the same emotions"
)


class DiscriminantConfig(Schema, frozen=True, kw_only=True):
    """The ``model_config`` of :class:`DiscriminantClassifier`."""

    shrinkage: Annotated[float, Meta(ge=1e-6, le=1)] = 0.5
    """Weight of the covariance of independent features, from 0 to 1."""
    limit: Annotated[float, Meta(ge=0.01, le=100)] = 1.5
    """Number of standard deviations from its mean at which a feature is clipped."""


def fit_everything(
    config: DiscriminantConfig, rows: Rows, random_state: int, on_progress: ProgressCallback
) -> FittedDiscriminant:
    """Return the discriminants and the familiarity learned from ``rows``."""
    fitted = fit_scores(config, rows, random_state, lambda share: on_progress(0.8 * share))
    speakers = Speakers.of(rows.origins)
    familiarity = fit_familiarity(rows, speakers, fitted.scaler, random_state)
    on_progress(1.0)
    return replace(fitted, familiarity=familiarity)


def fit_scores(
    config: DiscriminantConfig, rows: Rows, random_state: int, on_progress: ProgressCallback
) -> FittedDiscriminant:
    """Return the discriminants learned from ``rows``, without familiarity."""
    everything = np.ones(len(rows.y), bool)
    (fitted,) = fit_exactly(config, rows, [everything], random_state, on_progress)
    return fitted


def fit_exactly(
    config: DiscriminantConfig,
    rows: Rows,
    parts: Sequence[NDArray[np.bool_]],
    random_state: int,
    on_progress: ProgressCallback,
) -> list[FittedDiscriminant]:
    """Return what is learned from each of ``parts`` alone, without familiarity.

    The statistics for the scalers are those of cells of utterances that no part divides, so they
    are computed once. Clipping depends on the scaler, so the moments are computed for each part.
    """
    speakers = Speakers.of(rows.origins)
    patterns, cells = np.unique(np.stack(parts, axis=1), axis=0, return_inverse=True)
    statistics = rows.sum(StatisticsByCell(speakers.utterances, cells.reshape(-1)))
    found: list[FittedDiscriminant] = []
    # One after the other, since sums are computed where the rows are.
    for part, kept in zip(parts, patterns.T, strict=True):
        chosen = rows.only(part)
        training = Training.of(chosen.y, chosen.origins, random_state)
        conditions = conditions_of(statistics, kept)
        found += fit_discriminants(config, chosen, speakers.only(part), conditions, [training])
        on_progress(len(found) / len(parts))
    return found


def fit_by_differences(
    config: DiscriminantConfig,
    rows: Rows,
    parts: Sequence[NDArray[np.bool_]],
    random_state: int,
    on_progress: ProgressCallback,
) -> list[FittedDiscriminant]:
    """Return what is learned from each of ``parts``, with the scalers of all ``rows``.

    So the moments of all rows are computed once, and those of the others are subtracted. The
    features of the utterances that are left out affect the scalers, their labels affect nothing.
    """
    speakers = Speakers.of(rows.origins)
    one_cell = np.zeros(len(rows.y), np.intp)
    statistics = rows.sum(StatisticsByCell(speakers.utterances, one_cell))
    conditions = conditions_of(statistics, np.array([True]))
    on_progress(0.1)
    trainings = [
        Training.of(rows.y[part], rows.origins[part], random_state).among(part) for part in parts
    ]
    fitted = fit_discriminants(config, rows, speakers, conditions, trainings)
    on_progress(1.0)
    return fitted


def fit_discriminants(
    config: DiscriminantConfig,
    rows: Rows,
    speakers: Speakers,
    conditions: Conditions,
    trainings: Sequence[Training],
) -> list[FittedDiscriminant]:
    """Return what each of ``trainings`` learns, without familiarity, with one scaler for all.

    ``conditions`` are the statistics of all rows by which they are standardised.
    """
    total = reduce(add, conditions.values())
    scaler = Scaler.of(total.mean, np.sqrt(total.variance), config.limit)
    ordinary = fit_calibrated(rows, StandardiseRows(scaler), trainings, config.shrinkage)
    adaptations = fit_adaptations(rows, speakers, conditions, trainings, scaler, config.shrinkage)
    found = []
    for calibrated, adaptation in zip(ordinary, adaptations, strict=True):
        assert calibrated  # each class of a training has rows
        notes = [UNCALIBRATED] * (calibrated.temperature is None)
        notes += [NO_ENROLMENT] * (adaptation is None)
        discriminant = calibrated.discriminant.with_temperature(calibrated.temperature or 1.0)
        found.append(
            FittedDiscriminant(
                msgspec.to_builtins(config), notes, scaler, discriminant, adaptation, None
            )
        )
    return found
