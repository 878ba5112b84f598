"""Requests of predict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from msgspec import Meta
from msgspec.structs import replace

from ser import _metadata
from ser._domain_profile import DomainProfile
from ser._schemas import Name, Schema, parse
from ser._speaker_profile import SpeakerProfile
from ser.errors import Fault, InvalidInput
from ser.registry import READY
from ser.service.access import Access
from ser.service.inference.timelines import TimelineRequest
from ser.service.inference.uploads import Uploads
from ser.service.settings import Settings

RequestT = TypeVar("RequestT", bound=Schema)

ModelName = Annotated[
    Name,
    Meta(
        description="The model: an id, an alias such as `latest` or `production`, or `ready`, the "
        "model that is part of the software."
    ),
]
ModelSavePath = Annotated[
    Name | None,
    Meta(
        description="The registry of models: a folder or `s3://bucket/prefix`. May be missing "
        "where the setting `SER_MODEL_SAVE_PATH` names one, and for the model `ready`."
    ),
]

ENROLMENTS = ("enrolment", "domain_enrolment")
"""The fields with sounds that the model is adapted to."""
LISTS = ("sample_name", "audio", *ENROLMENTS)
"""The fields that may be lists of sounds."""


class PredictRequest(Schema, frozen=True, kw_only=True):
    """A model, and the sounds whose emotions it predicts: either `audio` or `sample_name`."""

    model_id: Annotated[
        Name | None,
        Meta(
            description="The model: an id, an alias such as `latest`, or `ready`, the model that "
            "is part of the software. Default: the alias `production` if there is one, else "
            "`latest`; without a registry `ready`."
        ),
    ] = None
    model_save_path: ModelSavePath = None
    sample_name: Annotated[
        Name | list[Name] | None,
        Meta(description="Held-out utterances of the model: `test_samples` in its /train answer."),
    ] = None
    audio: Annotated[
        Uploads | None,
        Meta(
            description="The sounds: files in any format that libsndfile reads, in base64 of any "
            "dialect or as a data URL, or their addresses."
        ),
    ] = None
    enrolment: Annotated[
        Uploads | None,
        Meta(
            description="Other sounds of the speaker, from which the model learns the voice: all "
            "sounds of the request must be of one speaker. Some 20 with various emotions help most."
        ),
    ] = None
    speaker_profile: Annotated[
        SpeakerProfile | None,
        Meta(
            description="`speaker_profile` of an earlier answer. It is extended by the sounds of "
            "`enrolment`, and fits every model whose front-end has the same digest."
        ),
    ] = None
    domain_enrolment: Annotated[
        Uploads | None,
        Meta(
            description="Other sounds of the same channel, room or corpus, preferably of many "
            "speakers and emotions, whose mean the model takes in place of that of its training. "
            "No labels are needed; some 20 sounds are enough."
        ),
    ] = None
    domain_profile: Annotated[
        DomainProfile | None,
        Meta(
            description="`domain_profile` of an earlier answer. It is extended by the sounds of "
            "`domain_enrolment`, and fits every model whose front-end has the same digest."
        ),
    ] = None
    timeline: Annotated[
        TimelineRequest | bool | None,
        Meta(
            description="Asks for the emotions over time, beside those of each whole sound: "
            "predictions for windows of `window` seconds that begin every `step` seconds. `true`: "
            "the default ones. In a form or a query also two numbers, such as `2.0,0.5`."
        ),
    ] = None
    abstain_below: Annotated[
        Annotated[float, Meta(ge=0, le=1)] | None,
        Meta(
            description="A confidence from 0 to 1: the `prediction` and `emotions` of a sound with "
            "a lower one are null, and `reason` says so. Its probabilities are answered."
        ),
    ] = None
    speaker: Annotated[
        Name | None,
        Meta(description="The speaker, for models trained on SpeakerAndGenderAndTextType."),
    ] = None
    gender: Annotated[Name | None, Meta(description="The gender, for the same models.")] = None
    text: Annotated[Name | None, Meta(description="The sentence, for the same models.")] = None
    on_error: Annotated[
        Literal["refuse", "report"],
        Meta(
            description="`refuse`: one sound that cannot be judged makes the whole request a "
            "problem. `report`: the others are answered, and `errors` has its problem."
        ),
    ] = "refuse"

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del values
        yield from registry_faults(given)
        if given.get("model_id") == READY and given.get("sample_name") is not None:
            yield Fault(
                ("sample_name",),
                f"the model {READY!r} has no held-out utterances; allowed: audio, or another model "
                "with its model_save_path",
            )
        names, sounds = (given.get(name) for name in ("sample_name", "audio"))
        if (names is None) == (sounds is None):
            number = "neither is given" if names is None else "both are given"
            yield Fault(("audio",), f"{number}; allowed: either audio or sample_name")
        for name in LISTS:
            if given.get(name) == []:
                yield Fault((name,), "an empty list; allowed: one or more")
        if isinstance(names, list) and len(set(map(str, names))) < len(names):
            # Each is decoded anew.
            yield Fault(("sample_name",), "a name is given twice; allowed: each name once")

    @property
    def reports_errors(self) -> bool:
        """Whether the answer reports the sounds that cannot be judged."""
        return self.on_error == "report"

    @property
    def windows(self) -> TimelineRequest | None:
        """The windows of the time line; ``None``: none is asked for."""
        return self.timeline if isinstance(self.timeline, TimelineRequest) else None

    @property
    def known(self) -> dict[str, str | None]:
        """The metadata of the sounds, by name."""
        return {name: getattr(self, name) for name in _metadata.FIELDS}


def with_timeline(request: PredictRequest) -> PredictRequest:
    """Return ``request`` with the default time line if it asks for none."""
    return request if request.windows else replace(request, timeline=TimelineRequest())


class ReportRequest(Schema, frozen=True, kw_only=True):
    """The model of a report."""

    model_id: ModelName
    model_save_path: ModelSavePath = None

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del values
        yield from registry_faults(given)


def registry_faults(given: Mapping[str, Any]) -> Iterator[Fault]:
    """Yield a fault if the model of a request needs a registry, and there is none."""
    if given.get("model_save_path") is None and given.get("model_id") != READY:
        yield Fault(
            ("model_save_path",),
            f"missing; allowed: a registry, or the model_id {READY!r}, which needs none",
        )


def read_request(kind: type[RequestT], fields: Mapping[str, Any], settings: Settings) -> RequestT:
    """Return the request in ``fields`` as a ``kind``; its registry is resolved and allowed.

    A request for neither a model nor a registry is one for the model that is part of the package.

    Raises
    ------
    InvalidInput
        One fault for each field that does not fit.
    """
    require_few_sounds(fields, settings)
    given = {**settings.request_defaults, **fields}
    if all(given.get(name) is None for name in ("model_id", "model_save_path")):
        given["model_id"] = READY
    return parse(kind, given, checks={"model_save_path": partial(allowed_location, settings)})


def require_few_sounds(fields: Mapping[str, Any], settings: Settings) -> None:
    """Raise :class:`InvalidInput` for lists that are longer than ``SER_MAX_SOUNDS``, before any
    time is spent on their items."""
    faults = [
        Fault(
            (name,),
            f"a list of {len(fields[name]):,}; allowed: at most {settings.max_sounds:,}, the limit "
            "set by SER_MAX_SOUNDS",
        )
        for name in LISTS
        if isinstance(fields.get(name), list) and len(fields[name]) > settings.max_sounds
    ]
    if faults:
        raise InvalidInput(*faults)


def allowed_location(settings: Settings, place: str | None) -> str | None:
    """Return the registry at ``place`` if ``settings`` allow it; see :meth:`.Access.location`."""
    return None if place is None else Access(settings).location(place)
