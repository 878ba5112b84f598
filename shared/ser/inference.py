"""Answering: from the body of POST /predict to the probabilities of each utterance."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from ser import audio
from ser.access import Access
from ser.errors import AlteredModel, Fault, InvalidInput, Location, NotFound, TooLarge, within
from ser.metadata import FIELDS
from ser.model import Model
from ser.registry import PublishedModel, open_registry
from ser.schemas import Name, Schema, parse, shown
from ser.settings import Settings

T = TypeVar("T")


class PredictRequest(Schema, frozen=True, kw_only=True):
    """Which model is asked about which sounds."""

    model_id: Name
    model_save_path: Name
    sample_name: Name | list[Name] | None = None
    audio: bytes | list[bytes] | None = None
    speaker: Name | None = None
    gender: Name | None = None
    text: Name | None = None

    @classmethod
    def cross_check(cls, values: Mapping[str, Any], given: Mapping[str, Any]) -> Iterator[Fault]:
        del values
        names, sounds = (given.get(name) for name in ("sample_name", "audio"))
        if (names is None) == (sounds is None):
            number = "neither is given" if names is None else "both are given"
            yield Fault(("audio",), f"{number}; allowed: either audio or sample_name")
        for name, value in (("sample_name", names), ("audio", sounds)):
            if value == []:
                yield Fault((name,), "an empty list; allowed: one or more")


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
    """What is to be judged."""

    loc: Location
    """Where it stands in the request."""
    name: str | None
    data: bytes
    known: Mapping[str, str | None]
    ground_truth: str | None


class Kept(NamedTuple):
    """A model in memory; ``size`` is that of its file in bytes."""

    model: Model
    published: PublishedModel
    size: int


class Predictor:
    """Answers requests with the models it keeps.

    Parameters
    ----------
    max_bytes
        How many bytes of model files are kept; the one least recently used goes first.
    """

    def __init__(self, *, max_bytes: int = 256_000_000) -> None:
        self._max_bytes = max_bytes
        # A registry keeps its connection to the store.
        self._registry = lru_cache(maxsize=16)(open_registry)
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._loading: dict[tuple[str, str], threading.Lock] = {}
        self._lock = threading.Lock()

    def predict(self, body: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
        """Return the answer of POST /predict to ``body``.

        Raises
        ------
        InvalidInput, NotFound, TooLarge, AlteredModel
            A field or a sound does not fit, there is no such model or sample, a sound is too
            long, or the model's bytes are not those that were published.
        """
        request = read_predict_request(body, settings)
        with within("model_save_path"):
            model, published = self._model(request.model_save_path, request.model_id)
        sounds = list(held_out(request, published) if request.sample_name else uploaded(request))
        rows = [
            model.predict(signal, sound.known)
            for sound, signal in zip(sounds, decode(sounds, settings), strict=True)
        ]
        guesses = [model.labels[row.argmax()] for row in rows]
        keys = [str(label) for label in model.labels]
        return {
            "sample_name": [sound.name for sound in sounds],
            "ground_truth": [sound.ground_truth for sound in sounds],
            "prediction": [guess.code for guess in guesses],
            "probabilities": [dict(zip(keys, row.tolist(), strict=True)) for row in rows],
            "emotions": [guess.emotion for guess in guesses],
            "model_id": published.model_id,
        }

    def _model(self, uri: str, name: str) -> tuple[Model, PublishedModel]:
        """The model called ``name``, loaded once however many ask for it at the same time."""
        registry = self._registry(uri)
        key = uri, registry.resolve(name)
        with self._lock:
            # A lock for each model: one that is slow to come keeps nobody waiting for another.
            loading = self._loading.setdefault(key, threading.Lock())
        with loading:
            kept = self._kept.get(key)
            if kept is None:
                published = registry.model(key[1])
                data = published.read("model.onnx")
                kept = Kept(Model(data), published, len(data))
            self._keep(key, kept)
        return kept.model, kept.published

    def _keep(self, key: tuple[str, str], kept: Kept) -> None:
        """Keep the model as the one used last; the one used least recently goes first."""
        with self._lock:
            self._loading.pop(key, None)
            self._kept[key] = kept
            self._kept.move_to_end(key)
            while (
                len(self._kept) > 1 and sum(k.size for k in self._kept.values()) > self._max_bytes
            ):
                self._kept.popitem(last=False)


def read_predict_request(body: Mapping[str, Any], settings: Settings) -> PredictRequest:
    """Return the request in ``body``, its place resolved and checked."""
    location = Access(settings).location
    return parse(
        PredictRequest,
        {**settings.request_defaults, **body},
        checks={"model_save_path": location},
    )


def uploaded(request: PredictRequest) -> Iterator[Sound]:
    """Yield the sounds that came with ``request``."""
    known = {field: getattr(request, field) for field in FIELDS}
    for loc, data in numbered("audio", request.audio):
        yield Sound(loc, None, data, known, None)


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
        yield Sound(loc, name, published.read(f"samples/{name}"), known, sample.ground_truth)


def numbered(field: str, values: T | list[T] | None) -> Iterator[tuple[Location, T]]:
    """Yield the values of ``field``, one or a list of them, each with its place."""
    if isinstance(values, list):
        yield from (((field, index), value) for index, value in enumerate(values))
    elif values is not None:
        yield (field,), values


def decode(sounds: list[Sound], settings: Settings) -> list[audio.Signal]:
    """Return the signals of ``sounds``, which together may last ``SER_MAX_AUDIO_SECONDS``.

    Raises
    ------
    InvalidInput
        A fault for each sound that cannot be judged.
    TooLarge
        They last longer.
    """
    signals: list[audio.Signal] = []
    faults: list[Fault] = []
    left = settings.max_audio_seconds
    for sound in sounds:
        try:
            with within(*sound.loc):
                signals.append(audio.decode(sound.data, max_seconds=left))
                left -= len(signals[-1]) / audio.SAMPLING_RATE
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


def describe_predict() -> dict[str, Any]:
    """Return the OpenAPI document of POST /predict."""
    from ser.openapi import document

    query = {"description": "The other fields stand in the query.", "schema": {}}
    form = {
        "type": "object",
        "required": ["model_id", "audio"],
        "properties": {
            "model_id": {"type": "string"},
            "audio": {"type": "array", "items": {"type": "string", "format": "binary"}},
        },
    }
    strings = {"type": "array", "items": {"type": ["string", "null"]}}
    probabilities = {"type": "object", "additionalProperties": {"type": "number"}}
    return document(
        "/predict",
        "The emotions that sounds are heard to express",
        PredictRequest,
        answer={
            "type": "object",
            "properties": {
                "sample_name": strings,
                "ground_truth": strings,
                "prediction": strings,
                "probabilities": {"type": "array", "items": probabilities},
                "emotions": strings,
                "model_id": {"type": "string"},
            },
        },
        other_bodies={"multipart/form-data": {"schema": form}, "audio/*": query},
        optional=("model_save_path",),
    )
