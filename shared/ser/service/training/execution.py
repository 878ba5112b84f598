"""Runs a training request inside the process of the training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ser._progress import Progress, quiet
from ser.registry import open_registry
from ser.service.access import Access
from ser.service.settings import Settings
from ser.service.training.request import JobContext, TrainRequest


def execute(
    request: TrainRequest,
    settings: Settings,
    *,
    context: JobContext | None = None,
    progress: Progress = quiet,
    before_publishing: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Train as ``request`` says, within the limits of ``settings``; return the answer of /train.

    Parameters
    ----------
    context
        Default: a new model id and no trigger.
    before_publishing
        Called when the model is complete and nothing of it is published yet.

    Raises
    ------
    SerError
        Any of its kinds; nothing is published then, and published models stay as they were.
    """
    # These imports take seconds: only a valid request pays for them.
    from ser.training import train

    context = context or JobContext()
    return train(
        request,
        request.remote_url,
        request.data_path,
        open_registry(request.model_save_path),
        model_id=context.model_id,
        aliases=request.aliases,
        version=context.version_of(request.remote_url),
        trigger=context.trigger,
        force=request.dataset_force,
        access=Access(settings),
        limits=settings.corpus_limits,
        workers=settings.workers,
        progress=progress,
        publishing=before_publishing,
    )
