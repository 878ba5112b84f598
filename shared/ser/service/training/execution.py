"""A training request at work: what its process does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ser._progress import Progress, quiet
from ser.registry import open_registry
from ser.service.access import Access
from ser.service.settings import Settings
from ser.service.training.request import Commission, TrainRequest


def execute(
    request: TrainRequest,
    settings: Settings,
    *,
    commission: Commission | None = None,
    progress: Progress = quiet,
    publishing: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Train what ``request`` asks for within ``settings``; return the answer of POST /train.

    Parameters
    ----------
    commission
        Default: a new model id, and no trigger.
    publishing
        Called when the model is made, and before any of it is published.

    Raises
    ------
    SerError
        Of any kind; then nothing is published, and what was published before stays.
    """
    # The imports of training cost seconds: only a request that fits pays them.
    from ser.training import train

    commission = commission or Commission()
    return train(
        request,
        request.remote_url,
        request.data_path,
        open_registry(request.model_save_path),
        model_id=commission.model_id,
        aliases=request.aliases,
        version=commission.version_of(request.remote_url),
        trigger=commission.trigger,
        force=request.dataset_force,
        access=Access(settings),
        limits=settings.corpus_limits,
        workers=settings.workers,
        progress=progress,
        publishing=publishing,
    )
