"""Extraction of features: the second of two passes over the sounds of a corpus."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from ser._metadata import FIELDS, MetadataEncoding
from ser._progress import Progress, ProgressCallback, ignore_progress, step
from ser._sessions import open_session
from ser.corpora import Utterance
from ser.dataset._cache import FeatureCache, cache_key
from ser.dataset._cluster_features import ClusterFeatures
from ser.dataset._loading import LoadedCorpus
from ser.dataset._partitions import Extraction
from ser.dataset._shards import FeatureMatrix
from ser.dataset._signals import Recording, StoredRecording
from ser.dataset._stored import StoredFeatures, StoredPart, View
from ser.encoders import ENCODERS, EncoderSources
from ser.errors import InvalidInput, within
from ser.frontends import DEFAULT_METHODS, Augmentations, FrontEnds
from ser.limits import NO_LIMITS, Limits
from ser.parallel import THIS_MACHINE, Workers
from ser.sounds import Signal


@dataclass(frozen=True, kw_only=True)
class ExtractedCorpus:
    """The features of a corpus, on disk, and the graph that computes them. Immutable."""

    front_end: bytes = field(repr=False)
    """The graph from waveform to features, an ONNX file."""
    encoding: MetadataEncoding
    """The columns of the input ``metadata`` of the graph."""
    feature_names: tuple[str, ...] = field(repr=False)
    """Names of the features in their order, each with its METHOD_NAME as a prefix."""
    stored: StoredFeatures | ClusterFeatures = field(repr=False)
    """The features, on the disk of this machine or of the workers of a cluster."""
    encoders: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Origin, revision, digest and licence of each pretrained encoder, by METHOD_NAME."""

    @property
    def features(self) -> Sequence[FeatureMatrix]:
        """Features of each utterance: float32 of shape (chunks, features), read-only.

        An element is read when it is used.
        """
        return View(self.stored.recorded, slice(0, 1), lambda recorded: recorded[0])

    @property
    def copies(self) -> Sequence[tuple[FeatureMatrix, ...]]:
        """Features of the augmented copies of each utterance, in the same form."""
        return View(self.stored.everything, slice(1, None), tuple)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the graph, in hexadecimal."""
        return hashlib.sha256(self.front_end).hexdigest()


class Extractor:
    """A front-end that computes the features of one signal at a time.

    Parameters
    ----------
    front_end
        The graph, an ONNX file.
    encoding
        The columns of its input ``metadata``.
    """

    def __init__(self, front_end: bytes, encoding: MetadataEncoding) -> None:
        self._session = open_session(front_end)
        self._front_end, self._encoding = front_end, encoding

    def __reduce__(self) -> tuple[type[Extractor], tuple[bytes, MetadataEncoding]]:
        # A session cannot be pickled, so another process opens a new one.
        return type(self), (self._front_end, self._encoding)

    def features(self, utterance: Utterance, signal: Signal) -> FeatureMatrix:
        """Return the features of ``signal``, given the metadata of ``utterance``.

        They do not depend on whether a voice speaks in ``signal``: a labelled utterance that the
        detector misses is still a good example, so trainings reject silent utterances only.
        """
        return np.asarray(self._run(["features"], utterance, signal)[0])

    def features_of_speech(self, utterance: Utterance, signal: Signal) -> FeatureMatrix | None:
        """Return the features of ``signal``; ``None`` if no voice speaks in it."""
        features, speech = self._run(["features", "speech"], utterance, signal)
        return np.asarray(features) if speech else None

    def _run(self, outputs: list[str], utterance: Utterance, signal: Signal) -> list[Any]:
        inputs = {"waveform": signal}
        if self._encoding.size:
            inputs["metadata"] = self._encoding.encode(metadata_of(utterance))
        results: list[Any] = self._session.run(outputs, inputs)
        return results


def extract(
    loaded: LoadedCorpus,
    front_ends: FrontEnds | Mapping[str, Mapping[str, Any]] = DEFAULT_METHODS,
    augmentations: Augmentations | Mapping[str, Mapping[str, Any]] | None = None,
    *,
    random_state: int = 42,
    cache: Sequence[Path | None] = (),
    renew: bool = False,
    encoders: EncoderSources = ENCODERS,
    limits: Limits = NO_LIMITS,
    workers: Workers = THIS_MACHINE,
    progress: Progress = ignore_progress,
) -> ExtractedCorpus:
    """Return the features of all utterances of ``loaded`` and of their augmented copies.

    Parameters
    ----------
    front_ends, augmentations, random_state
        As for :meth:`~ser.dataset.Dataset.feature_extract`. Front-ends that are open stay as they
        are.
    cache
        The folder that keeps the features of each source, which are read if sounds and settings
        are the same; ``None``: they are kept in a temporary folder as long as the result is in
        use. Default: temporary folders for all sources. The workers of a cluster keep features on
        their own disks.
    renew
        Whether to extract the features again even if ``cache`` contains them.
    encoders
        The places where pretrained encoders are looked for.

    Raises
    ------
    InvalidInput
        The features of ``front_ends`` grow with the duration and utterances stay whole; or
        ``front_ends`` have no features, because the metadata of all utterances are unknown; or a
        chunk has more features, or its analysis needs more values, than ``limits`` allow.
    NotFound, RemoteFailed
        No place has the weights of an encoder.
    Conflict
        A sound has changed since the corpus was loaded.
    StorageFull
        No space is left for the features.
    UnusableCluster
        A worker of a cluster cannot read the sounds.
    """
    from ser import _graph as graph

    if not isinstance(front_ends, FrontEnds):
        front_ends = FrontEnds.parse(front_ends)
    if not isinstance(augmentations, Augmentations):
        augmentations = Augmentations.parse(augmentations or {})
    if loaded.chunk_samples is None:
        refuse_growing_features(front_ends)
    known = [metadata_of(utterance) for utterance in loaded.utterances]
    encoding = MetadataEncoding.of(front_ends.metadata_fields, known)
    with within("dataset_feature_extract_methods"):
        front_ends = with_columns(front_ends, encoding).opened(encoders)
        front_ends.require_small(loaded.chunk_samples, encoding, limits)
    front_end = graph.front_end_model(
        front_ends, chunk_samples=loaded.chunk_samples, gain=loaded.gain, encoding=encoding
    ).SerializeToString(deterministic=True)
    extractor = Extractor(front_end, encoding)
    work = partial(features_with_copies, extractor, augmentations, random_state)
    on_progress = step(progress, "features")
    feature_names = front_ends.feature_names(loaded.chunk_samples, encoding)

    def key_of(indices: Sequence[int]) -> str:
        utterances = [loaded.utterances[index] for index in indices]
        facts = [loaded.facts[index] for index in indices]
        return cache_key(utterances, facts, front_end, encoding, augmentations, random_state)

    stored: StoredFeatures | ClusterFeatures
    if workers.scheduler:
        extraction = Extraction(key_of(range(len(loaded.utterances))), work, len(feature_names))
        stored = ClusterFeatures(extraction, loaded.stored_recordings(), workers, on_progress)
    else:
        caches = [FeatureCache(folder) for folder in cache] or [FeatureCache(None)] * len(
            loaded.by_source
        )
        stored = extract_here(loaded, caches, key_of, work, len(feature_names), renew, on_progress)
    on_progress(1.0)
    return ExtractedCorpus(
        front_end=front_end,
        encoding=encoding,
        feature_names=feature_names,
        stored=stored,
        encoders=front_ends.origins,
    )


def extract_here(
    loaded: LoadedCorpus,
    caches: Sequence[FeatureCache],
    key_of: Callable[[Sequence[int]], str],
    work: Callable[[StoredRecording | Recording], list[FeatureMatrix]],
    columns: int,
    renew: bool,
    on_progress: ProgressCallback,
) -> StoredFeatures:
    """Return the features that ``work`` extracts on all cores of this machine, and keep them.

    ``caches`` has one cache for each source, and ``key_of`` returns the key of some utterances.
    """
    parts: list[StoredPart] = []
    done = 0
    for indices, kept in zip(loaded.by_source, caches, strict=False):
        if not indices:
            continue
        key = key_of(indices)
        shards = None if renew else kept.read(key)
        if shards is None:
            share = share_of_all(on_progress, done, len(indices), len(loaded.utterances))
            recordings = loaded.stored_recordings(indices)
            with closing(
                THIS_MACHINE.stream(work, recordings, by="threads", on_progress=share)
            ) as features:
                shards = kept.write(key, features, columns)
        parts.append(StoredPart(shards, np.array(indices)))
        done += len(indices)
    return StoredFeatures(tuple(parts))


def share_of_all(
    on_progress: ProgressCallback, done: int, count: int, total: int
) -> ProgressCallback:
    """Return a callback for ``count`` of ``total`` recordings, after ``done`` others."""
    return lambda share: on_progress((done + share * count) / total)


def features_with_copies(
    extractor: Extractor,
    augmentations: Augmentations,
    random_state: int,
    recording: StoredRecording | Recording,
) -> list[FeatureMatrix]:
    """Return the features of ``recording``, followed by those of each of its copies."""
    utterance, signal = recording.read()
    copies = augmentations.vary(signal, random_generator(utterance, random_state))
    return [extractor.features(utterance, each) for each in (signal, *copies)]


def random_generator(utterance: Utterance, random_state: int) -> np.random.Generator:
    """Return a random generator for ``utterance`` that is independent of other utterances."""
    return np.random.default_rng([random_state, zlib.crc32(utterance.name.encode())])


def refuse_growing_features(front_ends: FrontEnds) -> None:
    """Raise :class:`InvalidInput` if the features of any front-end grow with the duration."""
    growing = [name for name, front_end in front_ends.items() if not front_end.fixed_size]
    if growing:
        with within("dataset_load_split_at"):
            raise InvalidInput(
                f"null keeps utterances whole, but the features of {', '.join(growing)} grow "
                "with the duration; allowed: 'min', 'max', 'avg' or milliseconds"
            )


def with_columns(front_ends: FrontEnds, encoding: MetadataEncoding) -> FrontEnds:
    """Return ``front_ends`` without those of metadata if ``encoding`` has no columns.

    Raises
    ------
    InvalidInput
        No front-end remains.
    """
    if encoding.size:
        return front_ends
    left = {name: each for name, each in front_ends.items() if not each.metadata_fields}
    if not left:
        with within("dataset_feature_extract_methods"):
            raise InvalidInput(
                f"{', '.join(encoding.values)} are unknown for all utterances, so "
                f"{', '.join(front_ends)} has no features; allowed: a method that uses the sound"
            )
    return FrontEnds(left)


def metadata_of(utterance: Utterance) -> dict[str, str]:
    """Return the value of each of :data:`ser._metadata.FIELDS` for ``utterance``."""
    return {field: getattr(utterance, field) for field in FIELDS}
