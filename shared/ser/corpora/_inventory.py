"""The utterances of one or more corpora, and their labels under the rules of a request.

The classes of several corpora are the English words of their labels: what EmoDB calls ``W`` and
RAVDESS ``05`` is ``anger``. A mapping of a request comes first, and can make a common word of two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from ser._labels import Label
from ser._schemas import shortened, shown
from ser.corpora._base import Rejection, Table, Utterance
from ser.corpora._english import english
from ser.corpora._folder import Provenance
from ser.corpora._labelled import MAX_NAME_BYTES
from ser.corpora._text import folded
from ser.errors import Fault, InvalidInput
from ser.limits import Limits

LONG_NAME = f"its path is too long for the name of a sample; allowed: {MAX_NAME_BYTES} bytes"
MAX_NAME_LENGTH = 240
"""Maximum length of the name of a label or speaker, which answers and reports repeat."""
Rule = Mapping[str, str | None] | Sequence[str]
"""New labels by label, ``None`` for one to leave out; or a list of the labels to keep."""
NAMED_IN_CORPUS = frozenset({"speaker", "text", "take"})
"""Fields of utterances whose values are names within a corpus."""


@dataclass(frozen=True)
class CorpusPart:
    """One of the corpora of a training."""

    name: str
    """Unique name: that of the corpus, with a number if it occurs before."""
    corpus: str
    """Name of the corpus, such as ``emodb``."""
    source: int
    """Index of its source."""
    provenance: Provenance


@dataclass(frozen=True)
class Inventory:
    """The utterances of one or more corpora, and the sounds that were rejected. Immutable."""

    parts: tuple[CorpusPart, ...]
    """The corpora."""
    labels: tuple[Label, ...]
    """The labels that utterances may have, in the order of the classes."""
    utterances: tuple[Utterance, ...]
    """The utterances, sorted by name."""
    rejected: tuple[Rejection, ...]
    """The sounds that are not utterances of their corpus, each with the reason."""
    notes: tuple[str, ...]
    """Notes for the user on the recognition of the corpora and on their labels."""

    @classmethod
    def of(cls, part: CorpusPart, table: Table) -> Inventory:
        """Return the inventory of one corpus."""
        return cls((part,), table.corpus.labels, table.utterances, table.rejected, table.notes)

    @property
    def name(self) -> str:
        """The name of the corpus, or the names of all corpora, such as ``emodb + ravdess``."""
        return " + ".join(part.name for part in self.parts)

    @property
    def provenance(self) -> Provenance:
        """The origin and checksum of all files."""
        of_source = {part.source: part.provenance for part in self.parts}
        return Provenance.of_all([*of_source.values()])

    @property
    def emotions(self) -> set[str]:
        """The emotions that occur, folded."""
        used = {utterance.code for utterance in self.utterances}
        return {folded(label.emotion) for label in self.labels if label.code in used}

    def without(self, labels: Collection[Label]) -> Inventory:
        """Return the inventory without the utterances of ``labels``, which a note counts."""
        emotion_of = {label.code: label.emotion for label in labels}
        left_out = Counter(emotion_of[u.code] for u in self.utterances if u.code in emotion_of)
        counts = ", ".join(f"{emotion} {count}" for emotion, count in sorted(left_out.items()))
        note = f"labels: {left_out.total()} utterances were left out ({counts})"
        return replace(
            self,
            labels=tuple(label for label in self.labels if label not in labels),
            utterances=tuple(u for u in self.utterances if u.code not in emotion_of),
            notes=(*self.notes, note) if left_out else self.notes,
        )


def is_meant(label: Label, word: str) -> bool:
    """Return whether ``word`` is the code, the name or the English word of ``label``."""
    if word == label.code:
        return True
    return folded(word) in {folded(label.name), folded(label.emotion)}


def labels_named(word: str, labels: Iterable[Label]) -> list[Label]:
    """Return the ``labels`` that ``word`` names; a code precedes names and English words."""
    labels = [*labels]
    return [label for label in labels if label.code == word] or [
        label for label in labels if is_meant(label, word)
    ]


def require_known(rule: Rule, inventories: Sequence[Inventory]) -> None:
    """Raise :class:`InvalidInput` for each word of ``rule`` that names no label, or one twice."""
    labels = [label for inventory in inventories for label in inventory.labels]
    faults, named = [], dict[Label, str]()
    for index, word in enumerate(rule):
        place = shortened(word) if isinstance(rule, Mapping) else index
        found = labels_named(word, labels)
        if not found:
            codes = ", ".join(dict.fromkeys(label.code for label in labels))
            words = ", ".join(dict.fromkeys(label.emotion for label in labels))
            allowed = codes if codes == words else f"{codes}, or {words}"
            message = f"{shown(word)} is not a label of the corpus; allowed: {allowed}"
            faults.append(Fault((place,), message))
        if twin := next((named[label] for label in found if label in named), None):
            message = f"{shown(word)} names the same label as {shown(twin)}; allowed: one of them"
            faults.append(Fault((place,), message))
        named |= dict.fromkeys(found, word)
    if faults:
        raise InvalidInput(*faults)


def apply_rule(rule: Rule, inventories: Sequence[Inventory]) -> list[Inventory]:
    """Return the ``inventories`` of one source with the labels of ``rule``.

    Raises
    ------
    InvalidInput
        ``rule`` names a label that none of ``inventories`` has.
    """
    require_known(rule, inventories)
    if isinstance(rule, Mapping):
        return [map_labels(inventory, rule) for inventory in inventories]
    return [keep_labels(inventory, rule) for inventory in inventories]


def keep_labels(inventory: Inventory, words: Sequence[str]) -> Inventory:
    """Return ``inventory`` with the labels that ``words`` name, and no others."""
    kept = {label for word in words for label in labels_named(word, inventory.labels)}
    return inventory.without([label for label in inventory.labels if label not in kept])


def map_labels(inventory: Inventory, rule: Mapping[str, str | None]) -> Inventory:
    """Return ``inventory`` with the labels of ``rule``: new labels by label, ``None`` to leave out.

    A new label joins the label that it names, if that one keeps its own utterances. Labels that
    ``rule`` does not name stay. Keys that name no label have no effect.
    """
    target_of = {
        label: target
        for word, target in rule.items()
        for label in labels_named(word, inventory.labels)
    }
    left_out = [label for label, target in target_of.items() if target is None]
    labels = [label for label in inventory.labels if label not in target_of]
    new_code: dict[str, str] = {}
    for label, target in target_of.items():
        if target is None:
            continue
        word = english(target.strip())
        joined = labels_named(target, labels) or labels_named(word, labels)
        if not joined:
            joined = [Label(word, word, word)]
            labels += joined
        new_code[label.code] = joined[0].code
    kept = inventory.without(left_out)
    utterances = (
        msgspec.structs.replace(u, code=new_code.get(u.code, u.code)) for u in kept.utterances
    )
    return replace(kept, labels=tuple(labels), utterances=tuple(utterances))


def keep_common(inventories: Sequence[Inventory], by_rule: Sequence[bool]) -> list[Inventory]:
    """Return ``inventories``, those with ``by_rule`` only with the emotions that all share.

    Raises
    ------
    InvalidInput
        The corpora share fewer than two emotions.
    """
    if len(inventories) == 1 or not any(by_rule):
        return [*inventories]
    common = set.intersection(*(inventory.emotions for inventory in inventories))
    if len(common) < 2:
        have = "; ".join(f"{each.name}: {', '.join(sorted(each.emotions))}" for each in inventories)
        raise InvalidInput(
            f"the corpora share {', '.join(common) or 'no emotion'} ({have}); allowed: two common "
            "emotions or more, or an object that maps labels to common ones"
        )
    return [
        inventory.without([e for e in inventory.labels if folded(e.emotion) not in common])
        if chosen
        else inventory
        for inventory, chosen in zip(inventories, by_rule, strict=True)
    ]


def merge(inventories: Sequence[Inventory]) -> Inventory:
    """Return the inventory of all corpora together; that of a single corpus is not changed.

    Labels with the same English word become one, whose code and name are that word; labels are
    sorted. Names of utterances, speakers, texts and files begin with the name of their corpus, so
    those of different corpora are different.
    """
    if len(inventories) == 1:
        return inventories[0]
    words = sorted({folded(e.emotion) for each in inventories for e in each.labels})
    merged = [within_all(each) for each in inventories]
    return Inventory(
        parts=tuple(part for each in merged for part in each.parts),
        labels=tuple(Label(word, word, word) for word in words),
        utterances=tuple(
            sorted((u for each in merged for u in each.utterances), key=lambda u: u.name)
        ),
        rejected=tuple(rejection for each in merged for rejection in each.rejected),
        notes=tuple(note for each in merged for note in each.notes),
    )


def require_utterances(inventory: Inventory) -> None:
    """Raise :class:`InvalidInput` if no utterance of a corpus is left."""
    left = {utterance.corpus for utterance in inventory.utterances}
    several = len(inventory.parts) > 1
    for part in inventory.parts:
        if (part.name if several else "") not in left:
            raise InvalidInput(
                f"no utterance of {part.name} is left; allowed: labels that keep some of each"
            )


def require_few(inventory: Inventory, limits: Limits) -> None:
    """Raise :class:`InvalidInput` if a corpus has more labels or speakers than ``limits`` allow, or
    one whose name is above :data:`MAX_NAME_LENGTH`."""
    speakers = {utterance.speaker for utterance in inventory.utterances}
    for name, count, limit in (
        ("labels", len(inventory.labels), limits.labels),
        ("speakers", len(speakers), limits.speakers),
    ):
        if count > limit.value:
            raise InvalidInput(f"{inventory.name} has {count:,} {name}; allowed: {limit}")
    for name in (*speakers, *(label.code for label in inventory.labels)):
        if len(name) > MAX_NAME_LENGTH:
            raise InvalidInput(
                f"{shown(name)} is the name of a label or speaker of {inventory.name}, and has "
                f"{len(name):,} characters; allowed: {MAX_NAME_LENGTH}"
            )


def within_all(inventory: Inventory) -> Inventory:
    """Return the ``inventory`` of one corpus with names that are unique among all corpora."""
    (part,) = inventory.parts
    word_of = {label.code: folded(label.emotion) for label in inventory.labels}
    # Names of corpora contain neither separator, so no two combinations are equal.
    utterances = [
        msgspec.structs.replace(
            u,
            name=f"{part.name}_{u.name}",
            file=part.name / u.file,
            code=word_of[u.code],
            corpus=part.name,
            **{
                field: f"{part.name}:{getattr(u, field)}"
                for field in u.__struct_fields__
                if field in NAMED_IN_CORPUS and getattr(u, field)
            },
        )
        for u in inventory.utterances
    ]
    too_long = [u for u in utterances if len(u.name.encode()) > MAX_NAME_BYTES]
    fitting = [u for u in utterances if len(u.name.encode()) <= MAX_NAME_BYTES]
    return replace(
        inventory,
        utterances=tuple(fitting),
        rejected=(
            *(Rejection(f"{part.name}/{each.file}", each.reason) for each in inventory.rejected),
            *(
                Rejection(str(u.file), f"its name is above {MAX_NAME_BYTES} bytes")
                for u in too_long
            ),
        ),
        notes=tuple(f"{part.name}: {note}" for note in inventory.notes),
    )
