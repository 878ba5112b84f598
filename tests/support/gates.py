"""A corpus, and two recipes of which one leads to a worse model, for tests of promotions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import made

GOOD: dict[str, Any] = {"preset": "light", "dataset_augmentation": {}, "split": "speaker"}
BAD: dict[str, Any] = {
    "model_type": "RandomForestClassifier",
    "model_config": {"n_estimators": 1, "max_depth": 1},
    "dataset_feature_extract_methods": {"MFCC": {"num_cepstral": 2}},
    "dataset_load_split_at": "max",
    "split": "speaker",
}


def write_corpus(folder: Path) -> Path:
    """Write a corpus of which a speaker with more than ten utterances is held out; return its
    folder."""
    for name in made.names():
        sound = folder / "corpus" / "wav" / name
        sound.parent.mkdir(parents=True, exist_ok=True)
        sound.write_bytes(made.sound(made.signal(name)))
    return folder / "corpus"
