"""Answers of the functions: the JSON objects that they send, errors excepted.

An optional field is absent from an answer that has no value for it.
"""

from __future__ import annotations

from ser.service.answers._base import Answer, Health, Problem, ProblemError, Status
from ser.service.answers._inference import (
    ListenAnswer,
    PredictAnswer,
    SegmentAnswer,
    SegmentLine,
    TurnAnswer,
    WholeAnswer,
)
from ser.service.answers._jobs import (
    EventsAnswer,
    JobAnswer,
    JobList,
    JobState,
    JobSummary,
    PredictJobAnswer,
)
from ser.service.answers._models import (
    AliasAnswer,
    AliasList,
    AliasMove,
    DeletedModel,
    ModelAnswer,
    ModelEntry,
    ModelFigures,
    ModelList,
)
from ser.service.answers._training import (
    Adapted,
    ClassMetrics,
    CorpusFacts,
    Coverage,
    Degraded,
    Enrolment,
    Metrics,
    PromotionAnswer,
    Rejected,
    ReliabilityBin,
    TrainAnswer,
    Transfer,
)

__all__ = [
    "Adapted",
    "AliasAnswer",
    "AliasList",
    "AliasMove",
    "Answer",
    "ClassMetrics",
    "CorpusFacts",
    "Coverage",
    "Degraded",
    "DeletedModel",
    "Enrolment",
    "EventsAnswer",
    "Health",
    "JobAnswer",
    "JobList",
    "JobState",
    "JobSummary",
    "ListenAnswer",
    "Metrics",
    "ModelAnswer",
    "ModelEntry",
    "ModelFigures",
    "ModelList",
    "PredictAnswer",
    "PredictJobAnswer",
    "Problem",
    "ProblemError",
    "PromotionAnswer",
    "Rejected",
    "ReliabilityBin",
    "SegmentAnswer",
    "SegmentLine",
    "Status",
    "TrainAnswer",
    "Transfer",
    "TurnAnswer",
    "WholeAnswer",
]
