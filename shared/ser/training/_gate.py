"""The comparison of a new model with the one that it would replace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ser._metadata import FIELDS
from ser._promote_if import PairedFigure, PromoteIf
from ser.evaluation import CONFIDENCE, Paired, compare_paired
from ser.model import Model
from ser.registry import PublishedModel

LEAST_UTTERANCES = 10
"""Number of utterances below which no comparison says anything."""
FIGURES = {"uar": "unweighted average recall", "wa": "weighted accuracy"}


class Compared(NamedTuple):
    """The comparison of two models."""

    paired: Paired
    utterances: int
    are_held_out: bool
    """Whether no model was trained on any of the utterances."""

    def sentence(self, old_id: str, condition: PromoteIf, *, passed: bool) -> str:
        """Return the comparison with the model ``old_id`` in words."""
        paired = self.paired
        which = "that both models held out"
        if not self.are_held_out:
            which = "of the new model, on some of which the old one may have been trained"
        verdict = "" if passed else "not "
        return (
            f"{FIGURES[condition.figure]} {paired.new:.3f}, {paired.old:.3f} with model {old_id}, "
            f"on {self.utterances} utterances {which}; with {CONFIDENCE:.0%} confidence the "
            f"difference is {paired.lower:+.3f} or more (bootstrap over {paired.unit}), which is "
            f"{verdict}within the tolerance of {condition.tolerance:g}"
        )


class HeldOut(NamedTuple):
    """A held-out utterance of the new model."""

    name: str
    emotion: str
    facts: Mapping[str, str]


def compare_models(
    old: PublishedModel, new: PublishedModel, figure: PairedFigure
) -> Compared | str:
    """Return the comparison of two models on the same utterances, or the reason why there is none.

    The utterances are the samples that both models hold out, which are recognised by their
    digests. If these are fewer than :data:`LEAST_UTTERANCES`, they are all samples of the new
    model: the old one may have been trained on some, which is to its advantage. Utterances with
    an emotion that one of the models does not know are left out.
    """
    shared = {label.emotion for label in old.labels} & {label.emotion for label in new.labels}
    judged = [each for each in held_out(new) if each.emotion in shared]
    digests = {digest for name, digest in digests_of(old).items() if name.startswith("samples/")}
    of_new = digests_of(new)
    common = [each for each in judged if of_new[f"samples/{each.name}"] in digests]
    are_held_out = len(common) >= LEAST_UTTERANCES
    chosen = common if are_held_out else judged
    if len(chosen) < LEAST_UTTERANCES:
        return (
            f"only {len(chosen)} utterances can be compared; allowed: {LEAST_UTTERANCES} held-out "
            "samples or more with emotions that both models know"
        )
    answers = [(answer_to(old, new, each), answer_to(new, new, each)) for each in chosen]
    paired = compare_paired(
        [each.emotion for each in chosen],
        [before for before, _ in answers],
        [after for _, after in answers],
        [each.facts.get("speaker", "") for each in chosen],
        figure,
    )
    return Compared(paired, len(chosen), are_held_out)


def held_out(model: PublishedModel) -> Iterator[HeldOut]:
    """Yield the published samples of ``model``."""
    emotions = {label.code: label.emotion for label in model.labels}
    for name, facts in sorted(model.manifest["samples"].items()):
        yield HeldOut(name, emotions[facts["ground_truth"]], facts)


def digests_of(model: PublishedModel) -> dict[str, str]:
    """Return the SHA-256 of each file of ``model``."""
    return {name: digest["sha256"] for name, digest in model.manifest["files"].items()}


def answer_to(model: Model, owner: PublishedModel, utterance: HeldOut) -> str:
    """Return the emotion that ``model`` finds most probable for a sample of ``owner``."""
    # A model refuses a speaker that did not occur in its training.
    known = {
        field: value
        for field, values in model.known_values.items()
        if field in FIELDS and (value := utterance.facts.get(field)) in values
    }
    prediction = model.predict(owner.read(f"samples/{utterance.name}"), known=known)
    return model.labels[int(prediction.probabilities.array.argmax())].emotion
