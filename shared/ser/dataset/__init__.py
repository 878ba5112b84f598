"""Loading of corpora: from files to features and classes.

The steps are functions on immutable values: :func:`load_corpus` returns a :class:`LoadedCorpus`,
:func:`extract` an :class:`ExtractedCorpus`, :func:`training_rows` the rows for a classifier.
:class:`Dataset` performs these steps one after the other. Neither signals nor features are held in
memory: sounds are decoded once to be examined and once for each extraction, features are written to
disk while they are computed, and read in blocks.
"""

from ser.dataset._cluster_features import ClusterFeatures
from ser.dataset._dataset import Dataset
from ser.dataset._duplicates import SignalFacts
from ser.dataset._extraction import (
    ExtractedCorpus,
    Extractor,
    extract,
    metadata_of,
    random_generator,
    refuse_growing_features,
)
from ser.dataset._loading import FULL_SCALE, LoadedCorpus, load_corpus
from ser.dataset._rows import ClusterRows, FeatureRows, ShardRows, TrainingRows, training_rows
from ser.dataset._signals import Recording, Signals, StoredRecording, read_unchanged
from ser.dataset._stored import StoredFeatures

__all__ = [
    "FULL_SCALE",
    "ClusterFeatures",
    "ClusterRows",
    "Dataset",
    "ExtractedCorpus",
    "Extractor",
    "FeatureRows",
    "LoadedCorpus",
    "Recording",
    "ShardRows",
    "SignalFacts",
    "Signals",
    "StoredFeatures",
    "StoredRecording",
    "TrainingRows",
    "extract",
    "load_corpus",
    "metadata_of",
    "random_generator",
    "read_unchanged",
    "refuse_growing_features",
    "training_rows",
]
