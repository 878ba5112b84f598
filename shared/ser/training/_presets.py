"""Presets: fields of a training under one name.

A request chooses a preset by ``preset``; fields that it gives itself win.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Literal

from ser._schemas import as_mapping, shown
from ser.errors import Fault, InvalidInput

PresetName = Literal["accurate", "light"]

ACCURATE: Mapping[str, Any] = {
    "model_type": "DiscriminantClassifier",
    "model_config": {"shrinkage": 0.5, "limit": 2.0},
    "dataset_load_split_at": None,
    "dataset_feature_extract_methods": {"Encoder": {"output": ["layer3", "neurons3"]}},
    "dataset_augmentation": {"Noise": {"copies": 1}, "Telephone": {"copies": 1}},
}
"""The most accurate recipe: states of a pretrained encoder, whose weights it requires."""
LIGHT: Mapping[str, Any] = {
    "model_type": "DiscriminantClassifier",
    "model_config": {},
    "dataset_load_split_at": None,
    "dataset_feature_extract_methods": {"Functionals": {}},
    "dataset_augmentation": {
        "Noise": {},
        "Telephone": {"copies": 4},
        "Clipping": {"copies": 1},
    },
}
"""The recipe for models of a few megabytes, which requires nothing but the package."""

PRESETS: Mapping[str, Mapping[str, Any]] = {"accurate": ACCURATE, "light": LIGHT}
DEFAULT_PRESET: PresetName = "accurate"
"""The preset where neither a preset nor a ``model_type`` is named, and need not be: in Python, in
commands, and for corpora that arrive without a request."""

SELECTION_NOTES: Mapping[str, str] = {
    "accurate": "About 70 sets of features of the encoder were compared on half of the speakers of "
    "EmoDB (03, 08, 10, 13, 15), EMOVO, nEMO and RAVDESS together.",
    "light": "About 660 recipes were compared on five of EmoDB's ten speakers (03, 08, 10, 13, 15) "
    "to choose the defaults; the figures of the other five were examined five times.",
}
"""A sentence on the comparisons by which the fields of each preset were chosen."""


def with_default_preset(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``fields``, with :data:`DEFAULT_PRESET` if they name no preset and no model type."""
    chosen = any(fields.get(name) is not None for name in ("preset", "model_type"))
    return {**fields} if chosen else {**fields, "preset": DEFAULT_PRESET}


def with_defaults(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``fields`` of a training, with those of their preset that they do not give.

    Without a preset they get those that go with their model type. Options of ``model_config`` are
    merged. Invalid fields stay as they are, for the parser to refuse.
    """
    given = {
        name: value
        for name, value in fields.items()
        if value is not None or name not in ("preset", "model_type")
    }
    name = given.get("preset", implied_preset(given.get("model_type")))
    if name is None:
        return given
    # An unknown preset is refused alone, not with fields that are missing because of it.
    defaults = PRESETS.get(str(name), ACCURATE)
    merged = {**defaults, "model_config": {}, **given}
    if merged["model_type"] == defaults["model_type"]:
        with suppress(InvalidInput):
            options = as_mapping(merged["model_config"])
            merged["model_config"] = {**defaults["model_config"], **options}
    return merged


def implied_preset(model_type: object) -> PresetName | None:
    """Return the preset whose fields are the defaults of ``model_type``, if there is one."""
    return "light" if model_type == LIGHT["model_type"] else None


def preset_faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield the faults that concern ``preset`` and ``model_type`` together."""
    name, model_type = given.get("preset"), given.get("model_type")
    if name is None and model_type is None:
        yield Fault(("preset",), f"missing, as model_type is; allowed: {', '.join(PRESETS)}")
    preset = PRESETS.get(str(name))
    if preset and model_type != preset["model_type"]:
        yield Fault(
            ("model_type",),
            f"{shown(model_type)} is not that of the preset {shown(name)}; allowed: "
            f"{preset['model_type']}, or {shown(model_type)} without a preset",
        )


def selection_note(preset: str | None, model_type: str) -> str:
    """Return the sentence on the comparisons behind the defaults of a training.

    It is empty if there were none.
    """
    return SELECTION_NOTES.get(preset or implied_preset(model_type) or "", "")
