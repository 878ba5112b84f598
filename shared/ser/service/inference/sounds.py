"""The sounds that a request carries or names, and their signals."""

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
    """The entry of a held-out utterance in a manifest."""

    ground_truth: str
    speaker: str
    gender: str
    text: str


class HeldOut(msgspec.Struct, frozen=True):
    """The part of a manifest that predict reads."""

    samples: dict[str, Sample]


class RequestedSound(NamedTuple):
    """A sound of a request, for prediction or for enrolment."""

    loc: Location
    """The location of the sound in the request."""
    name: str | None
    data: bytes
    known: Mapping[str, str | None]
    ground_truth: str | None
    silence_allowed: bool


def uploaded_sounds(request: PredictRequest) -> Iterator[RequestedSound]:
    """Yield the uploaded sounds for prediction."""
    for loc, data in numbered("audio", request.audio):
        yield RequestedSound(loc, None, data, request.known, None, silence_allowed=True)


def enrolment_sounds(request: PredictRequest) -> Iterator[RequestedSound]:
    """Yield the sounds for enrolment."""
    for loc, data in numbered("enrolment", request.enrolment):
        yield RequestedSound(loc, None, data, request.known, None, silence_allowed=False)


def held_out_sounds(request: PredictRequest, published: PublishedModel) -> Iterator[RequestedSound]:
    """Yield the held-out utterances that ``request`` names.

    Raises
    ------
    NotFound
        Some names are not held out; the message lists all of them.
    AlteredModel
        The manifest or a sound differs from the published one.
    """
    try:
        samples = msgspec.convert(published.manifest, HeldOut).samples
    except msgspec.ValidationError as error:
        raise AlteredModel(
            f"The manifest of model {published.model_id} is damaged: {error}."
        ) from error
    names = list(numbered("sample_name", request.sample_name))
    if unknown := [name for _, name in names if name not in samples]:
        raise NotFound(
            f"Model {published.model_id} holds out no {shown(unknown)}; "
            f"allowed: {len(samples)} names such as {', '.join(sorted(samples)[:3])} "
            "(test_samples in the answer of /train)."
        )
    for loc, name in names:
        sample = samples[name]
        known = {field: getattr(sample, field) for field in FIELDS}
        data = published.read(f"samples/{name}")
        yield RequestedSound(loc, name, data, known, sample.ground_truth, silence_allowed=True)


def numbered(field: str, values: T | list[T] | None) -> Iterator[tuple[Location, T]]:
    """Yield the value or the values of ``field``, each with its location."""
    if isinstance(values, list):
        yield from (((field, index), value) for index, value in enumerate(values))
    elif values is not None:
        yield (field,), values


def read_signals(sounds: Iterable[RequestedSound], settings: Settings) -> list[audio.Signal]:
    """Return the signals of ``sounds``.

    Raises
    ------
    InvalidInput
        One fault for each sound that cannot be read, or is silent where speech is required.
    TooLarge
        The sounds together are longer than ``SER_MAX_AUDIO_SECONDS``.
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
                f"The sounds of the request are longer than {settings.max_audio_seconds:g} s, "
                "the limit set by SER_MAX_AUDIO_SECONDS."
            ) from error
    if faults:
        raise InvalidInput(*faults)
    return signals
