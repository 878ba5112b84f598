"""The figures of an evaluation in the terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ser.evaluation import Evaluation, Metrics, display_name, matrix_lines

# Names from a corpus are plain text, even if they look like markup.
console = Console(highlight=False, markup=False)


def show(evaluation: Evaluation) -> None:
    """Print the comparison and the figures."""
    console.print(evaluation.comparison, soft_wrap=True)
    loso = evaluation.figures
    print_figures(f"{evaluation.model_type}, {evaluation.split}", loso)
    names = {str(label): display_name(label) for label in evaluation.labels}
    print_table(
        "Recall of each emotion",
        ("emotion", "utterances", "recall", "precision"),
        (
            (names[label], str(s["support"]), share(s["recall"]), share(s["precision"]))
            for label, s in loso["per_class"].items()
        ),
    )
    for title, recalls in (("speaker", loso["per_speaker"]), ("gender", loso["per_gender"])):
        rows = ((name, share(uar)) for name, uar in recalls.items())
        print_table(f"UAR of each {title}", (title, "UAR"), rows)
    print_corpora(evaluation)
    print_transfer(evaluation)
    print_table(
        "Enrolled speakers; enrolled sounds are not predicted",
        ("sounds", "UAR", "same sounds, without enrolment"),
        (
            (str(e["clips"]), f"{e['uar']:.3f} ± {e['deviation']:.3f}", share(e["without"]))
            if e["clips"]
            else ("all (predicted too)", share(e["uar"]), share(e["without"]))
            for e in evaluation.enrolment
        ),
    )
    print_table(
        "Degraded sounds",
        ("sound", "UAR", "loss"),
        ((name, share(d["uar"]), share(d["lost"])) for name, d in evaluation.degraded.items()),
    )
    print_table(
        "Duration heard, from the beginning of the speech",
        ("heard", "UAR", "loss"),
        ((name, share(d["uar"]), share(d["lost"])) for name, d in evaluation.heard.items()),
    )
    if texts := evaluation.leave_one_text_out:
        print_figures("Each text left out once, speakers known", texts)
    if evaluation.recipe_history:
        console.print(evaluation.recipe_history)
    for note in evaluation.notes:
        console.print(f"Note: {note}")
    console.print(f"{len(evaluation.rejected)} sounds were rejected; the report names them.")
    seconds = evaluation.facts["seconds"]
    console.print(f"Duration: {sum(seconds.values()):.0f} s: {seconds}")


def print_corpora(evaluation: Evaluation) -> None:
    """Print the figures of each of several corpora."""
    sizes = {each["name"]: each for each in evaluation.facts.get("corpora", ())}
    rows = []
    for name, speakers in evaluation.loso_by_corpus.items():
        corpus = evaluation.leave_one_corpus_out.get(name)
        left_out = (share(corpus["uar"]), share(corpus["wa"])) if corpus else ("-", "-")
        counts = (str(sizes[name]["utterances"]), str(sizes[name]["speakers"]))
        rows.append((name, *counts, share(speakers["uar"]), share(speakers["wa"]), *left_out))
    print_table(
        "Each corpus: with each speaker left out once, and with the whole corpus left out",
        ("corpus", "utterances", "speakers", "UAR", "WA", "UAR, left out", "WA, left out"),
        rows,
    )


def print_transfer(evaluation: Evaluation) -> None:
    """Print the matrix of training corpus and test corpus; its lines are not wrapped."""
    for line in matrix_lines(evaluation.transfer):
        console.print(line, soft_wrap=True)
    emotions = dict.fromkeys(", ".join(each.emotions) for each in evaluation.transfer)
    if len(emotions) == 1:
        console.print(f"Emotions: {next(iter(emotions))}", soft_wrap=True)


def print_figures(title: str, metrics: Metrics) -> None:
    """Print the figures of one evaluation in a line."""
    deviation = metrics.get("uar_deviation")
    console.print(
        f"{title}: UAR {metrics['uar']:.3f}{interval_text(metrics)}"
        + (f" (deviation between speakers {deviation:.3f})" if deviation is not None else "")
        + f", WA {metrics['wa']:.3f}, macro-F1 {metrics['macro_f1']:.3f}, "
        f"expected calibration error {metrics['ece']:.3f}"
    )


def interval_text(metrics: Metrics) -> str:
    """Return the interval of the UAR, as in `` (95 %: 0.822 to 0.935)``; empty without one."""
    bounds = metrics["intervals"]["uar"] if "intervals" in metrics else None
    return f" (95 %: {bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else ""


def print_table(title: str, columns: Iterable[str], rows: Iterable[tuple[str, ...]]) -> None:
    """Print a table unless it has no rows."""
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    for row in rows:
        table.add_row(*map(Text, row))
    if table.row_count:
        console.print(table)


def share(value: float) -> str:
    """Return ``value`` with three decimals."""
    return f"{value:.3f}"
