"""A corpus at hand: from an archive somewhere to features and classes in memory."""

from ser.dataset._dataset import Dataset
from ser.dataset._extraction import (
    Extracted,
    Extractor,
    metadata_of,
    random_of,
    refuse_growing_features,
)
from ser.dataset._loading import FULL_SCALE, Loaded, Sound
from ser.dataset._rows import Rows, TrainingRows

__all__ = [
    "FULL_SCALE",
    "Dataset",
    "Extracted",
    "Extractor",
    "Loaded",
    "Rows",
    "Sound",
    "TrainingRows",
    "metadata_of",
    "random_of",
    "refuse_growing_features",
]
