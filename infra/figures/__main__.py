"""Measure the figures of the corpora at hand, and print them beside the figures to reach.

``EMODB_ZIP``, ``EMOVO_ZIP``, ``NEMO_ZIP`` and ``RAVDESS_ZIP`` name the corpora; rows of those that
are missing have no figure. ``PRESET`` selects the recipe. ``EVALUATION=loso`` leaves out enrolment,
degraded sounds and familiarity, which take the most time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

import ser
from figures.familiarity import of_familiarity
from figures.measures import of_corpus, of_enrolment, of_transfer
from figures.targets import FOLDS, MOST_FOLDS, SHARED, TARGETS, is_reached
from ser.service.terminal import show_progress
from ser.training import PRESETS
from stack import ROOT

CORPORA = ("emodb", "emovo", "nemo", "ravdess")
FOLDER = ROOT / "data" / "figures"
"""The folder that keeps corpora and features, so that a second run is quick."""
KINDS = ("full", "loso")


class Choices(NamedTuple):
    """The variables of ``make figures``."""

    corpora: Mapping[str, Path]
    preset: str
    evaluation: str

    @classmethod
    def from_environment(cls) -> Choices:
        """Return the variables, or exit with the reason why they cannot be used."""
        given = {name: os.environ.get(f"{name.upper()}_ZIP", "") for name in CORPORA}
        corpora = {name: Path(value) for name, value in given.items() if value}
        if not corpora:
            sys.exit("Name a corpus: make figures EMODB_ZIP=... EMOVO_ZIP=... (NEMO_, RAVDESS_ZIP)")
        for name, path in corpora.items():
            if not path.exists():
                sys.exit(f"{name.upper()}_ZIP={path} does not exist.")
        return cls(corpora, one_of("PRESET", [*PRESETS]), one_of("EVALUATION", [*KINDS]))


def one_of(variable: str, allowed: list[str]) -> str:
    """Return the value of ``variable``, by default the first of ``allowed``."""
    value = os.environ.get(variable) or allowed[0]
    if value not in allowed:
        sys.exit(f"{variable}={value}; allowed: {', '.join(allowed)}")
    return value


def main() -> None:
    """Measure and print."""
    choices = Choices.from_environment()
    try:
        measured = measure(choices)
    except ser.SerError as error:
        sys.exit(str(error))
    # Without a terminal, lines of the table must not wrap.
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print(table_of(measured, choices))


def measure(choices: Choices) -> dict[str, float]:
    """Return all figures by the name of their row."""
    recipe = PRESETS[choices.preset]
    evaluations = {
        name: evaluate_alone(name, path, recipe, choices.evaluation)
        for name, path in choices.corpora.items()
    }
    found: dict[str, float] = {}
    for name, evaluation in evaluations.items():
        found |= of_corpus(name, evaluation)
    found |= of_enrolment(evaluations)
    if len(choices.corpora) > 1:
        found |= of_transfer(evaluate_together(choices.corpora, recipe))
    if "emodb" in choices.corpora and choices.evaluation == "full":
        others = {name: FOLDER / name / "working" for name in choices.corpora if name != "emodb"}
        found |= of_familiarity(choices.corpora["emodb"], others, FOLDER, recipe)
    return found


def evaluate_alone(name: str, path: Path, recipe: Mapping[str, Any], kind: Any) -> ser.Evaluation:
    """Return the evaluation of one corpus with all of its emotions."""
    utterances = ser.Dataset(FOLDER / name, path).prepare().utterances
    speakers = {utterance.speaker for utterance in utterances}
    with show_progress(name) as progress:
        return ser.evaluate(
            path,
            evaluation=kind,
            speaker_folds=FOLDS if len(speakers) > MOST_FOLDS else None,
            **{**recipe, "data_path": FOLDER / name, "progress": progress},
        )


def evaluate_together(corpora: Mapping[str, Path], recipe: Mapping[str, Any]) -> ser.Evaluation:
    """Return the evaluation of all corpora with the emotions of the rows."""
    with show_progress("corpus to corpus") as progress:
        return ser.evaluate(
            [*corpora.values()],
            labels=[*SHARED],
            speaker_folds=FOLDS,
            **{**recipe, "data_path": FOLDER / "together", "progress": progress},
        )


def table_of(measured: Mapping[str, float], choices: Choices) -> Table:
    """Return the table of all rows, with a dash for those without a figure."""
    table = Table(title=f"Preset {choices.preset}: {', '.join(choices.corpora)}")
    for column in ("figure", "measured", "reach", "first release"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for target in TARGETS:
        value = measured.get(target.name)
        shown = "-" if value is None else f"{value:.3f}{'' if is_reached(target, value) else ' !'}"
        table.add_row(target.name, shown, f"{target.reach:.3f}", target.first_release)
    table.caption = "!: not reached"
    return table


if __name__ == "__main__":
    main()
