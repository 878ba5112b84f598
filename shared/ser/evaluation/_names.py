"""Names of emotions in reports and tables."""

from __future__ import annotations

from ser._labels import Label


def display_name(label: Label) -> str:
    """Return the English word with the code, as in ``anger (W)``, unless both are equal."""
    return label.emotion if label.code == label.emotion else f"{label.emotion} ({label.code})"
