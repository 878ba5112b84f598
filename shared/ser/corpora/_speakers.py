"""Checks of the speakers of a corpus."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ser.corpora._base import Utterance
from ser.errors import InvalidInput


def require_speakers(utterances: Sequence[Utterance]) -> None:
    """Raise :class:`InvalidInput` unless the speaker of every utterance is known."""
    if unknown := [u for u in utterances if not u.speaker]:
        raise InvalidInput(
            f"the speakers of {len(unknown)} of the {len(utterances)} utterances are unknown, "
            f"such as that of {unknown[0].file}; allowed: a corpus with speakers (by "
            "speaker_pattern, or by the column speaker of its table)"
        )


def speaker_dependent(utterances: Sequence[Utterance], held_out: Collection[str]) -> bool:
    """Return whether any speaker of the utterances ``held_out`` also speaks one of the others.

    An unknown speaker may be any speaker, so the result is true if one is unknown.
    """
    tested = {u.speaker for u in utterances if u.name in held_out}
    trained = {u.speaker for u in utterances if u.name not in held_out}
    return "" in tested | trained or bool(tested & trained)
