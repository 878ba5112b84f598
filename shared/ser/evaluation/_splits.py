"""Which utterances are held out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import numpy as np

from ser.corpora import Utterance
from ser.errors import InvalidInput

Split = Literal["utterance", "speaker"]

Folds = dict[str, frozenset[str]]
"""By what is left out once, a speaker or a text, the names of its utterances."""

MAX_TEXTS = 20
HELD_OUT_SHARE = 0.1
"""Share of the utterances of each emotion, or of the speakers, that is held out."""


def hold_out(utterances: Sequence[Utterance], split: Split, random_state: int) -> set[str]:
    """Return the names of the utterances that no model may learn from.

    ``"utterance"``: a tenth of those of each emotion, one at the least. ``"speaker"``: all those
    of a tenth of the speakers, one at the least.

    Raises
    ------
    InvalidInput
        There is one emotion or one speaker only, or an emotion would have nothing to learn from.
    """
    refuse_one_emotion(utterances)
    random = np.random.default_rng(random_state)
    if split == "speaker":
        held_out = draw(speakers_of(utterances), random)
        names = {u.name for u in utterances if u.speaker in held_out}
    else:
        codes = sorted({u.code for u in utterances})
        names = {
            name
            for code in codes
            for name in draw([u.name for u in utterances if u.code == code], random)
        }
    refuse_unlearnable(utterances, names)
    return names


def draw(values: Sequence[str], random: np.random.Generator) -> set[str]:
    """Return a tenth of ``values``, one at the least."""
    count = max(1, round(HELD_OUT_SHARE * len(values)))
    return {str(value) for value in random.choice(values, count, replace=False)}


def speaker_folds(utterances: Sequence[Utterance]) -> Folds:
    """Return the names of the utterances of each speaker (leave one speaker out).

    Raises
    ------
    InvalidInput
        As :func:`hold_out`.
    """
    refuse_one_emotion(utterances)
    speakers = speakers_of(utterances)
    folds = {s: frozenset(u.name for u in utterances if u.speaker == s) for s in speakers}
    for names in folds.values():
        refuse_unlearnable(utterances, names)
    return folds


def text_folds(utterances: Sequence[Utterance]) -> Folds:
    """Return the names of the utterances of each text (leave one text out).

    Nothing where that tells nothing: a text is unknown, an emotion is heard in one text only, or
    there are more than :data:`MAX_TEXTS`, so that one more or less hardly matters.
    """
    texts = sorted({utterance.text for utterance in utterances})
    in_one_text = any(
        len({u.text for u in utterances if u.code == code}) < 2
        for code in {u.code for u in utterances}
    )
    if "" in texts or in_one_text or len(texts) > MAX_TEXTS:
        return {}
    return {t: frozenset(u.name for u in utterances if u.text == t) for t in texts}


def speakers_of(utterances: Sequence[Utterance]) -> list[str]:
    """Return who speaks; raise :class:`InvalidInput` if it is one speaker only."""
    speakers = sorted({u.speaker for u in utterances})
    if len(speakers) < 2:
        raise InvalidInput(
            f"speaker {speakers[0]} is the only one of the corpus; "
            "allowed with one speaker: split 'utterance' and evaluation 'holdout'"
        )
    return speakers


def refuse_one_emotion(utterances: Sequence[Utterance]) -> None:
    codes = sorted({u.code for u in utterances})
    if len(codes) < 2:
        raise InvalidInput(
            f"all {len(utterances)} utterances are of one emotion, {codes[0]}; "
            "allowed: two emotions or more"
        )


def refuse_unlearnable(utterances: Sequence[Utterance], held_out: Collection[str]) -> None:
    learnt = {u.code for u in utterances if u.name not in held_out}
    if missing := sorted({u.code for u in utterances} - learnt):
        raise InvalidInput(
            f"nothing is left to learn {', '.join(missing)} from once {len(held_out)} of the "
            f"{len(utterances)} utterances are held out; "
            "allowed: two utterances or more of each emotion, by two speakers if speakers are "
            "held out"
        )
