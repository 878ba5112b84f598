"""What may be asked: the bodies and queries that predict answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from ser._metadata import FIELDS
from ser._schemas import Name, Schema, parse
from ser._speaker_profile import SpeakerProfile
from ser.errors import Fault, InvalidInput, within
from ser.service.access import Access
from ser.service.settings import Settings

RequestT = TypeVar("RequestT", bound=Schema)


class PredictRequest(Schema, frozen=True, kw_only=True):
    """Which model is asked about which sounds."""

    # What each field means is told, to programs too, by ser.service.inference.description.FIELDS.
    model_id: Name
    model_save_path: Name
    sample_name: Name | list[Name] | None = None
    audio: bytes | list[bytes] | None = None
    enrolment: bytes | list[bytes] | None = None
    speaker_profile: dict[str, Any] | str | None = None
    speaker: Name | None = None
    gender: Name | None = None
    text: Name | None = None

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        names, sounds = (given.get(name) for name in ("sample_name", "audio"))
        if (names is None) == (sounds is None):
            number = "neither is given" if names is None else "both are given"
            yield Fault(("audio",), f"{number}; allowed: either audio or sample_name")
        for name in ("sample_name", "audio", "enrolment"):
            if given.get(name) == []:
                yield Fault((name,), "an empty list; allowed: one or more")
        try:
            read_profile(values.get("speaker_profile"))
        except InvalidInput as error:
            yield from error.faults

    @property
    def known(self) -> dict[str, str | None]:
        """What the request says of the speaker and the text."""
        return {field: getattr(self, field) for field in FIELDS}

    @property
    def profile(self) -> SpeakerProfile | None:
        """What ``speaker_profile`` describes."""
        return read_profile(self.speaker_profile)


def read_profile(value: object) -> SpeakerProfile | None:
    """Return the profile that the field ``speaker_profile`` holds, if any."""
    with within("speaker_profile"):
        return None if value is None else SpeakerProfile.parse(value)


class ReportRequest(Schema, frozen=True, kw_only=True):
    """Which model is reported on."""

    model_id: Name
    model_save_path: Name


def read_request(kind: type[RequestT], body: Mapping[str, Any], settings: Settings) -> RequestT:
    """Return the request in ``body`` as a ``kind``, its place resolved and checked."""
    location = Access(settings).location
    return parse(kind, {**settings.request_defaults, **body}, checks={"model_save_path": location})
