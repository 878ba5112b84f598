"""Transfer between corpora: a training on one, or on all others, is asked about another.

Language, speakers, recordings and the way of labelling are then unknown to the training. A few
unlabelled sounds of the new corpus, of many speakers and emotions, show how its recordings differ.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ser._domain_profile import DomainProfile
from ser._labels import Label
from ser.corpora import Utterance
from ser.dataset import ExtractedCorpus, LoadedCorpus
from ser.errors import InvalidInput
from ser.evaluation._fold_classifiers import FoldClassifier
from ser.evaluation._fold_evaluation import DRAWS
from ser.evaluation._metrics import Metrics, metrics
from ser.evaluation._splits import corpus_folds, speaker_folds

OTHERS = "all others"
"""The name of the training on all corpora except the one that is asked about."""
UNLABELLED = 20
"""Number of unlabelled sounds of a corpus that the adapted figures use."""


class Adapted(msgspec.Struct, frozen=True, kw_only=True):
    """Figures with unlabelled sounds of the corpus that is asked about."""

    sounds: int
    """Number of these sounds, which are not predicted."""
    draws: int
    """Number of random draws of the sounds; all figures are means over them."""
    uar: float
    deviation: float
    """Standard deviation of the UAR between the draws."""
    ece: float
    without: float
    """UAR of the same predicted sounds without the unlabelled ones."""


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one corpus after a training on another, or on all others.

    Trainings and predictions are limited to the emotions that both have.
    """

    train: str
    """Name of the corpus of the training, or :data:`OTHERS`. If it is that of ``test``, each
    speaker of this corpus was left out once."""
    test: str
    """Name of the corpus that is asked about."""
    emotions: tuple[str, ...]
    """The emotions, by their English words."""
    utterances: int
    """Number of predicted utterances."""
    uar: float
    ece: float
    adapted: Adapted | None
    """``None`` for the corpus of the training, for one with too few sounds, and for classifiers
    that do not adapt to a domain."""


class Trial(NamedTuple):
    """A training and its test, each as the names of its utterances."""

    trained_on: frozenset[str]
    tested_on: frozenset[str]


class Cell(NamedTuple):
    """The trials of one training corpus and one test corpus."""

    train: str
    test: str
    codes: frozenset[str]
    """Codes of the emotions that both have."""
    trials: tuple[Trial, ...]


def transfer_cells(utterances: Sequence[Utterance], folds: int | None = None) -> list[Cell]:
    """Return the cells of the matrix of training corpus and test corpus, by rows.

    With three corpora or more, the last row is the training on all others. A cell is missing if
    its corpora share fewer than two emotions, or, on the diagonal, if speakers cannot be left out.

    Parameters
    ----------
    folds
        As ``count`` of :func:`speaker_folds`, for the diagonal.
    """
    corpora = sorted({utterance.corpus for utterance in utterances})
    if len(corpora) < 2:
        return []
    found = []
    for train in (*corpora, *([OTHERS] if len(corpora) > 2 else [])):
        for test in corpora:
            asked = [u for u in utterances if u.corpus == test]
            if train == test:
                with suppress(InvalidInput):
                    found.append(diagonal_cell(test, asked, folds))
                continue
            taught = [u for u in utterances if u.corpus != test and train in (u.corpus, OTHERS)]
            codes = frozenset({u.code for u in taught} & {u.code for u in asked})
            if len(codes) > 1:
                trial = Trial(names_of(taught, codes), names_of(asked, codes))
                found.append(Cell(train, test, codes, (trial,)))
    return found


def diagonal_cell(corpus: str, utterances: Sequence[Utterance], folds: int | None) -> Cell:
    """Return the cell of one corpus alone: its speakers are left out.

    Raises
    ------
    InvalidInput
        As for :func:`speaker_folds`.
    """
    codes = frozenset(u.code for u in utterances)
    everything = names_of(utterances, codes)
    trials = (Trial(everything - fold, fold) for fold in speaker_folds(utterances, folds).values())
    return Cell(corpus, corpus, codes, tuple(trials))


def left_out_trials(utterances: Sequence[Utterance]) -> dict[str, Trial]:
    """Return the trial of each corpus that can be left out, with all emotions."""
    everything = frozenset(utterance.name for utterance in utterances)
    return {
        corpus: Trial(everything - names, names)
        for corpus, names in corpus_folds(utterances).items()
    }


def names_of(utterances: Sequence[Utterance], codes: frozenset[str]) -> frozenset[str]:
    """Return the names of the ``utterances`` with one of the emotions ``codes``."""
    return frozenset(u.name for u in utterances if u.code in codes)


