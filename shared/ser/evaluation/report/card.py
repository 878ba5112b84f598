"""The model card: for whom a model is, on what it was trained and tested, and its limits.

Source: Mitchell et al., Model cards for model reporting, FAT* 2019, doi:10.1145/3287560.3287596.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from ser._labels import Label
from ser.evaluation._names import display_name

Manifest = Mapping[str, Any]

SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|&~!])")
"""Characters with a meaning in Markdown."""

INTENDED_USE = (
    "Research on acted or perceived emotions in speech like that of the training data, "
    "and applications in which a person checks the answers.",
    "Not intended: judging, monitoring or selecting people, decisions without a person, "
    "speech of other languages, ages or recording conditions without an evaluation on them.",
)
ETHICS = (
    "The labels are emotions as the corpus states them, acted or perceived, not felt ones.",
    "In the European Union, inferring emotions from voice at work or in education is prohibited "
    "except for medical and safety reasons (AI Act, Art. 5(1)(f)); elsewhere it is high-risk "
    "(Annex III 1(c)), with a duty to inform (Art. 50(3)).",
    "Held-out recordings are published beside the model, and those in its report can be played: "
    "speech is personal data.",
)
FIGURES = (
    ("uar", "unweighted average recall"),
    ("wa", "weighted accuracy"),
    ("macro_f1", "macro F1"),
    ("ece", "calibration error"),
)


class Section(NamedTuple):
    """A section of a model card."""

    title: str
    statements: tuple[str, ...]


def card(manifest: Manifest) -> tuple[Section, ...]:
    """Return the sections of the model card of the model with ``manifest``."""
    return tuple(
        Section(title, tuple(statements))
        for title, statements in (
            ("Model details", details(manifest)),
            ("Intended use", INTENDED_USE),
            ("Factors", factors(manifest)),
            ("Metrics", measures(manifest)),
            ("Evaluation data", evaluation_data(manifest)),
            ("Training data", training_data(manifest)),
            ("Quantitative analyses", analyses(manifest)),
            ("Ethical considerations", ETHICS),
            ("Caveats and recommendations", caveats(manifest)),
        )
    )


def markdown(manifest: Manifest) -> bytes:
    """Return the model card as Markdown in UTF-8."""
    title = f"{manifest['request']['model_type']} on {manifest['corpus']['name']}"
    parts = [f"# Model card: {escaped(title)}"]
    for section in card(manifest):
        listed = "\n".join(f"- {escaped(statement)}" for statement in section.statements)
        parts.append(f"## {section.title}\n\n{listed}")
    return ("\n\n".join(parts) + "\n").encode()


def escaped(text: str) -> str:
    """Return ``text`` on one line, in which Markdown changes nothing."""
    return SPECIAL.sub(r"\\\1", " ".join(text.split()))


def details(manifest: Manifest) -> Iterator[str]:
    request = manifest["request"]
    if "model_id" in manifest:
        yield f"Model id: {manifest['model_id']}"
    yield f"Classifier: {request['model_type']}"
    if request.get("preset"):
        yield f"Preset: {request['preset']}"
    yield f"Emotions: {', '.join(names_of(manifest).values())}"
    yield "Input: one channel of speech at 16 kHz; output: a probability of each emotion"
    if version := manifest.get("versions", {}).get("ser"):
        yield f"Made with ser {version}; report.html has all settings and versions"


def factors(manifest: Manifest) -> Iterator[str]:
    yield "Speaker, gender, text, language and recording conditions change the figures."
    result = figures_of(manifest)
    for gender, uar in result.get("per_gender", {}).items():
        yield f"Unweighted average recall of {gender} speakers: {uar:.3f}"
    speakers = result.get("per_speaker", {})
    if len(speakers) > 1:
        yield (
            f"Unweighted average recall by speaker: {min(speakers.values()):.3f} to "
            f"{max(speakers.values()):.3f} ({len(speakers)} speakers)"
        )


def measures(manifest: Manifest) -> Iterator[str]:
    yield (
        "Unweighted average recall (the mean of the recalls of the emotions), weighted accuracy "
        "(the share of correct utterances), macro F1, and expected calibration error"
    )
    if drawn := figures_of(manifest).get("intervals"):
        yield (
            f"Intervals cover 95 %; they are t intervals from a bootstrap over "
            f"{drawn['units']} {drawn['unit']}"
        )


def evaluation_data(manifest: Manifest) -> Iterator[str]:
    if "loso" in manifest:
        yield "All utterances, each predicted by a model trained without its speaker"
    if "metrics" in manifest:
        count = sum(each["support"] for each in manifest["metrics"]["per_class"].values())
        dependent = manifest.get("speaker_dependent", True)
        yield (
            f"{count} held-out utterances of speakers that the training data "
            f"{'include or may include' if dependent else 'do not include'}"
        )


def training_data(manifest: Manifest) -> Iterator[str]:
    yield f"{manifest['corpus']['name']}: {manifest['corpus']['utterances']} utterances"
    if statistics := manifest.get("statistics"):
        known = statistics["speakers"]
        yield (
            f"{statistics['seconds']['total'] / 60:.1f} minutes of "
            f"{f'{known} speakers' if known else 'unknown speakers'}"
        )
        if "sampling_rates" in statistics:
            yield f"Recorded at {recorded_at(statistics)}"
        names = names_of(manifest)
        for name, each in statistics["emotions"].items():
            yield f"{names[name]}: {each['utterances']} utterances, {each['seconds']:.0f} seconds"


def recorded_at(statistics: Mapping[str, Any]) -> str:
    """Return the sampling rates of the recordings, as in ``16 kHz (500), 44.1 kHz (35)``."""
    rates = statistics["sampling_rates"].items()
    if len(rates) == 1:
        return ", ".join(f"{int(rate) / 1000:g} kHz" for rate, _ in rates)
    return ", ".join(f"{int(rate) / 1000:g} kHz ({count})" for rate, count in rates)


def analyses(manifest: Manifest) -> Iterator[str]:
    if "loso" in manifest:
        yield from named_figures("speakers left out", manifest["loso"])
    if "metrics" in manifest:
        dependent = manifest.get("speaker_dependent", True)
        kind = "speaker-dependent" if dependent else "speaker-independent"
        yield from named_figures(f"held-out utterances, {kind}", manifest["metrics"])


def named_figures(title: str, result: Mapping[str, Any]) -> Iterator[str]:
    """Yield the headline figures of ``result`` with their intervals."""
    drawn = result.get("intervals") or {}
    for figure, name in FIGURES:
        if figure in result:
            bounds = drawn.get(figure)
            within = f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else ""
            yield f"{name}, {title}: {result[figure]:.3f}{within}"


def caveats(manifest: Manifest) -> Iterator[str]:
    if "loso" not in manifest and manifest.get("speaker_dependent"):
        yield (
            "The figures are speaker-dependent, and too optimistic for new speakers: evaluate with "
            "speakers left out before use"
        )
    yield "Evaluate the model on recordings of the intended use, and set abstain_below by coverage"
    if rejected := manifest.get("rejected"):
        yield f"{len(rejected)} sounds of the corpus were not used; report.html lists them"
    yield from manifest.get("notes", ())


def names_of(manifest: Manifest) -> dict[str, str]:
    """Return the name of each class for people: ``anger (W)`` for ``W - Ärger (Wut)``."""
    labels = [msgspec.convert(label, Label) for label in manifest["labels"]]
    return {str(label): display_name(label) for label in labels}


def figures_of(manifest: Manifest) -> Mapping[str, Any]:
    """Return the figures for unknown speakers, or those of held-out utterances."""
    found: Mapping[str, Any] = manifest.get("loso") or manifest.get("metrics") or {}
    return found
