"""Answering: from the body of POST /predict to the probabilities of each utterance."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, NamedTuple

import msgspec

from ser import audio
from ser.access import Access
from ser.errors import Fault, InvalidInput, NotFound, within
from ser.model import Model
from ser.registry import PublishedModel, open_registry
from ser.schemas import Schema, parse, shown
from ser.settings import Settings

NotEmpty = Annotated[str, msgspec.Meta(min_length=1)]


class PredictRequest(Schema, frozen=True, kw_only=True):
    """Which model is asked about which sounds."""

    model_id: NotEmpty
    model_save_path: NotEmpty
    sample_name: NotEmpty | list[NotEmpty] | None = None
    audio: bytes | list[bytes] | None = None
    speaker: str | None = None
    gender: str | None = None
    text: str | None = None

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


class Sound(NamedTuple):
    """What is to be judged."""

    name: str | None
    data: bytes
    known: Mapping[str, str | None]
    ground_truth: str | None


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
        self._kept: OrderedDict[tuple[str, str], tuple[Model, PublishedModel, int]] = OrderedDict()
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
            if key not in self._kept:
                published = registry.model(key[1])
                data = published.read("model.onnx")
                self._kept[key] = Model(data), published, len(data)
            self._kept.move_to_end(key)
            while len(self._kept) > 1 and sum(n for *_, n in self._kept.values()) > self._max_bytes:
                self._kept.popitem(last=False)
            model, published, _ = self._kept[key]
        return model, published


def read_predict_request(body: Mapping[str, Any], settings: Settings) -> PredictRequest:
    """Return the request in ``body``, its place resolved and checked."""
    defaults = {"model_save_path": settings.model_save_path} if settings.model_save_path else {}
    location = Access(settings).location
    return parse(PredictRequest, {**defaults, **body}, checks={"model_save_path": location})


def uploaded(request: PredictRequest) -> Iterator[Sound]:
    """Yield the sounds that came with ``request``."""
    sounds = request.audio if isinstance(request.audio, list) else [request.audio or b""]
    known = {"speaker": request.speaker, "gender": request.gender, "text": request.text}
    for data in sounds:
        yield Sound(None, data, known, None)


def held_out(request: PredictRequest, published: PublishedModel) -> Iterator[Sound]:
    """Yield the held-out utterances that ``request`` names.

    Raises
    ------
    NotFound
        Names that are not held out: all of them are listed.
    """
    names = request.sample_name
    names = names if isinstance(names, list) else [names or ""]
    samples = published.manifest["samples"]
    if unknown := [name for name in names if name not in samples]:
        raise NotFound(
            f"{shown(unknown)} not held out by model {published.model_id}; "
            f"allowed: {len(samples)} names such as {', '.join(sorted(samples)[:3])} "
            "(test_samples in the answer of /train)."
        )
    for name in names:
        sample = samples[name]
        yield Sound(name, published.read(f"samples/{name}"), sample, sample["ground_truth"])


def decode(sounds: list[Sound], settings: Settings) -> Iterator[audio.Signal]:
    """Yield the signals of ``sounds``, once all of them are known to be fit for judging."""
    signals, faults = [], []
    for index, sound in enumerate(sounds):
        try:
            with within("audio", index):
                signals.append(audio.decode(sound.data, max_seconds=settings.max_audio_seconds))
        except InvalidInput as error:
            faults += error.faults
    if faults:
        raise InvalidInput(*faults)
    yield from signals


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
