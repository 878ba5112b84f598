"""Splits of a corpus into utterances for training and for evaluation."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import numpy as np

from ser.corpora import Utterance
from ser.errors import InvalidInput
from ser.limits import Limit

Split = Literal["utterance", "speaker"]

Folds = dict[str, frozenset[str]]
"""Names of the utterances of each fold, by the speaker (or speakers), text or corpus left out."""

MAX_TEXTS = 20
"""Maximum number of texts to leave out one by one; of more texts, a single one hardly matters."""
HELD_OUT_SHARE = 0.1
"""Share of the utterances (or takes) of each emotion, or of the speakers, to hold out."""


def hold_out(utterances: Sequence[Utterance], split: Split, random_state: int) -> set[str]:
    """Return the names of the held-out utterances, on which no model may be trained.

    ``"utterance"``: a tenth of the utterances of each emotion, at least one; utterances of the same
    take stay together. ``"speaker"``: all utterances of a tenth of the speakers, at least one
    speaker.

    Raises
    ------
    InvalidInput
        There is only one emotion or one speaker, or all utterances of an emotion are held out.
    """
    refuse_one_emotion(utterances)
    random = np.random.default_rng(random_state)
    if split == "speaker":
        held_out = draw(speakers_of(utterances), random)
        names = {u.name for u in utterances if u.speaker in held_out}
    else:
        held_out = {
            group
            for code in sorted({u.code for u in utterances})
            for group in draw(groups_of(utterances, code), random)
        }
        names = {u.name for u in utterances if u.group in held_out}
    refuse_missing_emotions(utterances, names)
    return names


def groups_of(utterances: Sequence[Utterance], code: str) -> list[str]:
    """Return the groups of the utterances of the emotion ``code``, each once, in their order."""
    return [*dict.fromkeys(u.group for u in utterances if u.code == code)]


def draw(values: Sequence[str], random: np.random.Generator) -> set[str]:
    """Return a tenth of ``values``, at least one, drawn at random."""
    count = max(1, round(HELD_OUT_SHARE * len(values)))
    return {str(value) for value in random.choice(values, count, replace=False)}


def published_samples(
    utterances: Sequence[Utterance],
    held_out: Collection[str],
    limit: Limit,
    random_state: int,
) -> set[str]:
    """Return the names of up to ``limit`` utterances of ``held_out``, to be published with a model.

    Emotions have the shares that they have in ``held_out``, to one utterance, and each has one
    unless there are more emotions than the limit.
    """
    random = np.random.default_rng(random_state)
    ranked: list[tuple[float, str, str]] = []
    for code in sorted({u.code for u in utterances}):
        names = sorted(u.name for u in utterances if u.code == code and u.name in held_out)
        # In the order of these ranks, every beginning has all emotions in about equal shares.
        ranked += [
            (rank / len(names), code, str(name))
            for rank, name in enumerate(random.permutation(names))
        ]
    chosen = sorted(ranked)[: len(ranked) if math.isinf(limit.value) else int(limit.value)]
    return {name for *_, name in chosen}


def speaker_folds(utterances: Sequence[Utterance], count: int | None = None) -> Folds:
    """Return a fold for each speaker (leave one speaker out), or ``count`` folds of speakers.

    With fewer folds than speakers, each fold takes every ``count``-th of the sorted speakers, and
    its name lists them, as in ``01 + 06``.

    Raises
    ------
    InvalidInput
        As for :func:`hold_out`.
    """
    refuse_one_emotion(utterances)
    speakers = speakers_of(utterances)
    number = min(count or len(speakers), len(speakers))
    groups = [speakers[first::number] for first in range(number)]
    folds = {
        " + ".join(group): frozenset(u.name for u in utterances if u.speaker in group)
        for group in groups
    }
    for names in folds.values():
        refuse_missing_emotions(utterances, names)
    return folds


def text_folds(utterances: Sequence[Utterance]) -> Folds:
    """Return a fold for each text (leave one text out).

    The result is empty if a text is unknown, an emotion occurs in one text only, or there are more
    than :data:`MAX_TEXTS` texts.
    """
    texts = sorted({utterance.text for utterance in utterances})
    in_one_text = any(
        len({u.text for u in utterances if u.code == code}) < 2
        for code in {u.code for u in utterances}
    )
    if "" in texts or in_one_text or len(texts) > MAX_TEXTS:
        return {}
    return {t: frozenset(u.name for u in utterances if u.text == t) for t in texts}


def corpus_folds(utterances: Sequence[Utterance]) -> Folds:
    """Return a fold for each corpus (leave one corpus out), unless an emotion occurs only in it.

    The result is empty for a single corpus.
    """
    corpora = sorted({utterance.corpus for utterance in utterances})
    if len(corpora) < 2:
        return {}
    codes = {corpus: {u.code for u in utterances if u.corpus == corpus} for corpus in corpora}
    return {
        corpus: frozenset(u.name for u in utterances if u.corpus == corpus)
        for corpus in corpora
        if not emotions_only_in(corpus, codes)
    }


def emotions_only_in(corpus: str, codes: Mapping[str, Collection[str]]) -> set[str]:
    """Return the emotions, by corpus in ``codes``, that occur in ``corpus`` alone."""
    elsewhere = {code for other, found in codes.items() if other != corpus for code in found}
    return {*codes[corpus]} - elsewhere


def speakers_of(utterances: Sequence[Utterance]) -> list[str]:
    """Return all speakers; raise :class:`InvalidInput` if there is only one."""
    speakers = sorted({u.speaker for u in utterances})
    if len(speakers) < 2:
        raise InvalidInput(
            f"the corpus has only one speaker, {speakers[0]}; allowed: two speakers or more"
        )
    return speakers


def refuse_one_emotion(utterances: Sequence[Utterance]) -> None:
    """Raise :class:`InvalidInput` if all utterances have the same emotion."""
    codes = sorted({u.code for u in utterances})
    if len(codes) < 2:
        raise InvalidInput(
            f"all {len(utterances)} utterances have the same emotion, {codes[0]}; "
            "allowed: two emotions or more"
        )


def refuse_missing_emotions(utterances: Sequence[Utterance], held_out: Collection[str]) -> None:
    """Raise :class:`InvalidInput` if all utterances of an emotion are held out."""
    trained_on = {u.code for u in utterances if u.name not in held_out}
    if missing := sorted({u.code for u in utterances} - trained_on):
        raise InvalidInput(
            f"no utterance of {', '.join(missing)} is left for training once {len(held_out)} of "
            f"the {len(utterances)} utterances are held out; "
            "allowed: two utterances or more of each emotion, by two speakers if speakers are "
            "held out"
        )
