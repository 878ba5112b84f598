"""Names of emotions for people: the English word first, the corpus's own code second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ser._labels import Label


def display_name(label: Label) -> str:
    """Return ``anger (W)``; a code that repeats the word is left out."""
    return label.emotion if label.code == label.emotion else f"{label.emotion} ({label.code})"


def emotion_names(labels: Sequence[Label]) -> tuple[str, ...]:
    """Return the English word of each label, with its code where two labels share the word."""
    counts = Counter(label.emotion for label in labels)
    return tuple(
        label.emotion if counts[label.emotion] == 1 else f"{label.emotion} ({label.code})"
        for label in labels
    )
