"""Loading of corpora: from files to features and classes in memory.

The steps are functions on immutable values: :func:`load_corpus` returns a :class:`LoadedCorpus`,
:func:`extract` an :class:`ExtractedCorpus`, :func:`training_rows` the :class:`TrainingRows`.
:class:`Dataset` performs these steps one after the other.
"""

from ser.dataset._dataset import Dataset
from ser.dataset._duplicates import Recording
from ser.dataset._extraction import (
    ExtractedCorpus,
    Extractor,
    extract,
    metadata_of,
    random_generator,
    refuse_growing_features,
)
from ser.dataset._loading import FULL_SCALE, LoadedCorpus, load_corpus
from ser.dataset._rows import FeatureRows, TrainingRows, training_rows

__all__ = [
    "FULL_SCALE",
    "Dataset",
    "ExtractedCorpus",
    "Extractor",
    "FeatureRows",
    "LoadedCorpus",
    "Recording",
    "TrainingRows",
    "extract",
    "load_corpus",
    "metadata_of",
    "random_generator",
    "refuse_growing_features",
    "training_rows",
]
