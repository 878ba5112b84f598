"""The figures of several corpora: each left out, and each asked about after a training on each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ser._progress import ProgressCallback
from ser.dataset import LoadedCorpus
from ser.evaluation import (
    Metrics,
    Transfer,
    TransferEvaluation,
    emotions_only_in,
    fit_classifiers,
    left_out_trials,
    transfer_cells,
)
from ser.parallel import Workers
from ser.training._corpus import PreparedCorpus
from ser.training._recipe import Recipe


class CorporaFigures(NamedTuple):
    """The figures of several corpora; empty for a single one."""

    left_out: Mapping[str, Metrics]
    """The metrics of each corpus after a training on all others."""
    transfer: tuple[Transfer, ...]
    """The figures of each pair of corpora."""
    notes: list[str]


def leave_corpora_out(
    recipe: Recipe, corpus: PreparedCorpus, workers: Workers, on_progress: ProgressCallback
) -> CorporaFigures:
    """Return the figures of each of several corpora after trainings on the others."""
    utterances = corpus.loaded.utterances
    cells = transfer_cells(utterances, recipe.speaker_folds)
    left_out = left_out_trials(utterances)
    trials = [*left_out.values(), *(trial for cell in cells for trial in cell.trials)]
    classifiers, notes = fit_classifiers(
        recipe.classifier,
        corpus.rows,
        [trial.trained_on for trial in trials],
        random_state=recipe.random_state,
        leave_out=recipe.leave_out,
        on_progress=on_progress,
        workers=workers,
    )
    evaluation = TransferEvaluation(
        corpus.loaded, corpus.extracted, classifiers, recipe.random_state
    )
    return CorporaFigures(
        {name: evaluation.metrics_of(trial) for name, trial in left_out.items()},
        tuple(map(evaluation.figures_of, cells)),
        [
            *corpora_that_stay(corpus.loaded, left_out),
            *(f"with a corpus left out: {note}" for note in notes),
        ],
    )


def corpora_that_stay(loaded: LoadedCorpus, left_out: Mapping[str, object]) -> Iterator[str]:
    """Yield a note on each of several corpora that is not left out."""
    emotions = {
        part.name: {u.code for u in loaded.utterances if u.corpus == part.name}
        for part in loaded.parts
    }
    for name in emotions:
        if name not in left_out:
            alone = ", ".join(sorted(emotions_only_in(name, emotions)))
            yield (
                f"{name} was not left out: {alone} occurs in no other corpus; "
                'labels "common" keeps the emotions that all share'
            )
