"""The functions :func:`ser.train` and :func:`ser.evaluate`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar, Unpack

from ser._addresses import resolve_path
from ser._progress import Progress, ignore_progress
from ser._promote_if import PromoteIf
from ser._schemas import Name, as_json_types, parse, shown
from ser.classifiers import LeaveOut
from ser.corpora import LabelRule, Sources, SourcesLike, open_sources
from ser.encoders import EncoderSources
from ser.errors import Fault, InvalidInput, within
from ser.evaluation import Evaluation
from ser.parallel import Workers, scheduler_address
from ser.registry import Registry, check_alias, open_registry
from ser.training._presets import PresetName, with_default_preset, with_defaults
from ser.training._promotion import Promotion, aliases_of, promotion_faults
from ser.training._recipe import EvaluationKind, Recipe, require_encoders
from ser.training._training import evaluate_recipe, train_recipe

Place = str | os.PathLike[str]
Methods = Mapping[str, Mapping[str, Any]]
R = TypeVar("R", bound=Recipe)


class TrainingFields(Recipe, frozen=True, kw_only=True):
    """The fields of POST /train except those of places."""

    dataset_force: bool = False
    alias: Name | None = None
    promote_if: PromoteIf | None = None

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        yield from super().cross_check(values, given)
        yield from promotion_faults(given)


class EvaluationFields(Recipe, frozen=True, kw_only=True):
    """The fields of POST /train that an evaluation has."""

    evaluation: Literal["loso", "full"] = "loso"
    dataset_force: bool = False


class RecipeArguments(TypedDict, total=False):
    """The fields of POST /train as arguments in Python."""

    preset: PresetName | None
    corpus: str | Mapping[str, str]
    labels: LabelRule | None
    model_type: str
    model_config: Mapping[str, Any]
    random_state: int
    dataset_force: bool
    dataset_load_split_at: Literal["min", "max", "avg"] | int | None
    dataset_load_normalize: bool
    dataset_feature_extract_methods: Methods
    dataset_augmentation: Methods
    split: Literal["utterance", "speaker"]
    speaker_folds: int | None
    leave_out: LeaveOut


class TrainingArguments(RecipeArguments, total=False):
    """The keyword arguments of :func:`train` that are fields of POST /train."""

    evaluation: EvaluationKind
    alias: str | None
    promote_if: Mapping[str, Any] | None


class EvaluationArguments(RecipeArguments, total=False):
    """The keyword arguments of :func:`evaluate` that are fields of POST /train."""

    evaluation: Literal["loso", "full"]


def train(
    source: SourcesLike,
    /,
    registry: Place | Registry = "model",
    *,
    data_path: Place | None = None,
    encoders: Place | None = None,
    dask_scheduler: str | None = None,
    progress: Progress | None = None,
    **fields: Unpack[TrainingArguments],
) -> dict[str, Any]:
    """Train a model on a corpus, publish it, and return the answer of POST /train.

    The keyword arguments are the fields of POST /train. The default of a field is that of
    ``preset`` if it sets one, otherwise that of POST /train.

    Parameters
    ----------
    source
        The corpus: a zip or tar archive (a path, ``http(s)://``, ``s3://bucket/key`` or
        ``gs://bucket/key``), the files below ``s3://bucket/prefix/`` or ``gs://bucket/prefix/``, a
        folder with the sounds, or a CSV table beside its sounds. Folders and tables are read in
        place. A list of these, or of :class:`ser.Source`, trains on several corpora: labels with
        the same English word are one class, speakers are kept apart.
    registry
        A folder, ``s3://bucket/prefix``, or an open registry. The alias ``latest`` moves to the
        model, and ``alias`` if it is given.
    promote_if
        The condition under which ``alias`` moves: ``{"figure": "uar", "tolerance": 0.05}``, both
        optional. The new model must not be worse than the one that ``alias`` points at, by more
        than the tolerance, in a paired bootstrap on the same held-out utterances; ``promotion`` of
        the answer has the figures and the reason.
    data_path
        A folder that keeps the archive, its content and the extracted features for later calls.
        Default: they are not kept.
    preset
        ``"accurate"``: a pretrained encoder, whose weights must be installed. ``"light"``: no
        encoder. It sets the classifier, its options, the front-ends, the augmentation and the
        length of a chunk, unless they are given. Default: ``"accurate"`` without ``model_type``.
    corpus
        Source of the emotion and the speaker of each file, as for :class:`ser.Dataset`.
    labels
        New labels by label, ``None`` to leave one out; or a list of the labels to keep; or
        ``"common"``: only the emotions that all corpora share. It follows the ``labels`` of each
        :class:`ser.Source`. Default: all labels.
    model_type, model_config
        The classifier and its options. Default: those of ``preset``.
    random_state
        Seed of all random numbers. On the same machine, equal calls have equal results.
    dataset_force
        Whether to fetch, unpack and extract again even if ``data_path`` keeps the results.
    dataset_load_split_at
        Length of a chunk: the minimum, maximum or mean duration of the utterances, or
        milliseconds; ``None``: utterances stay whole.
    dataset_load_normalize
        Whether one gain brings the highest peak of the corpus to 0.1 dB below full scale.
    dataset_feature_extract_methods, dataset_augmentation
        CONFIG by METHOD_NAME, as for :meth:`ser.Dataset.feature_extract`.
    split
        The utterances held out for ``metrics``: a tenth of the utterances of each emotion, or
        those of a tenth of the speakers.
    evaluation
        ``"holdout"``: metrics on the held-out utterances. ``"loso"``: also with each speaker left
        out once; and with several corpora, with each of them left out once, and after a training on
        each alone. ``"auto"``: ``"loso"`` in at most ten folds if the speakers are known, else
        ``"holdout"`` with a note. ``"full"``: also with each text left out once, with enrolled
        speakers, and with degraded sounds.
    speaker_folds
        Number of folds in which speakers are left out; each fold takes every so many of the sorted
        speakers. Default: a fold for each speaker.
    leave_out
        ``"exact"``: each fold has scalers of its own. ``"differences"``: the sums of a fold are
        subtracted from those of all utterances, with the scalers of all, which is several times
        faster; only for ``DiscriminantClassifier``.
    encoders
        A folder that is searched first for the weights of the method ``Encoder``.
    dask_scheduler
        Address of the scheduler of a Dask cluster for the work, ``tcp://host:port``.
        Default: all cores of this machine.
    progress
        Called with the name of the current step and its completed share, 0..1.

    Returns
    -------
    dict
        ``model_id``, ``test_samples`` (names of the held-out utterances), ``classes``,
        ``metrics``, and all other fields of the answer of POST /train, as JSON values.

    Raises
    ------
    InvalidInput
        An argument is invalid or unknown, or the corpus cannot be used, or the weights of the
        encoder are missing. The error is a ``ValueError`` with ``faults`` that name the arguments.
    NotFound
        No place has the weights of an encoder.
    Conflict, TooLarge, RemoteFailed, StorageFull
        As for :class:`ser.Dataset`. No model is published, and existing models do not change.
    UnusableCluster
        The software of the cluster differs from that of this machine.

    Examples
    --------
    >>> trained = ser.train("corpus", registry="model", preset="light", alias="newest")
    >>> trained["classes"][:2]
    ['A - Angst', 'E - Ekel']
    >>> ser.load_model("newest", registry="model").predict("speech.wav").speech
    True
    """
    encoder_sources = EncoderSources.of(encoders)
    recipe = read_fields(TrainingFields, fields, encoder_sources)
    workers, on_progress = cluster(dask_scheduler), progress_callback(progress)
    place = registry if isinstance(registry, Registry) else address("registry", registry)
    with within("registry"):
        opened = place if isinstance(place, Registry) else open_registry(place)
        opened.check_writable()
    with open_corpus(source, data_path) as sources:
        return train_recipe(
            recipe,
            sources,
            opened,
            aliases=aliases_of(recipe.alias, recipe.promote_if),
            promotion=Promotion.of(recipe.alias, recipe.promote_if),
            force=recipe.dataset_force,
            encoders=encoder_sources,
            workers=workers,
            progress=on_progress,
        )


def evaluate(
    source: SourcesLike,
    /,
    *,
    data_path: Place | None = None,
    encoders: Place | None = None,
    dask_scheduler: str | None = None,
    progress: Progress | None = None,
    **fields: Unpack[EvaluationArguments],
) -> Evaluation:
    """Return the evaluation of a recipe with each speaker of a corpus left out once.

    For each speaker, a classifier is fitted to the utterances of all other speakers, and predicts
    those of this speaker; so the figures are speaker-independent. No model is published.

    Parameters
    ----------
    source, data_path, preset, corpus, labels, model_type, model_config, random_state, \
    dataset_force, dataset_load_split_at, dataset_load_normalize, dataset_feature_extract_methods, \
    dataset_augmentation, speaker_folds, leave_out, encoders, dask_scheduler, progress
        As for :func:`ser.train`.
    split
        Checked, but otherwise ignored, so the arguments of :func:`ser.train` can be passed: all
        utterances are evaluated.
    evaluation
        ``"loso"`` (default): each speaker is left out once; and of several corpora each, after a
        training on each other one and on all others. ``"full"``: also with each text left out once,
        with enrolled speakers, and with degraded sounds.

    Raises
    ------
    InvalidInput
        As for :func:`ser.train`; or the speaker of an utterance is unknown.
    Conflict, TooLarge, RemoteFailed, StorageFull, UnusableCluster
        As for :func:`ser.train`.

    Examples
    --------
    >>> evaluation = ser.evaluate("corpus", preset="light")
    >>> evaluation
    Evaluation(DiscriminantClassifier on emodb: UAR 0..., WA 0...; each of 4 speakers left out once)
    >>> evaluation.rows
    '56 utterances (448 with copies)'
    >>> first = evaluation.predictions[0]
    >>> first.file, first.speaker, first.true
    ('wav/03a01Aa.wav', '03', 'fear')
    >>> len(evaluation.confusion_matrix.labels)
    7
    >>> evaluation.report("report.html").name
    'report.html'
    """
    encoder_sources = EncoderSources.of(encoders)
    recipe = read_fields(EvaluationFields, fields, encoder_sources)
    workers, on_progress = cluster(dask_scheduler), progress_callback(progress)
    # All utterances are evaluated: the split of a training is checked above, and not applied.
    with open_corpus(source, data_path) as sources:
        return evaluate_recipe(
            recipe,
            sources,
            force=recipe.dataset_force,
            encoders=encoder_sources,
            workers=workers,
            progress=on_progress,
        )


def read_fields(kind: type[R], given: Mapping[str, Any], encoders: EncoderSources) -> R:
    """Return the fields ``given``, with the defaults of their preset for all others.

    Raises
    ------
    InvalidInput
        One fault for each invalid field; or an encoder cannot be had.
    """
    fields = {name: as_json_types(value) for name, value in given.items()}
    recipe = parse(kind, with_defaults(with_default_preset(fields)), checks=CHECKS)
    require_encoders(recipe, encoders)
    return recipe


CHECKS = {"alias": lambda name: None if name is None else check_alias(name)}


def cluster(dask_scheduler: str | None) -> Workers:
    """Return the workers of the cluster at ``dask_scheduler``; of this machine without one."""
    with within("dask_scheduler"):
        return Workers(dask_scheduler and scheduler_address(dask_scheduler))


def progress_callback(progress: Progress | None) -> Progress:
    """Return ``progress``, or a function that does nothing in its place."""
    if progress is not None and not callable(progress):
        raise InvalidInput(
            Fault(("progress",), f"{shown(progress)} does not fit; allowed: a function")
        )
    return progress or ignore_progress


@contextmanager
def open_corpus(source: SourcesLike, data_path: Place | None) -> Iterator[Sources]:
    """Yield the files of ``source``; without ``data_path`` they are not kept."""
    if data_path is not None:
        folder = address("data_path", data_path)
        with within("data_path"):
            kept = resolve_path(folder)
        yield open_sources(source, kept)
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield open_sources(source, Path(temporary), keep_features=False)


def address(name: str, value: object) -> str:
    """Return the path or URL ``value`` of the argument ``name`` as a string."""
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise InvalidInput(Fault((name,), f"{shown(value)} does not fit; allowed: a path or a URL"))
    return os.fspath(value) if isinstance(value, str) else str(value)
