"""The kinds of work that jobs do, as the running of jobs sees them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ser.service.settings import Settings

if TYPE_CHECKING:
    from ser.service.jobs.job import Job
    from ser.service.jobs.running import HeldJob

WorkName = Literal["train", "predict"]


class Work(Protocol):
    """A kind of work, such as trainings, with everything that is special about its jobs."""

    @property
    def name(self) -> WorkName:
        """The name of the function whose requests these jobs answer."""

    @property
    def folder(self) -> str:
        """The folder of the jobs in the store."""

    def restore_request(self, stored: object) -> Any:
        """Return the request that this version of the software has stored in a job; ``None`` for
        any other value."""

    def describe_request(self, request: dict[str, Any]) -> dict[str, Any]:
        """Return the stored ``request`` of a job as clients may see it, without secrets."""

    def slot(self, settings: Settings) -> AbstractContextManager[None]:
        """Return a context in which a job may run; it raises :class:`~ser.errors.Busy` if too many
        do."""

    def perform(self, held: HeldJob, settings: Settings) -> dict[str, Any]:
        """Do the work of a job and return its result."""

    def recover_result(self, job: Job, settings: Settings) -> dict[str, Any] | None:
        """Return the result of ``job`` if an earlier attempt completed it and then crashed."""

    def clear_away(self, job: Job, settings: Settings) -> None:
        """Remove the files that the ended ``job`` no longer needs."""


def work_named(name: WorkName) -> Work:
    """Return the work of the function called ``name``."""
    # Imported here, so that predict imports nothing of trainings.
    if name == "train":
        from ser.service.jobs.trainings import Trainings

        return Trainings()
    from ser.service.jobs.predictions import Predictions

    return Predictions()
