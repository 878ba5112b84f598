"""From signals to features: the front-end at work on a corpus."""

from __future__ import annotations

import hashlib
import zlib
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ser._metadata import FIELDS, MetadataEncoding
from ser._progress import Report
from ser._sessions import open_session
from ser.corpora import Utterance
from ser.dataset._cache import FeatureCache, Features, digest
from ser.dataset._loading import Loaded, Sound
from ser.errors import InvalidInput, within
from ser.frontends import Augmentations, FrontEnds
from ser.parallel import Workers
from ser.sounds import Signal

if TYPE_CHECKING:
    import onnx


class Extracted(NamedTuple):
    """The features of a corpus, and the graph that made them."""

    front_end: onnx.ModelProto
    encoding: MetadataEncoding
    feature_names: tuple[str, ...]
    features: tuple[Features, ...]
    """Of each utterance."""
    copies: tuple[tuple[Features, ...], ...]
    """Of the augmented copies of each utterance."""

    @property
    def digest(self) -> str:
        """SHA-256 of the graph, in hexadecimal."""
        return hashlib.sha256(self.front_end.SerializeToString(deterministic=True)).hexdigest()


class Extractor:
    """A front-end at work: from a signal of an utterance to its features."""

    def __init__(self, front_end: onnx.ModelProto, encoding: MetadataEncoding) -> None:
        self._session = open_session(front_end.SerializeToString())
        self._front_end, self._encoding = front_end, encoding

    def __reduce__(self) -> tuple[type[Extractor], tuple[onnx.ModelProto, MetadataEncoding]]:
        # A session stays in its process; another one opens its own.
        return type(self), (self._front_end, self._encoding)

    def features(self, utterance: Utterance, signal: Signal) -> Features:
        """Return the features of ``signal``, spoken as ``utterance`` is."""
        inputs = {"waveform": signal}
        if self._encoding.size:
            inputs["metadata"] = self._encoding.encode(metadata_of(utterance))
        return np.asarray(self._session.run(["features"], inputs)[0])


def extract(
    loaded: Loaded,
    front_ends: FrontEnds,
    augmentation: Augmentations,
    *,
    random_state: int,
    cache: FeatureCache,
    workers: Workers,
    report: Report,
) -> Extracted:
    """Return the features of all utterances of ``loaded`` and of their copies.

    Those in ``cache`` are not extracted again.

    Raises
    ------
    InvalidInput
        The features of ``front_ends`` grow with the duration, and utterances stay whole; or
        there are no features, because nothing is known of the utterances.
    """
    from ser import _graph as graph

    if loaded.chunk_samples is None:
        refuse_growing_features(front_ends)
    known = [metadata_of(utterance) for utterance in loaded.utterances]
    encoding = MetadataEncoding.of(front_ends.metadata_fields, known)
    front_ends = with_columns(front_ends, encoding)
    front_end = graph.front_end_model(
        front_ends, chunk_samples=loaded.chunk_samples, gain=loaded.gain, encoding=encoding
    )
    key = digest(loaded, front_end, encoding, augmentation, random_state)
    found = cache.read(key)
    if found is None:
        found = workers.map(
            partial(with_copies, Extractor(front_end, encoding), augmentation, random_state),
            loaded.sounds,
            by="threads",
            report=report,
        )
        cache.write(key, found)
    report(1.0)
    return Extracted(
        front_end=front_end,
        encoding=encoding,
        feature_names=front_ends.feature_names(loaded.chunk_samples, encoding),
        features=tuple(recorded for recorded, *_ in found),
        copies=tuple(tuple(copies) for _, *copies in found),
    )


def with_copies(
    extractor: Extractor, augmentation: Augmentations, random_state: int, sound: Sound
) -> list[Features]:
    """Return the features of ``sound``, and of each of its copies."""
    copies = augmentation.vary(sound.signal, random_of(sound.utterance, random_state))
    return [extractor.features(sound.utterance, each) for each in (sound.signal, *copies)]


def random_of(utterance: Utterance, random_state: int) -> np.random.Generator:
    """Return what is drawn from for ``utterance``, whatever else is in its corpus."""
    return np.random.default_rng([random_state, zlib.crc32(utterance.name.encode())])


def refuse_growing_features(front_ends: FrontEnds) -> None:
    """Raise :class:`InvalidInput` if the features of any of them grow with the duration."""
    growing = [name for name, front_end in front_ends.items() if not front_end.fixed_size]
    if growing:
        with within("dataset_load_split_at"):
            raise InvalidInput(
                f"null leaves utterances whole, but the features of {', '.join(growing)} grow "
                "with the duration; allowed: 'min', 'max', 'avg' or milliseconds"
            )


def with_columns(front_ends: FrontEnds, encoding: MetadataEncoding) -> FrontEnds:
    """Return ``front_ends`` without those that ``encoding`` leaves no columns.

    Raises
    ------
    InvalidInput
        None is left.
    """
    if encoding.size:
        return front_ends
    left = {name: each for name, each in front_ends.items() if not each.metadata_fields}
    if not left:
        with within("dataset_feature_extract_methods"):
            raise InvalidInput(
                f"of no utterance {', '.join(encoding.values)} is known, so "
                f"{', '.join(front_ends)} has no features; allowed: a method that hears the sound"
            )
    return FrontEnds(left)


def metadata_of(utterance: Utterance) -> dict[str, str]:
    """Return what ``utterance`` gives for each of :data:`ser._metadata.FIELDS`."""
    return {field: getattr(utterance, field) for field in FIELDS}
