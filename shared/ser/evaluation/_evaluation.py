"""The result of an evaluation with each speaker left out once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ser._labels import Label
from ser._prediction import emotion_keys
from ser.evaluation._confusion import ConfusionMatrix
from ser.evaluation._metrics import Metrics
from ser.evaluation._transfer import Adapted, Transfer, matrix_lines

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, kw_only=True)
class UtterancePrediction:
    """An utterance and its prediction by a classifier fitted without its speaker."""

    file: str
    """Path of the sound in its corpus."""
    speaker: str
    gender: str
    """Gender of the speaker; empty if unknown."""
    text: str
    """Code of the text; empty if unknown."""
    fold: str
    """The speaker that was left out, or the speakers, as in ``01 + 06``."""
    true: str
    """The true emotion in English, with the code of the corpus if two labels share the word."""
    predicted: str
    """The most probable emotion, in the same form."""
    probabilities: Mapping[str, float]
    """Probability of each emotion, in the order of the labels; they sum to 1."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The figures and predictions of a recipe for speakers that were left out of the training.

    Each speaker is left out once: a classifier is fitted to the utterances of all other speakers,
    and predicts those of this speaker. :func:`ser.evaluate` returns an evaluation.

    Examples
    --------
    >>> evaluation = ser.evaluate("corpus", preset="light")
    >>> round(evaluation.figures["uar"], 1)
    0.9
    >>> int(evaluation.confusion_matrix.counts.sum())
    56
    """

    model_type: str
    """Type of the classifier, such as ``DiscriminantClassifier``."""
    corpus: str
    """Name of the corpus, such as ``emodb``, or of all corpora, such as ``emodb + ravdess``."""
    labels: tuple[Label, ...]
    """The emotions, in the order of the classes."""
    figures: Metrics = field(repr=False)
    """The metrics as in the field ``loso`` of the answer of POST /train: ``uar`` (unweighted
    average recall), ``uar_deviation`` (between speakers), ``intervals``, ``wa`` (weighted
    accuracy), ``macro_f1``, ``ece`` (expected calibration error), ``reliability``, ``per_class``,
    ``per_speaker``, ``per_gender`` and ``confusion_matrix``."""
    predictions: tuple[UtterancePrediction, ...] = field(repr=False)
    """Prediction of each utterance, in the order of the names of the utterances."""
    features: str
    """Description of the features and of the augmented copies."""
    split: str
    """Description of the folds."""
    rows: str
    """Description of the numbers of utterances and rows."""
    enrolment: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    """With ``evaluation="full"``: the UAR with enrolled sounds of the speakers."""
    degraded: Mapping[str, Mapping[str, float]] = field(default_factory=dict, repr=False)
    """With ``evaluation="full"``: the UAR after each degradation."""
    heard: Mapping[str, Mapping[str, float]] = field(default_factory=dict, repr=False)
    """With ``evaluation="full"``: the UAR on the first seconds of the speech in each utterance."""
    coverage: Sequence[Mapping[str, float]] = field(default=(), repr=False)
    """The figures of the most confident predictions alone, with the lowest ``confidence`` among
    them."""
    misheard: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The ``count`` of utterances that were predicted as another emotion, and the most confident of
    these errors with their likeliest emotions, in ``utterances``."""
    families: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The importance of each family of features for each emotion, as in the manifest of a model:
    the contributions to the scores of a discriminant that was fitted to all utterances; for other
    classifiers the recall that is lost if the features of a family are exchanged between the
    utterances, each of them predicted by a classifier fitted without its speaker. Empty in the
    evaluation of a training, whose model has its own."""
    leave_one_text_out: Metrics | None = field(default=None, repr=False)
    """With ``evaluation="full"``: the metrics with each text left out once; ``None`` if the corpus
    is not suitable."""
    loso_by_corpus: Mapping[str, Metrics] = field(default_factory=dict, repr=False)
    """With several corpora: ``figures`` of the utterances of each."""
    leave_one_corpus_out: Mapping[str, Metrics] = field(default_factory=dict, repr=False)
    """With several corpora: the metrics on each, predicted by a classifier that was fitted to all
    others. A corpus with an emotion that no other has is not included."""
    transfer: tuple[Transfer, ...] = field(default=(), repr=False)
    """With several corpora: the figures of each, for the emotions that it shares with the training,
    after a training on each alone, and with three or more on all others."""
    notes: tuple[str, ...] = field(default=(), repr=False)
    """Decisions taken during the evaluation, and figures that cannot be computed on the corpus."""
    rejected: tuple[Mapping[str, str], ...] = field(default=(), repr=False)
    """The sounds that were not used: ``file`` and ``reason``."""
    facts: Mapping[str, Any] = field(repr=False)
    """Further entries of the report: the recipe, the corpus, versions, seconds of each step."""

    @property
    def confusion_matrix(self) -> ConfusionMatrix:
        """The counts of utterances by true and predicted emotion."""
        counts = np.array(self.figures["confusion_matrix"], np.int64)
        counts.setflags(write=False)
        return ConfusionMatrix(self.labels, counts)

    @property
    def comparison(self) -> str:
        """One line with features, split and rows; evaluations with equal lines can be compared."""
        return f"Features: {self.features}; split: {self.split}; rows: {self.rows}"

    @property
    def recipe_history(self) -> str:
        """Sentence on the choice of the classifier's defaults; empty unless made on this corpus."""
        from ser.evaluation.report import recipe_history

        return recipe_history(self.facts)

    def to_frame(self) -> pandas.DataFrame:
        """Return the predictions as a pandas frame, a row for each utterance.

        The columns are ``file``, ``speaker``, ``gender``, ``text``, ``fold``, ``true``,
        ``predicted``, and the probability of each emotion by its English word; an emotion named
        as one of these columns becomes ``probability of`` it.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        rows = []
        for each in self.predictions:
            row = {
                "file": each.file,
                "speaker": each.speaker,
                "gender": each.gender,
                "text": each.text,
                "fold": each.fold,
                "true": each.true,
                "predicted": each.predicted,
            }
            # A corpus may call an emotion "true", say.
            probabilities = {
                f"probability of {emotion}" if emotion in row else emotion: value
                for emotion, value in each.probabilities.items()
            }
            rows.append(row | probabilities)
        return frame_of(rows, "to_frame")

    def transfer_to_frame(self) -> pandas.DataFrame:
        """Return :attr:`transfer` as a pandas frame, a row for each pair of corpora.

        The columns are ``train``, ``test``, ``emotions``, ``utterances``, ``uar`` and ``ece``, and
        ``adapted_sounds``, ``adapted_draws``, ``adapted_uar``, ``adapted_deviation``,
        ``adapted_ece`` and ``adapted_without``, which are empty where ``adapted`` is ``None``.

        Raises
        ------
        ImportError
            pandas is not installed.
        """
        rows = []
        for each in self.transfer:
            row = msgspec.structs.asdict(each) | {"emotions": ", ".join(each.emotions)}
            del row["adapted"]
            values = (
                msgspec.structs.asdict(each.adapted)
                if each.adapted
                else dict.fromkeys(Adapted.__struct_fields__)
            )
            rows.append(row | {f"adapted_{name}": value for name, value in values.items()})
        return frame_of(rows, "transfer_to_frame")

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write the report to ``path``, as one HTML file without scripts, and return the path.

        Missing folders are created.
        """
        from ser.evaluation.report import render

        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(render(self.as_manifest()))
        return file

    def as_manifest(self) -> dict[str, Any]:
        """Return the evaluation in the form of the manifest of a model, for the report."""
        compared = {"features": self.features, "split": self.split, "rows": self.rows}
        return {
            **self.facts,
            **self.as_answer(),
            **({"misheard": self.misheard} if self.misheard else {}),
            **({"families": self.families} if self.families else {}),
            "rejected": list(self.rejected),
            "compared": compared,
        }

    def as_answer(self) -> dict[str, Any]:
        """Return the fields that an evaluation adds to the answer of POST /train."""
        answer: dict[str, Any] = {"loso": self.figures, "notes": list(self.notes)}
        if self.degraded:
            answer |= {"enrolment": list(self.enrolment), "degraded": self.degraded}
            answer["heard"] = self.heard
        if self.coverage:
            answer["coverage"] = list(self.coverage)
        if self.leave_one_text_out is not None:
            answer["leave_one_text_out"] = self.leave_one_text_out
        if self.loso_by_corpus:
            answer["loso_by_corpus"] = self.loso_by_corpus
            answer["leave_one_corpus_out"] = self.leave_one_corpus_out
            answer["transfer"] = msgspec.to_builtins(self.transfer)
        return answer

    def __repr__(self) -> str:
        return (
            f"Evaluation({self.model_type} on {self.corpus}: UAR {self.figures['uar']:.3f}, "
            f"WA {self.figures['wa']:.3f}; {self.split})"
        )

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        figures = self.figures
        deviation = figures.get("uar_deviation")
        between = "" if deviation is None else f" (deviation between speakers {deviation:.3f})"
        yield f"{self.model_type} on {self.corpus}"
        yield self.comparison
        yield (
            f"UAR {figures['uar']:.3f}{between}, WA {figures['wa']:.3f}, "
            f"macro-F1 {figures['macro_f1']:.3f}, ECE {figures['ece']:.3f}"
        )
        for name, speakers in self.loso_by_corpus.items():
            corpus = self.leave_one_corpus_out.get(name)
            left_out = f", corpus left out: UAR {corpus['uar']:.3f}" if corpus else ""
            yield f"{name}: UAR {speakers['uar']:.3f}{left_out}"
        yield from matrix_lines(self.transfer)
        yield "Rows: true emotions; columns: predicted emotions"
        yield str(self.confusion_matrix)


def frame_of(rows: list[dict[str, Any]], method: str) -> pandas.DataFrame:
    """Return ``rows`` as a pandas frame for the caller of ``method``."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            f"{method} needs pandas, which is not installed; install it with: pip install pandas"
        ) from error
    return pandas.DataFrame(rows)


def utterance_predictions(
    labels: Sequence[Label],
    utterances: Sequence[Any],
    fold_of: Mapping[str, str],
    probabilities: NDArray[np.float32],
) -> tuple[UtterancePrediction, ...]:
    """Return the predictions of ``utterances`` from ``probabilities`` (utterances, classes)."""
    names = emotion_keys(labels)
    name_of = {label.code: name for label, name in zip(labels, names, strict=True)}
    return tuple(
        UtterancePrediction(
            file=str(utterance.file),
            speaker=utterance.speaker,
            gender=utterance.gender,
            text=utterance.text,
            fold=fold_of[utterance.name],
            true=name_of[utterance.code],
            predicted=names[int(row.argmax())],
            probabilities=MappingProxyType(dict(zip(names, row.tolist(), strict=True))),
        )
        for utterance, row in zip(utterances, probabilities, strict=True)
    )
