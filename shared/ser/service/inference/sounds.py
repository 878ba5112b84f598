"""The sounds that a request carries or names, and their signals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple, NoReturn, TypeVar

import msgspec

from ser import sounds as audio
from ser._metadata import FIELDS
from ser._schemas import shown
from ser.errors import (
    AlteredModel,
    Fault,
    InvalidInput,
    Location,
    NotFound,
    SerError,
    TooLarge,
    within,
)
from ser.limits import Limit
from ser.registry import PublishedModel
from ser.service.inference.request import PredictRequest
from ser.service.inference.uploads import Fetcher, Uploads
from ser.service.settings import Settings

T = TypeVar("T")

WASTED_SECONDS = 30.0
"""Time for sounds of a request that cannot be judged: those after it are not read. The sounds that
can be judged are bounded by their duration."""


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
    read: Callable[[], bytes]
    """Returns the bytes of its file, or raises a :class:`~ser.errors.SerError`."""
    known: Mapping[str, str | None]
    ground_truth: str | None = None
    silence_allowed: bool = True


def uploaded_sounds(request: PredictRequest, fetcher: Fetcher) -> Iterator[RequestedSound]:
    """Yield the uploaded sounds for prediction."""
    for loc, upload in (request.audio or Uploads()).located("audio"):
        yield RequestedSound(loc, upload.name, partial(upload.read, fetcher), request.known)


def enrolment_sounds(
    request: PredictRequest, field: str, fetcher: Fetcher
) -> Iterator[RequestedSound]:
    """Yield the sounds in ``field``, one of :data:`.ENROLMENTS`."""
    uploads: Uploads | None = getattr(request, field)
    for loc, upload in (uploads or Uploads()).located(field):
        read = partial(upload.read, fetcher)
        yield RequestedSound(loc, upload.name, read, {}, silence_allowed=False)


def held_out_sounds(request: PredictRequest, published: PublishedModel) -> Iterator[RequestedSound]:
    """Yield the held-out utterances that ``request`` names.

    Raises
    ------
    NotFound
        Some names are not held out; the message lists all of them. If the request asks for a
        report of errors, reading such a sound raises it instead.
    AlteredModel
        The manifest differs from the published one.
    """
    try:
        samples = msgspec.convert(published.manifest, HeldOut).samples
    except msgspec.ValidationError as error:
        raise AlteredModel(
            f"The manifest of model {published.model_id} is damaged: {error}."
        ) from error
    names = list(numbered("sample_name", request.sample_name))
    unknown = [name for _, name in names if name not in samples]
    if unknown and not request.reports_errors:
        refuse_names(published, samples, unknown)
    for loc, name in names:
        if sample := samples.get(name):
            known = {field: getattr(sample, field) for field in FIELDS}
            read = partial(published.read, f"samples/{name}")
            yield RequestedSound(loc, name, read, known, sample.ground_truth)
        else:
            yield RequestedSound(loc, name, partial(refuse_names, published, samples, [name]), {})


def refuse_names(
    published: PublishedModel, samples: Mapping[str, Sample], unknown: list[str]
) -> NoReturn:
    """Raise :class:`NotFound` for names that are not held out."""
    raise NotFound(
        f"Model {published.model_id} holds out no {shown(unknown)}; "
        f"allowed: {len(samples)} names such as {', '.join(sorted(samples)[:3])} "
        "(test_samples in the answer of /train)."
    )


def numbered(field: str, values: T | list[T] | None) -> Iterator[tuple[Location, T]]:
    """Yield the value or the values of ``field``, each with its location."""
    if isinstance(values, list):
        yield from (((field, index), value) for index, value in enumerate(values))
    elif values is not None:
        yield (field,), values


def read_signals(
    sounds: Iterable[RequestedSound], settings: Settings
) -> Iterator[audio.Signal | SerError]:
    """Yield for each of ``sounds`` its signal, or the error because of which it has none.

    A sound that makes all sounds together longer than ``SER_MAX_AUDIO_SECONDS`` is
    :class:`TooLarge`.
    """
    left, wasted = settings.max_audio_seconds, 0.0
    for sound in sounds:
        began = time.monotonic()
        try:
            if wasted > WASTED_SECONDS:
                raise TooLarge(
                    f"It took {wasted:.0f} s to read the sounds that cannot be judged, so this one "
                    f"was not read; allowed: {WASTED_SECONDS:g} s."
                )
            # Only one file is in memory at a time.
            signal = read_signal(sound, left, settings)
        except SerError as error:
            wasted += time.monotonic() - began
            yield without_frames(error)
        else:
            left -= len(signal) / audio.SAMPLING_RATE
            yield signal


def without_frames(error: SerError) -> SerError:
    """Return ``error`` without the frames that raised it: they hold the bytes of the sound, and
    there may be a thousand errors."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def read_signal(sound: RequestedSound, left: float, settings: Settings) -> audio.Signal:
    """Return the signal of ``sound``; raise :class:`TooLarge` above ``left`` seconds."""
    with within(*sound.loc):
        data = sound.read()
        try:
            signal = audio.read_sound(data, limit=Limit(left))
        except TooLarge as error:
            raise TooLarge(
                f"The sounds of the request are longer than {settings.max_audio_seconds:g} s, "
                "the limit set by SER_MAX_AUDIO_SECONDS."
            ) from error
        return signal if sound.silence_allowed else audio.require_speech(signal)


def require_signals(outcomes: Iterable[audio.Signal | SerError]) -> list[audio.Signal]:
    """Return the signals in ``outcomes``.

    Raises
    ------
    InvalidInput
        One fault for each sound that cannot be read, or is silent where speech is required.
    SerError
        The first error of another kind; the sounds after it are not read.
    """
    signals: list[audio.Signal] = []
    faults: list[Fault] = []
    for outcome in outcomes:
        if isinstance(outcome, InvalidInput):
            faults += outcome.faults
        elif isinstance(outcome, SerError):
            raise outcome
        else:
            signals.append(outcome)
    if faults:
        raise InvalidInput(*faults)
    return signals
