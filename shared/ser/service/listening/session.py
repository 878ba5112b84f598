"""One listener: frames of sound in, segments out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import Any, Protocol, TypeVar

import msgspec
from websockets.asyncio.server import ServerConnection

from ser._decoding import Unreadable, decode
from ser._schemas import shown
from ser._segments import Segment
from ser.errors import TooLarge
from ser.model import Listening, Model
from ser.service.answers import ListenAnswer, SegmentAnswer, WholeAnswer
from ser.service.inference import timelines
from ser.service.inference.predictor import names_of
from ser.service.listening.request import ListenRequest
from ser.service.listening.sound import Decoder, Recording, Samples, decoder_of, signal_of
from ser.service.problems import TooSlow, UnreadableRequest
from ser.service.settings import Settings
from ser.sounds import MIN_SECONDS, SAMPLING_RATE, Signal

T = TypeVar("T")


class Run(Protocol):
    """Runs a function in a thread, so that other listeners do not wait for it."""

    async def __call__(self, work: Callable[..., T], *arguments: Any) -> T:
        """Return the result of ``work(*arguments)``."""


CHARGED_SECONDS = 10.0
"""Seconds of sound that are counted at once in the quota of a caller."""


class StoppedReading(Exception):
    """A client that does not read what is sent to it."""


class Session:
    """A connection that has been admitted.

    The next frame is read once the segments of the one before are sent; so a client that sends
    faster than its segments are computed, or reads slower, waits, and no other one does.

    Parameters
    ----------
    connection
        The connection.
    request
        What its query asks for.
    model
        The model, and ``model_id`` its id.
    charge
        Counts seconds of sound in the quota of the caller, or raises.
    run
        Runs a function in a thread.
    run_patiently
        Runs a longer one in a thread that gives way to those of segments.
    """

    def __init__(
        self,
        connection: ServerConnection,
        request: ListenRequest,
        model: Model,
        model_id: str,
        settings: Settings,
        charge: Callable[[float], None],
        run: Run,
        run_patiently: Run,
    ) -> None:
        self._connection, self._request, self._settings = connection, request, settings
        self._model, self._model_id, self._names = model, model_id, names_of(model)
        self._charge, self._run, self._run_patiently = charge, run, run_patiently
        self._charged = 0.0
        self._decoder: Decoder = decoder_of(request.format)
        self._listening: Listening = model.listen(
            window=request.window, step=request.step, abstain_below=request.abstain_below
        )

    async def listen(self) -> None:
        """Answer the frames of the connection until its client ends them.

        Raises
        ------
        SerError
            A frame cannot be read, the sound is too long, comes too slowly, or the quota of the
            caller is used up.
        StoppedReading
            The client does not read its segments.
        """
        most = self._settings.max_audio_seconds * SAMPLING_RATE
        with closing(Recording(most)) as recording:
            while (frame := await self._frame()) is not None:
                await self._hear(await self._run(self._decoder.decode, frame), recording)
            await self._hear(await self._run(self._decoder.end), recording)
            await self._send_all(await self._run(lambda: list(self._listening.end())))
            await self._count(at_least=0)
            await self._send(await self._run_patiently(self._answer, recording))

    async def _hear(self, samples: Samples, recording: Recording) -> None:
        most = self._settings.max_listen_seconds
        if self._listening.seconds + len(samples) / SAMPLING_RATE > most:
            raise TooLarge(
                f"The sound is longer than {most:g} s, the limit set by SER_MAX_LISTEN_SECONDS."
            )
        recording.add(samples)
        found = await self._run(lambda: list(self._listening.hear(signal_of(samples))))
        await self._count(at_least=CHARGED_SECONDS)
        await self._send_all(found)

    async def _frame(self) -> bytes | None:
        """Return the next frame of sound; ``None`` at its end."""
        seconds = self._settings.listen_idle_seconds
        try:
            message = await asyncio.wait_for(self._connection.recv(), seconds)
        except TimeoutError:
            raise TooSlow(
                f"No frame came within {seconds:g} s, the limit set by SER_LISTEN_IDLE_SECONDS."
            ) from None
        if isinstance(message, bytes):
            return message
        try:
            is_end = decode(message) == {"end": True}
        except Unreadable:
            is_end = False
        if not is_end:
            raise UnreadableRequest(
                f'The message is {shown(message)}; allowed: frames of sound, and {{"end": true}}.'
            )
        return None

    async def _count(self, at_least: float) -> None:
        """Count the seconds since the last count, once they are so many."""
        seconds = self._listening.seconds - self._charged
        if seconds > 0 and seconds >= at_least:
            self._charged += seconds
            await self._run(self._charge, seconds)

    async def _send_all(self, segments: list[Segment]) -> None:
        for each in segments:
            await self._send(SegmentAnswer(**timelines.fields_of(each, self._names)))

    async def _send(self, answer: msgspec.Struct) -> None:
        text = msgspec.json.encode(answer).decode()
        try:
            await asyncio.wait_for(self._connection.send(text), self._settings.listen_idle_seconds)
        except TimeoutError:
            raise StoppedReading from None

    def _answer(self, recording: Recording) -> ListenAnswer:
        """Return the last message: the turns, and the judgement of the whole sound."""
        whole = recording.whole()
        return ListenAnswer(
            turns=timelines.turns_of(self._listening.turns),
            timeline_note=self._listening.note,
            prediction=None if whole is None else self._judged(whole),
            model_id=self._model_id,
        )

    def _judged(self, whole: Signal) -> WholeAnswer | None:
        if len(whole) < MIN_SECONDS * SAMPLING_RATE:
            return None
        found = self._model.predict(whole, SAMPLING_RATE, abstain_below=self._request.abstain_below)
        return WholeAnswer(
            emotion=found.emotion,
            label=found.label.code if found.label else None,
            confidence=found.confidence,
            probabilities=dict(zip(self._names, found.probabilities.array.tolist(), strict=True)),
            familiarity=found.familiarity,
            speech=found.speech,
            too_short=found.too_short,
            reason=found.reason,
        )
