"""The sounds that a request brings or names, on their way to signals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

import msgspec

from ser import sounds as audio
from ser._metadata import FIELDS
from ser._schemas import shown
from ser.errors import AlteredModel, Fault, InvalidInput, Location, NotFound, TooLarge, within
from ser.limits import Limit
from ser.registry import PublishedModel
from ser.service.inference.request import PredictRequest
from ser.service.settings import Settings

T = TypeVar("T")


class Sample(msgspec.Struct, frozen=True):
    """What a manifest says of a held-out utterance."""

    ground_truth: str
    speaker: str
    gender: str
    text: str


class Held(msgspec.Struct, frozen=True):
    """The part of a manifest that predict relies on."""

    samples: dict[str, Sample]


class Sound(NamedTuple):
    """What is to be judged, or to be learned from."""

    loc: Location
    """Where it stands in the request."""
    name: str | None
    data: bytes
    known: Mapping[str, str | None]
    ground_truth: str | None
    silence_allowed: bool


def uploaded(request: PredictRequest) -> Iterator[Sound]:
    """Yield the sounds that came with ``request`` to be judged."""
    for loc, data in numbered("audio", request.audio):
        yield Sound(loc, None, data, request.known, None, silence_allowed=True)


def enrolled(request: PredictRequest) -> Iterator[Sound]:
    """Yield the sounds that came with ``request`` to learn what the speaker sounds like."""
    for loc, data in numbered("enrolment", request.enrolment):
        yield Sound(loc, None, data, request.known, None, silence_allowed=False)


def held_out(request: PredictRequest, published: PublishedModel) -> Iterator[Sound]:
    """Yield the held-out utterances that ``request`` names.

    Raises
    ------
    NotFound
        Names that are not held out: all of them are listed.
    AlteredModel
        The manifest or a sound is not what was published.
    """
    try:
        samples = msgspec.convert(published.manifest, Held).samples
    except msgspec.ValidationError as error:
        raise AlteredModel(
            f"The manifest of model {published.model_id} is damaged: {error}."
        ) from error
    names = list(numbered("sample_name", request.sample_name))
    if unknown := [name for _, name in names if name not in samples]:
        raise NotFound(
            f"{shown(unknown)} not held out by model {published.model_id}; "
            f"allowed: {len(samples)} names such as {', '.join(sorted(samples)[:3])} "
            "(test_samples in the answer of /train)."
        )
    for loc, name in names:
        sample = samples[name]
        known = {field: getattr(sample, field) for field in FIELDS}
        data = published.read(f"samples/{name}")
        yield Sound(loc, name, data, known, sample.ground_truth, silence_allowed=True)


def numbered(field: str, values: T | list[T] | None) -> Iterator[tuple[Location, T]]:
    """Yield the values of ``field``, one or a list of them, each with its place."""
    if isinstance(values, list):
        yield from (((field, index), value) for index, value in enumerate(values))
    elif values is not None:
        yield (field,), values


def decode(sounds: Iterable[Sound], settings: Settings) -> list[audio.Signal]:
    """Return the signals of ``sounds``, which together may last ``SER_MAX_AUDIO_SECONDS``.

    Raises
    ------
    InvalidInput
        A fault for each sound that cannot be judged, or learned from.
    TooLarge
        They last longer.
    """
    signals: list[audio.Signal] = []
    faults: list[Fault] = []
    left = settings.max_audio_seconds
    for sound in sounds:
        try:
            with within(*sound.loc):
                signal = audio.read_sound(sound.data, limit=Limit(left))
                left -= len(signal) / audio.SAMPLING_RATE
                signals.append(signal if sound.silence_allowed else audio.require_speech(signal))
        except InvalidInput as error:
            faults += error.faults
        except TooLarge as error:
            raise TooLarge(
                f"The sounds of the request last longer than {settings.max_audio_seconds:g} s, "
                "the limit set by SER_MAX_AUDIO_SECONDS."
            ) from error
    if faults:
        raise InvalidInput(*faults)
    return signals
