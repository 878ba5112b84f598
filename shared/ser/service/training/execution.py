"""Runs a training request inside the process of the training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ser._progress import Progress, ignore_progress
from ser.corpora import CorpusFiles, Sources, corpus_files
from ser.errors import Fault, InvalidInput, Location
from ser.registry import open_registry
from ser.service.access import Access
from ser.service.settings import Settings
from ser.service.training.request import JobContext, TrainRequest, encoder_sources

FIELDS: dict[str | int, str] = {"source": "remote_url", "registry": "model_save_path"}
"""The fields of POST /train by the names that the library gives them."""


def execute(
    request: TrainRequest,
    settings: Settings,
    *,
    context: JobContext | None = None,
    progress: Progress = ignore_progress,
    before_publishing: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Train as ``request`` says, within the limits of ``settings``; return the answer of /train.

    Parameters
    ----------
    context
        ``None``: a new model id and no trigger.
    before_publishing
        Called when the model is complete and nothing of it is published yet.

    Raises
    ------
    SerError
        The training failed. Nothing of it is published, and other models are unchanged.
    """
    # Imported here, because that takes seconds, which an invalid request need not wait for.
    from ser.training import train_recipe

    context = context or JobContext()
    access, version_of = Access(settings), context.version_of

    def open_files(place: str, data_path: Path, /) -> CorpusFiles:
        return corpus_files(place, data_path, access=access, version=version_of(place))

    with fields_of_the_request():
        return train_recipe(
            request,
            Sources(
                request.remote_url, Path(request.data_path), open_files, settings.corpus_limits
            ),
            open_registry(request.model_save_path, key=settings.model_key),
            model_id=context.model_id,
            aliases=request.aliases,
            promotion=request.promotion,
            trigger=context.trigger,
            force=request.dataset_force,
            encoders=encoder_sources(settings),
            limits=settings.corpus_limits,
            workers=settings.workers,
            progress=progress,
            before_publishing=before_publishing,
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
    """Return ``loc`` with the field of POST /train in place of the name in the library."""
    return (FIELDS.get(loc[0], loc[0]), *loc[1:]) if loc else loc
