"""``ser compare``: two models side by side, and on the same utterances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from ser.command._examples import examples
from ser.command._options import RegistryOption, ShortFormat, ShortFormatOption
from ser.command._output import print_object, width_of

FIGURES = (
    ("UAR, held out", ("metrics", "uar")),
    ("WA, held out", ("metrics", "wa")),
    ("calibration error, held out", ("metrics", "ece")),
    ("UAR, speakers left out", ("loso", "uar")),
    ("WA, speakers left out", ("loso", "wa")),
    ("calibration error, speakers left out", ("loso", "ece")),
)


class Figure(StrEnum):
    """The figure that is compared on the same utterances."""

    UAR = "uar"
    WA = "wa"


def register(application: typer.Typer) -> None:
    """Add the subcommand to ``application``."""
    application.command(
        "compare",
        epilog=examples(
            "ser compare production latest --registry model",
            "ser compare production latest --registry model --format json",
        ),
    )(compare)


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A model: an id or an alias.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The model compared with it.")],
    figure: Annotated[
        Figure, typer.Option(help="The figure that is compared on the same utterances.")
    ] = Figure.UAR,
    registry: RegistryOption = None,
    form: ShortFormatOption = ShortFormat.TABLE,
) -> None:
    """Print the figures of two models side by side, and the difference on the same utterances.

    Both models judge the utterances that both held out; a paired bootstrap gives the bound of the
    difference. The figures beside each other may be those of different utterances.
    """
    from ser.command._places import open_registry
    from ser.training import compare_models

    opened = open_registry(registry)
    old, new = opened.load(first), opened.load(second)
    found = compare_models(old, new, figure.value)
    facts: dict[str, Any] = {
        "a": old.model_id,
        "b": new.model_id,
        "figures": [*differences(old.manifest, new.manifest)],
        "paired": None,
        "reason": found if isinstance(found, str) else None,
    }
    if not isinstance(found, str):
        facts["paired"] = {
            "figure": figure.value,
            "a": found.paired.old,
            "b": found.paired.new,
            "lower": found.paired.lower,
            "unit": found.paired.unit,
            "utterances": found.utterances,
            "held_out": found.are_held_out,
        }
    print_object(form, facts, [*lines_of(facts)])


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the figures that both manifests have, with the difference."""
    for title, (part, name) in FIGURES:
        before, after = ((each.get(part) or {}).get(name) for each in (old, new))
        if before is not None and after is not None:
            yield {"figure": title, "a": before, "b": after, "difference": after - before}
    classes = [(each.get("metrics") or {}).get("per_class", {}) for each in (old, new)]
    for label in sorted({*classes[0]} & {*classes[1]}):
        before, after = (each[label]["recall"] for each in classes)
        yield {
            "figure": f"recall of {label}",
            "a": before,
            "b": after,
            "difference": after - before,
        }


def lines_of(facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield the comparison as lines."""
    yield f"A  {facts['a']}"
    yield f"B  {facts['b']}"
    width = max((width_of(each["figure"]) for each in facts["figures"]), default=0)
    if facts["figures"]:
        yield " " * width + "      A      B   B - A"
    for each in facts["figures"]:
        name = each["figure"] + " " * (width - width_of(each["figure"]))
        yield f"{name}  {each['a']:.3f}  {each['b']:.3f}  {each['difference']:+.3f}"
    if paired := facts["paired"]:
        which = "that both held out" if paired["held_out"] else "of B, some of which A may know"
        yield (
            f"On {paired['utterances']} utterances {which}: {paired['figure'].upper()} of A "
            f"{paired['a']:.3f}, of B {paired['b']:.3f}; B - A is {paired['lower']:+.3f} or more "
            f"with 95 % confidence (bootstrap over {paired['unit']})"
        )
    else:
        yield f"No paired comparison: {facts['reason']}"
