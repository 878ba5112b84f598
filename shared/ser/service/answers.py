"""Answers of the functions: the JSON objects that they send, errors excepted.

An optional field is absent from an answer that has no value for it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from ser._speaker_profile import SpeakerProfile


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all answers and their parts."""


class Status(Answer, frozen=True, kw_only=True):
    """The answer of a function's root."""

    status: Annotated[str, Meta(description="`OK!`")] = msgspec.field(name="Status")
    endpoints: Annotated[list[str], Meta(description="The paths of the function.")] = msgspec.field(
        name="Available Endpoints"
    )


class Health(Answer, frozen=True, kw_only=True):
    """The state of a function."""

    status: Annotated[str, Meta(description="`ok` while the function is running.")]


class Problem(Answer, frozen=True, kw_only=True):
    """A problem document (RFC 9457)."""

    type: Annotated[str, Meta(description="A URN that identifies the kind of problem.")]
    title: Annotated[str, Meta(description="The kind of problem in words.")]
    status: Annotated[int, Meta(description="The HTTP status.")]
    detail: Annotated[
        str, Meta(description="An explanation that names the bad value and the allowed ones.")
    ]
    errors: Annotated[
        list[ProblemError] | UnsetType,
        Meta(description="With status 422: one entry for each fault."),
    ] = UNSET
    instance: Annotated[
        str | UnsetType,
        Meta(description="Id of the request; absent where a job or one of several sounds failed."),
    ] = UNSET


class ProblemError(Answer, frozen=True, kw_only=True):
    """One bad value of a request."""

    loc: Annotated[
        list[str | int],
        Meta(description="Path to the value: field names and list indices, outermost first."),
    ]
    msg: Annotated[str, Meta(description="The reason, with the allowed values.")]


class PredictAnswer(Answer, frozen=True, kw_only=True):
    """Predictions. Lists are parallel: one entry for each sound of the request."""

    sample_name: Annotated[
        list[str | None],
        Meta(
            description="Names of held-out utterances and of uploaded files, the latter without "
            "folders and unprintable characters; null for a sound without a name. Equal names "
            "stay equal: the order is that of the request."
        ),
    ]
    ground_truth: Annotated[
        list[str | None], Meta(description="True labels of held-out utterances; null for uploads.")
    ]
    speech: Annotated[
        list[bool | None],
        Meta(
            description="False for a sound in which no voice speaks. Its `prediction` and "
            "`emotions` are null, and its `probabilities` are equal."
        ),
    ]
    too_short: Annotated[
        list[bool | None],
        Meta(
            description="True for a sound with less than 0.5 s of speech: its `probabilities` are "
            "uncertain. Always false with models of versions before 0.2."
        ),
    ]
    prediction: Annotated[
        list[str | None], Meta(description="Labels in the code of the corpus, such as `W`.")
    ]
    probabilities: Annotated[
        list[dict[str, float] | None],
        Meta(description="Probability of each emotion by label; the sum of each entry is 1."),
    ]
    emotions: Annotated[list[str | None], Meta(description="Labels in English, such as `anger`.")]
    errors: Annotated[
        list[Problem | None] | UnsetType,
        Meta(
            description="Only after a request with `on_error: report`: the problem of each sound "
            "that cannot be judged, all other values of which are null; null for all others."
        ),
    ] = UNSET
    speaker_profile: Annotated[
        SpeakerProfile | UnsetType,
        Meta(
            description="Only after a request with `enrolment` or `speaker_profile`: the profile "
            "of the speaker, to be sent with later requests."
        ),
    ] = UNSET
    model_id: Annotated[
        str,
        Meta(
            description="Id of the model, never an alias; `ready` for the model that is part of "
            "the software."
        ),
    ]
    notes: Annotated[
        list[str] | UnsetType,
        Meta(
            description="Only of the model `ready`: a sentence that says so, and what it was "
            "trained on."
        ),
    ] = UNSET


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


