"""The corpus of a training: loaded, split, and with its features."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from ser._progress import Progress, ignore_progress
from ser.classifiers import Rows
from ser.corpora import Sources, Utterance, require_speakers
from ser.dataset import (
    ExtractedCorpus,
    LoadedCorpus,
    extract,
    load_corpus,
    training_rows,
)
from ser.errors import Fault, InvalidInput, within
from ser.evaluation import Folds, hold_out, speaker_folds, speakers_of, text_folds
from ser.frontends import FrontEnds
from ser.limits import NO_LIMITS, Limits
from ser.parallel import THIS_MACHINE, Workers
from ser.training._recipe import Recipe

EXAMPLE = '{"label": "folder", "speaker_pattern": "(speaker[0-9]+)/"}'
"""A value of the field ``corpus`` with which speakers are known."""
AUTO_FOLDS = 10
"""Maximum number of folds of speakers if speakers are left out where that is possible."""
WITHOUT_SPEAKERS = ", or split 'utterance' and evaluation 'holdout'"
"""The remedy for speakers that cannot be left out, for trainings; an evaluation has none."""


@dataclass(frozen=True)
class SplitCorpus:
    """A loaded corpus, and the utterances that are left out of trainings. Immutable."""

    loaded: LoadedCorpus
    held_out: frozenset[str] = field(repr=False)
    """The names of the utterances that no model may be trained on."""
    speakers: Folds = field(repr=False)
    """Utterances by the speaker, or speakers, left out once; empty if no speaker is left out."""
    texts: Folds = field(repr=False)
    """Utterances by the text that is left out once; empty if no text is left out."""


@dataclass(frozen=True)
class PreparedCorpus:
    """A corpus with the features of a recipe, ready for training. Immutable."""

    split: SplitCorpus
    extracted: ExtractedCorpus

    @property
    def loaded(self) -> LoadedCorpus:
        """The utterances of the corpus and their labels."""
        return self.split.loaded

    @cached_property
    def rows(self) -> Rows:
        """The rows of all utterances, including the held-out ones, and of their copies.

        They are where the features are: on this machine, or on the workers of a cluster."""
        return training_rows(self.loaded, self.extracted)


def load_and_split(
    recipe: Recipe,
    sources: Sources,
    *,
    hold_out_samples: bool = True,
    force: bool = False,
    limits: Limits = NO_LIMITS,
    workers: Workers = THIS_MACHINE,
    progress: Progress = ignore_progress,
) -> SplitCorpus:
    """Return the corpus of ``sources``, split according to ``recipe``.

    The files are locked while they are examined. Later reads find out if a sound has changed.

    Parameters
    ----------
    hold_out_samples
        Whether utterances are held out for the metrics of the model.

    Raises
    ------
    InvalidInput
        Speakers are left out, but some are unknown; or the corpus is too small for the split.
    SerError
        As for :func:`ser.dataset.load_corpus`.
    """
    with sources.exclusively():
        loaded = load_corpus(
            sources,
            corpus=recipe.corpus,
            labels=recipe.labels,
            split_at=recipe.dataset_load_split_at,
            normalize=recipe.dataset_load_normalize,
            force=force,
            limits=limits,
            workers=workers,
            progress=progress,
        )
        utterances = loaded.utterances
        leaves_speakers_out = recipe.evaluation in ("loso", "full")
        if leaves_speakers_out or recipe.split == "speaker":
            refuse_unsuitable_speakers(utterances, WITHOUT_SPEAKERS if hold_out_samples else "")
        with within("source"):
            held_out = (
                hold_out(utterances, recipe.split, recipe.random_state)
                if hold_out_samples
                else set()
            )
            speakers = (
                speaker_folds(utterances, recipe.speaker_folds) if leaves_speakers_out else {}
            )
        if recipe.evaluation == "auto":
            speakers, notes = possible_speaker_folds(utterances, recipe.speaker_folds)
            loaded = replace(loaded, notes=(*loaded.notes, *notes))
        texts = text_folds(utterances) if recipe.evaluation == "full" else {}
    return SplitCorpus(loaded, frozenset(held_out), speakers, texts)


def possible_speaker_folds(
    utterances: tuple[Utterance, ...], count: int | None
) -> tuple[Folds, list[str]]:
    """Return folds of speakers, at most :data:`AUTO_FOLDS` unless ``count`` is given, and notes;
    no folds if speakers cannot be left out."""
    try:
        require_speakers(utterances)
        return speaker_folds(utterances, count or AUTO_FOLDS), []
    except InvalidInput as error:
        return {}, [
            f"no speaker was left out, so no figures are speaker-independent: {error.detail}"
        ]


def extract_features(
    recipe: Recipe,
    split: SplitCorpus,
    sources: Sources,
    *,
    front_ends: FrontEnds | None = None,
    limits: Limits = NO_LIMITS,
    workers: Workers = THIS_MACHINE,
    progress: Progress = ignore_progress,
) -> PreparedCorpus:
    """Return ``split`` with the features of ``recipe``; ``front_ends`` are those of the recipe if
    they are open already."""
    extracted = extract(
        split.loaded,
        front_ends or recipe.dataset_feature_extract_methods,
        recipe.dataset_augmentation,
        random_state=recipe.random_state,
        cache=sources.features,
        limits=limits,
        workers=workers,
        progress=progress,
    )
    return PreparedCorpus(split, extracted)


def refuse_unsuitable_speakers(utterances: tuple[Utterance, ...], otherwise: str) -> None:
    """Raise :class:`InvalidInput` unless all speakers are known, and there are two or more.

    ``otherwise`` is a further remedy, for the end of the message.
    """
    for name, check, example in (
        ("corpus", require_speakers, f", such as {EXAMPLE}"),
        ("source", speakers_of, ""),
    ):
        try:
            check(utterances)
        except InvalidInput as error:
            message = f"{error.detail}{example}{otherwise}"
            raise InvalidInput(Fault((name,), message)) from error
