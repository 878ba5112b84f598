"""Answers of predict, except those about jobs."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ser._domain_profile import DomainProfile
from ser._speaker_profile import SpeakerProfile
from ser.service.answers._base import Answer, Problem


class SegmentAnswer(Answer, frozen=True, kw_only=True):
    """The prediction for one window of a sound."""

    begin: Annotated[float, Meta(description="Start of the window in the sound in seconds.")]
    end: Annotated[float, Meta(description="End of the window in seconds.")]
    emotion: Annotated[
        str | None,
        Meta(
            description="The emotion in English; null if less than a quarter of the window, and "
            "than 0.5 s, is speech, or if the confidence is below `abstain_below`."
        ),
    ]
    label: Annotated[str | None, Meta(description="The same in the code of the corpus.")]
    confidence: Annotated[float, Meta(description="The highest probability.")]
    probabilities: Annotated[
        dict[str, float], Meta(description="Probability of each emotion by label.")
    ]
    speech: Annotated[float, Meta(description="Share of the window that is speech, from 0 to 1.")]


class SegmentLine(SegmentAnswer, frozen=True, kw_only=True):
    """A line of a time line that is answered as it is computed."""

    sound: Annotated[int, Meta(description="Index of the sound in the request.")]


class TurnAnswer(Answer, frozen=True, kw_only=True):
    """Neighbouring windows with one emotion. Between turns is silence."""

    begin: Annotated[float, Meta(description="Start of the turn in the sound in seconds.")]
    end: Annotated[float, Meta(description="End of the turn in seconds.")]
    emotion: Annotated[str, Meta(description="The emotion in English.")]
    confidence: Annotated[float, Meta(description="Mean confidence of its segments.")]


class WholeAnswer(Answer, frozen=True, kw_only=True):
    """The prediction for a whole sound that was heard live; see :class:`PredictAnswer`."""

    emotion: str | None
    label: str | None
    confidence: float
    probabilities: dict[str, float]
    familiarity: float | None
    speech: bool
    too_short: bool
    reason: str | None


class ListenAnswer(Answer, frozen=True, kw_only=True):
    """The last message of GET /listen."""

    turns: list[TurnAnswer]
    timeline_note: str | None
    prediction: WholeAnswer | None
    """``None`` for a sound below 0.1 s or above ``SER_MAX_AUDIO_SECONDS``."""
    model_id: str


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
    confidence: Annotated[
        list[float | None],
        Meta(description="The highest probability: that of the emotion chosen, if there is one."),
    ]
    familiarity: Annotated[
        list[float | None],
        Meta(
            description="Resemblance to the sounds of the training, from 0 to 1: a low one means "
            "that a sound was recorded unlike them, not that its prediction is wrong. Null with "
            "models that do not measure it."
        ),
    ]
    reason: Annotated[
        list[str | None],
        Meta(
            description="The reason for which `prediction` is null: no speech, or a `confidence` "
            "below `abstain_below`; null for a sound with a prediction."
        ),
    ]
    segments: Annotated[
        list[list[SegmentAnswer] | None] | UnsetType,
        Meta(
            description="Only after a request with `timeline`: the windows of each sound in their "
            "order; null for a sound that cannot be judged."
        ),
    ] = UNSET
    turns: Annotated[
        list[list[TurnAnswer] | None] | UnsetType,
        Meta(
            description="Only after a request with `timeline`: neighbouring windows with one "
            "emotion, joined."
        ),
    ] = UNSET
    timeline_note: Annotated[
        list[str | None] | UnsetType,
        Meta(
            description="Only after a request with `timeline`: the reason why its segments are "
            "less certain than whole sounds; null if they are not."
        ),
    ] = UNSET
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
    domain_profile: Annotated[
        DomainProfile | UnsetType,
        Meta(
            description="Only after a request with `domain_enrolment` or `domain_profile`: the "
            "profile of the channel, room or corpus, to be sent with later requests."
        ),
    ] = UNSET
    model_id: Annotated[
        str,
        Meta(
            description="Id of the model, never an alias; `ready` for the model that is part of "
            "the software."
        ),
    ]
    alias: Annotated[
        str | UnsetType,
        Meta(
            description="Only of a request without `model_id`, to a registry: the alias that stood "
            "for it, `production` or `latest`."
        ),
    ] = UNSET
    notes: Annotated[
        list[str] | UnsetType,
        Meta(
            description="Only of the model `ready`: a sentence that says so, and what it was "
            "trained on."
        ),
    ] = UNSET
