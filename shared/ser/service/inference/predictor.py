"""Computes the answers of predict."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import msgspec
from msgspec import UNSET

from ser._domain_profile import DomainProfile
from ser._speaker_profile import SpeakerProfile
from ser._timeline import Timeline
from ser.errors import Fault, InvalidInput, NotFound, SerError, within
from ser.model import NO_DOMAIN_PROFILE, NO_PROFILE, Model, Prediction
from ser.registry import READY, PublishedModel
from ser.service import problems
from ser.service.answers import PredictAnswer, Problem, SegmentLine
from ser.service.callers import Caller
from ser.service.inference import timelines
from ser.service.inference.request import ENROLMENTS, PredictRequest, ReportRequest
from ser.service.inference.sounds import (
    RequestedSound,
    enrolment_sounds,
    held_out_sounds,
    read_signals,
    require_signals,
    uploaded_sounds,
)
from ser.service.inference.uploads import Fetcher
from ser.service.models import Found, Models
from ser.service.observation import Sound, observed, stage
from ser.service.settings import Settings
from ser.sounds import SAMPLING_RATE, Signal

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor


T = TypeVar("T")

MAX_THREADS = 8
"""Largest number of threads; each may hold the memory of one chunk of sound."""


def ignore_charge(seconds: float) -> None:
    """Count nothing: for callers without a quota."""
    del seconds


class Profiles(NamedTuple):
    """The profiles that a request is answered with."""

    speaker: SpeakerProfile | None
    domain: DomainProfile | None


class Task(NamedTuple):
    """A request that has been read: the model, and all that it judges."""

    request: PredictRequest
    found: Found
    sounds: Sequence[RequestedSound]
    signals: Sequence[Signal | SerError]
    """The signal of each sound, or the error because of which it has none."""
    profiles: Profiles

    @property
    def model(self) -> PublishedModel:
        """The model."""
        return self.found.model

    def options(self, sound: RequestedSound) -> dict[str, Any]:
        """Return the options with which the model judges ``sound``."""
        return {
            "known": sound.known,
            "profile": self.profiles.speaker,
            "domain": self.profiles.domain,
            "abstain_below": self.request.abstain_below,
        }


class Predictor:
    """Answers requests with models that it keeps in memory.

    Parameters
    ----------
    models
        The models; default: a new, empty collection.
    """

    def __init__(self, models: Models | None = None) -> None:
        self._models = models or Models()

    def predict(
        self,
        request: PredictRequest,
        settings: Settings,
        charge: Callable[[float], None] = ignore_charge,
    ) -> PredictAnswer:
        """Return the answer of POST /predict to ``request``.

        Parameters
        ----------
        charge
            Called with the seconds of all sounds once they are decoded; its errors are raised.

        Raises
        ------
        InvalidInput, NotFound, TooLarge, Conflict
            A sound or profile does not fit, the model or a sample does not exist, the sounds are
            too long, or the model's bytes are damaged or of another version.
        """
        task = self._read(request, settings, charge)
        if not request.windows:
            return self._answer(task)
        *_, answer = self._lines(task, request.windows)
        assert isinstance(answer, PredictAnswer)
        return answer

    def lines(
        self,
        request: PredictRequest,
        settings: Settings,
        charge: Callable[[float], None] = ignore_charge,
    ) -> Iterator[SegmentLine | PredictAnswer]:
        """Return the segments of a request with a time line as they are computed, and the answer
        of :meth:`predict` as the last item.

        Its parameters and errors are those of :meth:`predict`; the sounds are read at once.
        """
        assert request.windows is not None
        return self._lines(self._read(request, settings, charge), request.windows)

    def timeline(
        self,
        request: PredictRequest,
        form: str,
        settings: Settings,
        charge: Callable[[float], None] = ignore_charge,
    ) -> Timeline:
        """Return the time line of the only sound of ``request``, for an answer of the media type
        ``form``; otherwise as :meth:`predict`."""
        assert request.windows is not None
        task = self._read(request, settings, charge)
        timelines.require_one(form, len(task.sounds))
        (sound,), (signal,) = task.sounds, task.signals
        if isinstance(signal, SerError):
            raise signal
        return self._timeline(task, request.windows, sound, signal)

    def _read(
        self, request: PredictRequest, settings: Settings, charge: Callable[[float], None]
    ) -> Task:
        """Return the model, the sounds and the profiles of ``request``."""
        with stage("model"), within("model_save_path"):
            found = self._models.find(
                request.model_save_path, request.model_id, settings.model_rules
            )
        model = found.model
        check_profiles(request, model)
        fetcher = Fetcher(settings)
        sounds = (
            list(held_out_sounds(request, model))
            if request.sample_name
            else list(uploaded_sounds(request, fetcher))
        )
        enrolled = [list(enrolment_sounds(request, field, fetcher)) for field in ENROLMENTS]
        outcomes: Iterator[Signal | SerError] = read_signals(chain(sounds, *enrolled), settings)
        with stage("decode"):
            if not request.reports_errors:
                outcomes = iter(require_signals(outcomes))
            heard = list(islice(outcomes, len(sounds)))
            enrolments = require_signals(outcomes)
        seconds = duration(heard) + duration(enrolments)
        note_request(model, seconds)
        if request.windows:
            timelines.require_bounds(request.windows, model, heard, settings)
        charge(seconds)
        signals = iter(enrolments)
        with stage("enrol"):
            profiles = self._profiles(
                request, model, *(list(islice(signals, len(each))) for each in enrolled)
            )
        return Task(request, found, sounds, heard, profiles)

    def _answer(self, task: Task) -> PredictAnswer:
        """Return the answer to a request without a time line."""

        def judge(sound: RequestedSound, signal: Signal | SerError) -> Prediction | SerError:
            if isinstance(signal, SerError):
                return signal
            return task.model.predict(signal, SAMPLING_RATE, **task.options(sound))

        with stage("predict"):
            judgements = self._map(judge, task.sounds, task.signals)
        note_judgements(judgements)
        return answer_of(task, judgements)

    def _lines(
        self, task: Task, windows: timelines.TimelineRequest
    ) -> Iterator[SegmentLine | PredictAnswer]:
        names = names_of(task.model)
        found: list[Timeline | SerError] = []
        wholes: list[Future[Prediction] | SerError] = []
        try:
            for index, (sound, signal) in enumerate(zip(task.sounds, task.signals, strict=True)):
                if isinstance(signal, SerError):
                    found.append(signal)
                    wholes.append(signal)
                    continue
                timeline = self._timeline(task, windows, sound, signal)
                found.append(timeline)
                # The whole sound is judged beside its windows.
                wholes.append(self._threads.submit(getattr, timeline, "prediction"))
                for segment in timeline:
                    yield timelines.line_of(index, segment, names)
            judgements = [each if isinstance(each, SerError) else each.result() for each in wholes]
        finally:
            for each in wholes:
                if not isinstance(each, SerError):
                    each.cancel()
        note_judgements(judgements)
        answer = answer_of(task, judgements)
        shown = [None if isinstance(each, SerError) else each for each in found]
        yield msgspec.structs.replace(
            answer,
            segments=[each and timelines.segments_of(each, names) for each in shown],
            turns=[each and timelines.turns_of(each.turns) for each in shown],
            timeline_note=[each and each.note for each in shown],
        )

    def _timeline(
        self,
        task: Task,
        windows: timelines.TimelineRequest,
        sound: RequestedSound,
        signal: Signal,
    ) -> Timeline:
        return task.model.timeline(
            signal,
            SAMPLING_RATE,
            window=windows.window,
            step=windows.step,
            jobs=min(os.cpu_count() or 1, MAX_THREADS),
            **task.options(sound),
        )

    def report(self, request: ReportRequest, settings: Settings) -> tuple[str, bytes]:
        """Return the id of the model of ``request``, and its report: HTML in UTF-8.

        Raises
        ------
        InvalidInput, NotFound, AlteredModel
            The registry cannot be read, there is no such model or it has no report, or the report
            is damaged or was not made by ser.
        """
        with within("model_save_path"):
            published = self._models.published(
                request.model_save_path, request.model_id, settings.model_rules
            )
            try:
                return published.model_id, published.read_report()
            except NotFound as error:
                detail = f"Model {published.model_id} was published without a report."
                raise NotFound(detail) from error

    def _profiles(
        self,
        request: PredictRequest,
        model: Model,
        of_speaker: Sequence[Signal],
        of_domain: Sequence[Signal],
    ) -> Profiles:
        """Return the profiles of ``request``, extended by the sounds of its enrolments."""
        speakers = self._map(
            lambda signal: model.enrol([signal], SAMPLING_RATE, known=request.known), of_speaker
        )
        # The metadata of the request are not those of the many speakers of a domain.
        domains = self._map(lambda signal: model.enrol_domain([signal], SAMPLING_RATE), of_domain)
        if request.speaker_profile:
            speakers.append(request.speaker_profile)
        if request.domain_profile:
            domains.append(request.domain_profile)
        return Profiles(
            SpeakerProfile.pooled(speakers) if speakers else None,
            DomainProfile.pooled(domains) if domains else None,
        )

    def _map(self, work: Callable[..., T], *arguments: Sequence[Any]) -> list[T]:
        """Return the results of ``work`` for each of ``arguments``; several use all cores."""
        apply = map if len(arguments[0]) < 2 else self._threads.map
        return list(apply(work, *arguments))

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        """The threads of all requests, made by the first: threads do not survive a fork."""
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(min(os.cpu_count() or 1, MAX_THREADS))


def note_request(model: PublishedModel, seconds: float) -> None:
    """Note the model and the duration of all sounds for logs and metrics."""
    seen = observed()
    seen.model_id, seen.sound_seconds = model.model_id, seconds


def note_judgements(judgements: Sequence[Prediction | SerError]) -> None:
    """Note the predictions for metrics."""
    observed().sounds += [
        Sound(each.emotion, each.confidence, each.speech)
        for each in judgements
        if not isinstance(each, SerError)
    ]


def duration(sounds: Sequence[Signal | SerError]) -> float:
    """Return the seconds of those of ``sounds`` that could be decoded."""
    return sum(len(each) for each in sounds if not isinstance(each, SerError)) / SAMPLING_RATE


def charge_of(caller: Caller, settings: Settings) -> Callable[[float], None]:
    """Return the function that counts seconds of sound for ``caller``."""
    if caller.sound is None:
        return ignore_charge
    # Imported here, because few callers have quotas, and cold starts must be short.
    from ser.service.quotas import charge_sound

    return lambda seconds: charge_sound(caller, seconds, settings)


def check_profiles(request: PredictRequest, model: Model) -> None:
    """Raise :class:`InvalidInput` if ``model`` cannot use the enrolments or profiles of a
    request."""
    faults = [
        Fault((field,), refusal)
        for fields, taken, refusal in (
            (("enrolment", "speaker_profile"), model.takes_profile, NO_PROFILE),
            (("domain_enrolment", "domain_profile"), model.takes_domain_profile, NO_DOMAIN_PROFILE),
        )
        for field in fields
        if getattr(request, field) is not None and not taken
    ]
    if faults:
        raise InvalidInput(*faults)
    if request.speaker_profile:
        with within("speaker_profile"):
            model.check_profile(request.speaker_profile)
    if request.domain_profile:
        with within("domain_profile"):
            model.check_domain_profile(request.domain_profile)


def names_of(model: Model) -> list[str]:
    """Return the names of the labels of ``model``, as answers have them."""
    return [str(label) for label in model.labels]


def answer_of(task: Task, judgements: Sequence[Prediction | SerError]) -> PredictAnswer:
    """Return the answer with a prediction or an error for each sound of ``task``."""
    request, found, sounds, _, profiles = task
    model = found.model
    names = names_of(model)
    predictions = [None if isinstance(each, SerError) else each for each in judgements]
    labels = [each.label if each else None for each in predictions]
    return PredictAnswer(
        sample_name=[sound.name for sound in sounds],
        ground_truth=[sound.ground_truth for sound in sounds],
        speech=[each.speech if each else None for each in predictions],
        too_short=[each.too_short if each else None for each in predictions],
        prediction=[label.code if label else None for label in labels],
        probabilities=[
            dict(zip(names, each.probabilities.array.tolist(), strict=True)) if each else None
            for each in predictions
        ],
        emotions=[label.emotion if label else None for label in labels],
        confidence=[each.confidence if each else None for each in predictions],
        familiarity=[each.familiarity if each else None for each in predictions],
        reason=[each.reason if each else None for each in predictions],
        errors=[problem_of(each) for each in judgements] if request.reports_errors else UNSET,
        speaker_profile=profiles.speaker or UNSET,
        domain_profile=profiles.domain or UNSET,
        model_id=model.model_id,
        alias=found.alias or UNSET,
        notes=[ready_note(model)] if model.model_id == READY else UNSET,
    )


def ready_note(published: PublishedModel) -> str:
    """Return the sentence in each answer of the model that is part of the package."""
    return (
        f"This answer is of the model {READY!r}, which is part of the software and was "
        f"{published.manifest['about']}."
    )


def problem_of(judgement: Prediction | SerError) -> Problem | None:
    """Return the problem document of an error; ``None`` for a prediction."""
    if isinstance(judgement, SerError):
        return msgspec.convert(problems.document(judgement), Problem)
    return None
