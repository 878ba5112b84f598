"""A training request at work: what its process does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ser._progress import Progress, quiet
from ser.corpora import ArchiveFiles
from ser.errors import Fault, InvalidInput, Location
from ser.registry import open_registry
from ser.service.access import Access
from ser.service.settings import Settings
from ser.service.training.request import Commission, TrainRequest

FIELDS: dict[str | int, str] = {"source": "remote_url", "registry": "model_save_path"}
"""The fields of POST /train for arguments that the library calls otherwise."""


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
    from ser.training import train_recipe

    commission = commission or Commission()
    files = ArchiveFiles(
        request.remote_url,
        Path(request.data_path),
        access=Access(settings),
        limits=settings.corpus_limits,
        version=commission.version_of(request.remote_url),
    )
    with fields_of_the_request():
        return train_recipe(
            request,
            files,
            open_registry(request.model_save_path),
            model_id=commission.model_id,
            aliases=request.aliases,
            trigger=commission.trigger,
            force=request.dataset_force,
            limits=settings.corpus_limits,
            workers=settings.workers,
            progress=progress,
            publishing=publishing,
        )


@contextmanager
def fields_of_the_request() -> Iterator[None]:
    """Name the fields of POST /train in the locations of faults that the library raises."""
    try:
        yield
    except InvalidInput as error:
        raise InvalidInput(
            *(Fault(location(fault.loc), fault.msg) for fault in error.faults)
        ) from error


def location(loc: Location) -> Location:
    """Return ``loc`` with the field of POST /train that its first part stands for."""
    return (FIELDS.get(loc[0], loc[0]), *loc[1:]) if loc else loc