@dataclass(frozen=True)
class TransferEvaluation:
    """The utterances of several corpora, and a classifier for each training of the trials."""

    loaded: LoadedCorpus
    extracted: ExtractedCorpus
    classifiers: Mapping[frozenset[str], FoldClassifier]
    """Classifiers by the names of the utterances that they were fitted to."""
    random_state: int

    def metrics_of(self, trial: Trial) -> Metrics:
        """Return the metrics of a trial with all emotions."""
        return self._metrics(self.loaded.labels, self._answers((trial,)))

    def figures_of(self, cell: Cell) -> Transfer:
        """Return the figures of ``cell``, with unlabelled sounds where they can be used."""
        labels = [label for label in self.loaded.labels if label.code in cell.codes]
        answers = self._answers(cell.trials)
        plain = self._metrics(labels, answers)
        return Transfer(
            train=cell.train,
            test=cell.test,
            emotions=tuple(label.emotion for label in labels),
            utterances=len(answers),
            uar=plain["uar"],
            ece=plain["ece"],
            adapted=self._adapted(cell, labels, answers),
        )

    def _adapted(
        self, cell: Cell, labels: Sequence[Label], plain: Mapping[str, NDArray[np.float32]]
    ) -> Adapted | None:
        known = cell.train == cell.test
        unable = not all(self.classifiers[each.trained_on].takes_domain for each in cell.trials)
        if known or unable or len(plain) <= UNLABELLED:
            return None
        with_sounds, without = [], []
        for sounds in draws(plain, self.random_state):
            domain = self._profile(sounds)
            adapted = self._answers(cell.trials, domain, skipped=sounds)
            with_sounds.append(self._metrics(labels, adapted))
            without.append(self._metrics(labels, {name: plain[name] for name in adapted})["uar"])
        uars = [each["uar"] for each in with_sounds]
        return Adapted(
            sounds=UNLABELLED,
            draws=DRAWS,
            uar=float(np.mean(uars)),
            deviation=float(np.std(uars, ddof=1)),
            ece=float(np.mean([each["ece"] for each in with_sounds])),
            without=float(np.mean(without)),
        )

    def _profile(self, sounds: Collection[str]) -> DomainProfile:
        """Return the profile of the domain of ``sounds``."""
        front_end = self.extracted.digest
        return DomainProfile.pooled(
            [DomainProfile.of(front_end, self._features_of(name)) for name in sorted(sounds)]
        )

    def _answers(
        self,
        trials: Sequence[Trial],
        domain: DomainProfile | None = None,
        skipped: frozenset[str] = frozenset(),
    ) -> dict[str, NDArray[np.float32]]:
        """Return the probabilities of the tested utterances by name, without those ``skipped``."""
        return {
            name: self.classifiers[trial.trained_on].probabilities(
                self._features_of(name), domain=domain
            )
            for trial in trials
            for name in sorted(trial.tested_on - skipped)
        }

    def _metrics(
        self, labels: Sequence[Label], answers: Mapping[str, NDArray[np.float32]]
    ) -> Metrics:
        utterances = [u for u in self.loaded.utterances if u.name in answers]
        return metrics(labels, utterances, np.stack([answers[u.name] for u in utterances]))

    def _features_of(self, name: str) -> NDArray[np.float32]:
        """Return the features of the utterance ``name``, shape (chunks, features)."""
        return self.extracted.features[self._index_of[name]]

    @cached_property
    def _index_of(self) -> dict[str, int]:
        return {utterance.name: index for index, utterance in enumerate(self.loaded.utterances)}


def draws(names: Mapping[str, object], random_state: int) -> Iterator[frozenset[str]]:
    """Yield the unlabelled sounds of each draw; equal ``names`` have equal draws."""
    random = np.random.default_rng(random_state)
    for _ in range(DRAWS):
        yield frozenset(random.choice(sorted(names), UNLABELLED, replace=False).tolist())


def as_matrix(transfers: Sequence[Transfer]) -> dict[str, dict[str, Transfer]]:
    """Return the figures by training corpus and test corpus."""
    rows: dict[str, dict[str, Transfer]] = {}
    for each in transfers:
        rows.setdefault(each.train, {})[each.test] = each
    return rows


def matrix_lines(transfers: Sequence[Transfer]) -> Iterator[str]:
    """Yield the matrix as lines of text; none without ``transfers``.

    A cell has the UAR and the ECE, and after an arrow the same with unlabelled sounds.
    """
    if not transfers:
        return
    rows = as_matrix(transfers)
    tests = [*dict.fromkeys(each.test for each in transfers)]
    cells = [
        [train, *(cell_text(row[test]) if test in row else "-" for test in tests)]
        for train, row in rows.items()
    ]
    table = [["", *tests], *cells]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    yield matrix_title(transfers)
    for line in table:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        yield "  ".join(padded).rstrip()


def matrix_title(transfers: Sequence[Transfer]) -> str:
    """Return the title of the matrix, which names the figures of its cells."""
    adapted = any(each.adapted for each in transfers)
    sounds = f", after → with {UNLABELLED} unlabelled sounds of the column" if adapted else ""
    return f"Trained on (rows), asked about (columns): UAR/ECE{sounds}"


def cell_text(transfer: Transfer) -> str:
    """Return the figures of a cell, as in ``0.551/0.183 → 0.622/0.101``."""
    text = f"{transfer.uar:.3f}/{transfer.ece:.3f}"
    adapted = transfer.adapted
    return f"{text} → {adapted.uar:.3f}/{adapted.ece:.3f}" if adapted else text
