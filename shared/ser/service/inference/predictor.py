"""The answers of predict."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from ser._speaker_profile import SpeakerProfile
from ser.errors import Fault, InvalidInput, NotFound, within
from ser.model import NO_PROFILE, Model
from ser.service.inference.models import Models
from ser.service.inference.request import PredictRequest, ReportRequest, read_request
from ser.service.inference.sounds import decode, enrolled, held_out, uploaded
from ser.service.settings import Settings
from ser.sounds import SAMPLING_RATE, Signal

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

T = TypeVar("T")

MAX_THREADS = 8
"""Each of which may be at a sound and take the memory of a chunk."""


class Predictor:
    """Answers requests with the models it keeps.

    Parameters
    ----------
    models
        Where models come from.
    """

    def __init__(self, models: Models | None = None) -> None:
        self._models = models or Models()

    def predict(self, body: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
        """Return the answer of POST /predict to ``body``.

        Raises
        ------
        InvalidInput, NotFound, TooLarge, Conflict
            A field or a sound does not fit, there is no such model or sample, the sounds are too
            long, or the model's bytes are not those that were published or not of this version.
        """
        request = read_request(PredictRequest, body, settings)
        with within("model_save_path"):
            kept = self._models.get(request.model_save_path, request.model_id)
        model, published = kept.model, kept.published
        check_profile(request, model)
        sounds = list(held_out(request, published) if request.sample_name else uploaded(request))
        signals = decode([*sounds, *enrolled(request)], settings)
        profile = self._speaker(request, model, signals[len(sounds) :])
        # The signals that are left over were enrolled.
        predictions = self._each(
            lambda sound, signal: model.predict(
                signal, SAMPLING_RATE, known=sound.known, profile=profile
            ),
            sounds,
            signals,
        )
        guesses = [prediction.label for prediction in predictions]
        keys = [str(label) for label in model.labels]
        return {
            "sample_name": [sound.name for sound in sounds],
            "ground_truth": [sound.ground_truth for sound in sounds],
            "speech": [prediction.speech for prediction in predictions],
            "prediction": [guess and guess.code for guess in guesses],
            "probabilities": [
                dict(zip(keys, prediction.probabilities.array.tolist(), strict=True))
                for prediction in predictions
            ],
            "emotions": [guess and guess.emotion for guess in guesses],
            **({"speaker_profile": msgspec.to_builtins(profile)} if profile else {}),
            "model_id": published.model_id,
        }

    def report(self, query: Mapping[str, Any], settings: Settings) -> tuple[str, bytes]:
        """Return the id of the model that ``query`` names, and its report: HTML in UTF-8.

        Raises
        ------
        InvalidInput, NotFound, AlteredModel
            A field does not fit, there is no such model or it has no report, or the report is not
            the one that was published.
        """
        request = read_request(ReportRequest, query, settings)
        with within("model_save_path"):
            published = self._models.registry(request.model_save_path).model(request.model_id)
            try:
                return published.model_id, published.read("report.html")
            except NotFound as error:
                detail = f"Model {published.model_id} was published without a report."
                raise NotFound(detail) from error

    def _speaker(
        self, request: PredictRequest, model: Model, signals: Sequence[Signal]
    ) -> SpeakerProfile | None:
        """What is known of the speaker after ``signals``, the sounds of ``enrolment``."""
        profiles = self._each(
            lambda signal: model.enrol([signal], SAMPLING_RATE, known=request.known), signals
        )
        if request.profile:
            profiles.append(request.profile)
        return SpeakerProfile.pooled(profiles) if profiles else None

    def _each(self, work: Callable[..., T], *arguments: Sequence[Any]) -> list[T]:
        """What ``work`` makes of each of ``arguments``, on all cores if there are several."""
        apply = map if len(arguments[0]) < 2 else self._threads.map
        return list(apply(work, *arguments))

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        """Those of all requests together; made in one, since threads do not outlive a fork."""
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(min(os.cpu_count() or 1, MAX_THREADS))


def check_profile(request: PredictRequest, model: Model) -> None:
    """Raise :class:`InvalidInput` if ``model`` does not take what is known of the speaker."""
    given = [f for f in ("enrolment", "speaker_profile") if getattr(request, f) is not None]
    if given and not model.takes_profile:
        raise InvalidInput(*(Fault((field,), NO_PROFILE) for field in given))
    if request.profile:
        with within("speaker_profile"):
            model.require_fit(request.profile)