class Metrics(Answer, frozen=True, kw_only=True):
    """Figures of an evaluation."""

    uar: Annotated[float, Meta(description="Unweighted average recall.")]
    uar_deviation: Annotated[
        float | UnsetType,
        Meta(description="Standard deviation of the UARs of speakers; absent with fewer than two."),
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


class Coverage(Answer, frozen=True, kw_only=True):
    """Figures of the most confident predictions alone."""

    coverage: Annotated[float, Meta(description="Share of the utterances that are predicted.")]
    confidence: Annotated[
        float,
        Meta(description="Lowest confidence among them, as for `abstain_below` of POST /predict."),
    ]
    uar: Annotated[float, Meta(description="Mean recall of the emotions that occur among them.")]
    wa: Annotated[float, Meta(description="Share of correct predictions among them.")]


class Degraded(Answer, frozen=True, kw_only=True):
    """UAR of degraded sounds."""

    uar: Annotated[float, Meta(description="UAR after the degradation.")]
    lost: Annotated[float, Meta(description="Difference to the UAR before it.")]


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


class TrainAnswer(Answer, frozen=True, kw_only=True):
    """A published model and its evaluation."""

    model_id: str
    test_samples: Annotated[list[str], Meta(description="Names of the held-out utterances.")]
    classes: Annotated[list[str], Meta(description="Labels, such as `W - Ärger (Wut)`.")]
    metrics: Annotated[Metrics, Meta(description="Metrics of the held-out utterances.")]
    notes: Annotated[
        list[str], Meta(description="Remarks, such as the reason why an alias was not moved.")
    ]
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
    coverage: Annotated[
        list[Coverage] | UnsetType, Meta(description="Only of an evaluation `full`.")
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


class JobState(Answer, frozen=True, kw_only=True):
    """The state of a job."""

    job_id: Annotated[str, Meta(description="Id of the job, and of the model of a training.")]
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    stage: Annotated[str, Meta(description="The current step.")]
    progress: Annotated[float, Meta(description="Completed share of the step, from 0 to 1.")]
    attempts: Annotated[int, Meta(description="Number of attempts so far.")]
    created_at: datetime
    begun_at: datetime | None
    ended_at: datetime | None
    trigger: Annotated[
        dict[str, str] | None,
        Meta(
            description="The object whose arrival created the job: `uri`, `bucket`, `key`, "
            "`version` and `etag`."
        ),
    ]


class JobSummary(JobState, frozen=True, kw_only=True):
    """A job as lists show it: without request and result."""

    problem: Annotated[
        Problem | None, Meta(description="The failure of the job, or of its last attempt.")
    ]


class JobAnswer(JobState, frozen=True, kw_only=True):
    """A job with its request and its result."""

    request: Annotated[
        dict[str, Any], Meta(description="The body of POST /train, without secrets.")
    ]
    result: Annotated[
        TrainAnswer | None, Meta(description="The answer of POST /train, once succeeded.")
    ]
    problem: Annotated[
        Problem | None, Meta(description="The failure of the job, or of its last attempt.")
    ]


class PredictJobAnswer(JobState, frozen=True, kw_only=True):
    """A job of predict with its request and its result."""

    request: Annotated[
        dict[str, Any],
        Meta(
            description="The fields of POST /predict, with names and addresses in place of sounds."
        ),
    ]
    result: Annotated[
        PredictAnswer | None, Meta(description="The answer of POST /predict, once succeeded.")
    ]
    problem: Annotated[
        Problem | None, Meta(description="The failure of the job, or of its last attempt.")
    ]


class JobList(Answer, frozen=True, kw_only=True):
    """Jobs, newest first."""

    jobs: list[JobSummary]


class EventsAnswer(Answer, frozen=True, kw_only=True):
    """The jobs of a notification, all of which have ended, and the objects refused."""

    jobs: list[JobSummary]
    refused: Annotated[
        list[Problem], Meta(description="One problem for each object that is not identified.")
    ]
