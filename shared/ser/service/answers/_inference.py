"""Answers of predict, except those about jobs."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ser._domain_profile import DomainProfile
from ser._speaker_profile import SpeakerProfile
from ser.service.answers._base import Answer, Problem


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
