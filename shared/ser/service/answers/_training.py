"""Answers of train, except those about jobs."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ser.service.answers._base import Answer


class ClassMetrics(Answer, frozen=True, kw_only=True):
    """Metrics of one class."""

    recall: float
    precision: float
    f1: float
    support: Annotated[int, Meta(description="Number of utterances of the class.")]


class ReliabilityBin(Answer, frozen=True, kw_only=True):
    """The predictions with confidences in one interval."""

    confidence: Annotated[float, Meta(description="Mean of the highest probabilities.")]
    accuracy: Annotated[float, Meta(description="Share of correct predictions.")]
    count: Annotated[int, Meta(description="Number of predictions.")]


# A list of two, since generators of clients do not agree on tuples.
Interval = Annotated[list[float], Meta(min_length=2, max_length=2)]


class Intervals(Answer, frozen=True, kw_only=True):
    """Lower and upper bounds of figures, with 95 % confidence; null if they cannot be estimated."""

    uar: Interval | None
    wa: Interval | None
    macro_f1: Interval | None
    ece: Interval | None
    unit: Annotated[str, Meta(description="What the bootstrap drew: `speakers`, or `utterances`.")]
    units: Annotated[int, Meta(description="Number of them.")]


class Metrics(Answer, frozen=True, kw_only=True):
    """Figures of an evaluation."""

    uar: Annotated[float, Meta(description="Unweighted average recall.")]
    uar_deviation: Annotated[
        float | UnsetType,
        Meta(description="Standard deviation of the UARs of speakers; absent with fewer than two."),
    ] = UNSET
    intervals: Annotated[
        Intervals | UnsetType, Meta(description="Absent from the figures of a part of a corpus.")
    ] = UNSET
    wa: Annotated[float, Meta(description="Weighted accuracy: the share of correct predictions.")]
    macro_f1: Annotated[float, Meta(description="Mean of the F1 scores of the classes.")]
    ece: Annotated[float, Meta(description="Expected calibration error, 10 bins.")]
    reliability: Annotated[list[ReliabilityBin], Meta(description="The bins of `ece`.")]
    per_class: Annotated[dict[str, ClassMetrics], Meta(description="Metrics by class.")]
    per_speaker: Annotated[dict[str, float], Meta(description="UAR by speaker.")]
    per_gender: Annotated[dict[str, float], Meta(description="UAR by gender.")]
    confusion_matrix: Annotated[
        list[list[int]],
        Meta(description="Rows: truth; columns: prediction; both in the order of `classes`."),
    ]


class Enrolment(Answer, frozen=True, kw_only=True):
    """UARs with enrolled sounds of the speakers, and without."""

    clips: Annotated[
        int | None,
        Meta(
            description="Enrolled sounds of each speaker, which are not evaluated; null: all "
            "sounds, which are evaluated, too."
        ),
    ]
    draws: Annotated[int, Meta(description="Random choices of the enrolled sounds.")]
    uar: Annotated[float, Meta(description="Mean UAR of the draws.")]
    deviation: Annotated[float, Meta(description="Standard deviation of the UARs of the draws.")]
    without: Annotated[float, Meta(description="Mean UAR of the same sounds without enrolment.")]


class Degraded(Answer, frozen=True, kw_only=True):
    """UAR of degraded or shortened sounds."""

    uar: Annotated[float, Meta(description="UAR after the change.")]
    lost: Annotated[float, Meta(description="Difference to the UAR before it.")]


class Coverage(Answer, frozen=True, kw_only=True):
    """Figures of the most confident predictions alone."""

    coverage: Annotated[float, Meta(description="Share of the utterances that are predicted.")]
    confidence: Annotated[
        float,
        Meta(description="Lowest confidence among them, as for `abstain_below` of POST /predict."),
    ]
    uar: Annotated[float, Meta(description="Mean recall of the emotions that occur among them.")]
    wa: Annotated[float, Meta(description="Share of correct predictions among them.")]


class Adapted(Answer, frozen=True, kw_only=True):
    """Figures with unlabelled sounds of the corpus that is asked about."""

    sounds: Annotated[int, Meta(description="Number of these sounds, which are not evaluated.")]
    draws: Annotated[int, Meta(description="Random choices of the sounds.")]
    uar: Annotated[float, Meta(description="Mean UAR of the draws.")]
    deviation: Annotated[float, Meta(description="Standard deviation of the UARs of the draws.")]
    ece: Annotated[float, Meta(description="Mean expected calibration error of the draws.")]
    without: Annotated[float, Meta(description="Mean UAR of the same sounds without adaptation.")]


class Transfer(Answer, frozen=True, kw_only=True):
    """Figures of one corpus after a training on another, for the emotions that both have."""

    train: Annotated[
        str,
        Meta(
            description="Name of the corpus of the training, or `all others`; equal to `test`: "
            "each speaker of the corpus was left out once."
        ),
    ]
    test: Annotated[str, Meta(description="Name of the corpus that was predicted.")]
    emotions: Annotated[list[str], Meta(description="The emotions in English.")]
    utterances: Annotated[int, Meta(description="Number of predicted utterances.")]
    uar: Annotated[float, Meta(description="Unweighted average recall.")]
    ece: Annotated[float, Meta(description="Expected calibration error, 10 bins.")]
    adapted: Annotated[
        Adapted | None,
        Meta(
            description="Null for the corpus of the training, for one with too few sounds, and for "
            "classifiers that do not adapt to a domain."
        ),
    ]


class Rejected(Answer, frozen=True, kw_only=True):
    """A sound of the corpus that was not used."""

    file: Annotated[str, Meta(description="Path in the corpus.")]
    reason: str


class CorpusFacts(Answer, frozen=True, kw_only=True):
    """One of several corpora of a training."""

    name: Annotated[
        str, Meta(description="Unique name, which names of utterances and speakers begin with.")
    ]
    corpus: Annotated[str, Meta(description="Name of the corpus, such as `emodb`.")]
    utterances: Annotated[int, Meta(description="Number of utterances that were used.")]
    speakers: Annotated[int, Meta(description="Number of known speakers.")]
    classes: Annotated[list[str], Meta(description="The labels that occur in it.")]
    remote_url: Annotated[str, Meta(description="The place, without secrets.")]
    url_sha256: Annotated[str, Meta(description="SHA-256 of the whole URL.")]
    sha256: Annotated[str, Meta(description="SHA-256 of the archive.")]
    size: Annotated[int, Meta(description="Size of the archive in bytes.")]


class PromotionAnswer(Answer, frozen=True, kw_only=True):
    """The decision about an alias with a condition. The figures are those of a comparison, and are
    absent without one."""

    alias: str
    moved: Annotated[bool, Meta(description="Whether it points at the new model.")]
    reason: str
    replaced: Annotated[
        str | UnsetType,
        Meta(description="The model that it pointed at before."),
    ] = UNSET
    figure: Annotated[str | UnsetType, Meta(description="`uar` or `wa`.")] = UNSET
    old: Annotated[
        float | UnsetType, Meta(description="The figure of the model in `replaced`.")
    ] = UNSET
    new: Annotated[float | UnsetType, Meta(description="The figure of the new model.")] = UNSET
    lower: Annotated[
        float | UnsetType,
        Meta(description="Lower bound of the difference with 95 % confidence, one-sided."),
    ] = UNSET
    tolerance: float | UnsetType = UNSET
    utterances: Annotated[
        int | UnsetType, Meta(description="Number of utterances that both models judged.")
    ] = UNSET


class TrainAnswer(Answer, frozen=True, kw_only=True):
    """A published model and its evaluation."""

    model_id: str
    test_samples: Annotated[list[str], Meta(description="Names of the held-out utterances.")]
    classes: Annotated[list[str], Meta(description="Labels, such as `W - Ärger (Wut)`.")]
    metrics: Annotated[Metrics, Meta(description="Metrics of the held-out utterances.")]
    notes: Annotated[
        list[str], Meta(description="Remarks, such as the reason why an alias was not moved.")
    ]
    promotion: Annotated[
        PromotionAnswer | UnsetType, Meta(description="Only of a request with `promote_if`.")
    ] = UNSET
    loso: Annotated[
        Metrics | UnsetType, Meta(description="Metrics with each speaker left out once.")
    ] = UNSET
    enrolment: Annotated[
        list[Enrolment] | UnsetType, Meta(description="Only of an evaluation `full`.")
    ] = UNSET
    degraded: Annotated[
        dict[str, Degraded] | UnsetType,
        Meta(description="Results by degradation; only of an evaluation `full`."),
    ] = UNSET
    heard: Annotated[
        dict[str, Degraded] | UnsetType,
        Meta(
            description="Results by the duration that is heard of each utterance, from the "
            "beginning of its speech; only of an evaluation `full`."
        ),
    ] = UNSET
    coverage: Annotated[
        list[Coverage] | UnsetType, Meta(description="Only if speakers were left out.")
    ] = UNSET
    leave_one_text_out: Annotated[
        Metrics | UnsetType, Meta(description="Metrics with each text left out once.")
    ] = UNSET
    loso_by_corpus: Annotated[
        dict[str, Metrics] | UnsetType,
        Meta(description="With several corpora: `loso` for the utterances of each corpus."),
    ] = UNSET
    leave_one_corpus_out: Annotated[
        dict[str, Metrics] | UnsetType,
        Meta(
            description="With several corpora: metrics of each corpus, predicted after a training "
            "on all others. A corpus with an emotion that no other has is absent."
        ),
    ] = UNSET
    transfer: Annotated[
        list[Transfer] | UnsetType,
        Meta(description="With several corpora: the figures of each pair of corpora."),
    ] = UNSET
    corpora: Annotated[
        list[CorpusFacts] | UnsetType, Meta(description="The corpora, if there are several.")
    ] = UNSET
    split: Annotated[str, Meta(description="`utterance` or `speaker`, as requested.")]
    speaker_dependent: Annotated[
        bool,
        Meta(description="Whether `metrics` include, or may include, speakers of the training."),
    ]
    rejected: Annotated[list[Rejected], Meta(description="Sounds that were not used.")]
    chosen: Annotated[
        str | None,
        Meta(description="A sentence about the comparisons behind the default recipe."),
    ]
    seconds: Annotated[dict[str, float], Meta(description="Duration of each step in seconds.")]
