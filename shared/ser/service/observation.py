"""The observation of a request: its stages, its model and its sounds, for logs and metrics.

Code at any depth notes what it knows about the request that its thread answers; outside of requests
nothing is noted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import msgspec


class Stage(msgspec.Struct, frozen=True):
    """A part of the work for a request."""

    name: str
    began: float
    """Seconds since the request."""
    seconds: float


class Sound(msgspec.Struct, frozen=True):
    """The judgement of one sound."""

    emotion: str | None
    """``None`` without speech, or below the confidence that the request demands."""
    confidence: float
    has_speech: bool


class Observation:
    """What is known about a request so far."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.began_at = time.time()
        self.stages: list[Stage] = []
        self.model_id: str | None = None
        self.has_loaded = False
        """Whether a model had to be loaded."""
        self.sound_seconds: float | None = None
        """Duration of all sounds."""
        self.sounds: list[Sound] = []
        self.problem: str | None = None
        """The type of the problem that was answered."""
        self.detail: str | None = None
        """The message of a problem that is not the caller's."""

    def note_problem(self, problem: Mapping[str, Any]) -> None:
        """Note the problem that is answered; its message if the caller is not at fault."""
        self.problem = problem["type"]
        if problem["status"] >= 500:
            self.detail = problem["detail"]

    def note_training(self, model_id: str, seconds: Mapping[str, float]) -> None:
        """Note the model of a training that has just ended, and the ``seconds`` of its steps."""
        self.model_id = model_id
        began = self.seconds - sum(seconds.values())
        for name, each in seconds.items():
            self.stages.append(Stage(name, began, each))
            began += each

    @property
    def seconds(self) -> float:
        """Seconds since the request."""
        return time.perf_counter() - self.began


CURRENT: ContextVar[Observation | None] = ContextVar("observation", default=None)


@contextmanager
def observing(observation: Observation) -> Iterator[None]:
    """Let code in the context note what it knows in ``observation``."""
    token = CURRENT.set(observation)
    try:
        yield
    finally:
        CURRENT.reset(token)


def observed() -> Observation:
    """Return the observation of the current request; outside of requests one that is discarded."""
    return CURRENT.get() or Observation()


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Note the time of the context as the stage ``name``."""
    observation = observed()
    began = observation.seconds
    try:
        yield
    finally:
        observation.stages.append(Stage(name, began, observation.seconds - began))
