"""Who speaks, where that is known."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ser.corpora._base import Utterance
from ser.errors import InvalidInput


def require_speakers(utterances: Sequence[Utterance]) -> None:
    """Raise :class:`InvalidInput` unless the speaker of every utterance is known."""
    if unknown := [u for u in utterances if not u.speaker]:
        raise InvalidInput(
            f"no speaker is known of {len(unknown)} of the {len(utterances)} utterances, such as "
            f"{unknown[0].file}; allowed: split 'utterance' and evaluation 'holdout', or a corpus "
            "that tells its speakers (by speaker_pattern, or the column speaker of its table)"
        )


def speaker_dependent(utterances: Sequence[Utterance], held_out: Collection[str]) -> bool:
    """Whether speakers of the utterances called ``held_out`` are heard in the others too.

    Who is unknown may be anybody, so may have been heard.
    """
    asked = {u.speaker for u in utterances if u.name in held_out}
    heard = {u.speaker for u in utterances if u.name not in held_out}
    return "" in asked | heard or bool(asked & heard)
