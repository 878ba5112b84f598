"""What we write never starts anything: no loop, whatever notifications cover.

Names do not tell: we keep archives, with whatever they hold, and an alias may be called
``a.train``. So places count: those that are configured, and those that a request chose, which are
known by how we lay them out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ser._addresses import local_path, scheme
from ser.registry import ALIASES_FOLDER, MODEL_ID
from ser.service.settings import Settings, SettingsError

DATA_FOLDERS = frozenset({"pristine", "incoming", "working", "features"})
"""What a ``data_path``, always a local folder, has in it."""
SOURCES = ("source.json", "incoming.json", "incoming.zip.part")
"""In ``pristine/``: where the archive is from, or as much of it as has come so far."""

Way = tuple[str, ...]
"""The steps to an object: scheme, bucket or root, and the parts of the key or path."""


def is_ours(uri: str, settings: Settings) -> bool:
    """Tell whether the object at ``uri`` is one that we wrote ourselves.

    Ours is all below ``SER_JOBS_URI``, ``SER_MODEL_SAVE_PATH`` and the places that
    ``SER_TRAIN_DEFAULTS`` names; wherever a request had them put, the folders of models, their
    aliases, and the content of a ``data_path``.
    """
    way = way_to(uri)
    return any(leads_into(way, way_to(place)) for _, place in places(settings)) or is_written(way)


def refuse_loops(settings: Settings, inbox: str) -> None:
    """Return if we never write to ``inbox``: a folder, or ``s3://bucket/prefix``.

    Raises
    ------
    SettingsError
        A place that we write to lies in it, or it lies in one.
    """
    way = way_to(inbox)
    for name, place in places(settings):
        if leads_into(way, way_to(place)) or leads_into(way_to(place), way):
            raise SettingsError(
                f"SER_INBOX is {inbox!r} and {name} is {place!r}, one inside the other: what is"
                " written there would start a training again; allowed: places apart"
            )
    if is_written((*way, "")):
        raise SettingsError(
            f"SER_INBOX is {inbox!r}, inside a data_path or among models: what is written there"
            " would start a training again; allowed: a place apart"
        )


def places(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the places that the settings have us write to, each after the setting's name."""
    configured = {
        "SER_JOBS_URI": settings.jobs_uri,
        "SER_MODEL_SAVE_PATH": settings.model_save_path,
        "data_path of SER_TRAIN_DEFAULTS": settings.train_defaults.get("data_path"),
        "model_save_path of SER_TRAIN_DEFAULTS": settings.train_defaults.get("model_save_path"),
    }
    for name, place in configured.items():
        if isinstance(place, str) and place:
            yield name, place


def way_to(uri: str) -> Way:
    """Return the way to ``uri``, symbolic links followed."""
    if (kind := scheme(uri)) in ("", "file"):
        return ("file", *Path(os.path.realpath(local_path(uri))).parts)
    # Buckets of Cloud Storage are written to by the protocol of S3.
    steps = uri.partition("://")[2].split("/")
    return ("s3" if kind == "gs" else kind, *filter(None, steps))


def leads_into(way: Way, place: Way) -> bool:
    return way[: len(place)] == place


def is_written(way: Way) -> bool:
    """Tell from the folders on the way whether a request had us write what lies at its end."""
    folders, name = way[2:-1], way[-1]
    if any(MODEL_ID.fullmatch(folder) for folder in folders):
        return True
    if folders[-1:] == (ALIASES_FOLDER,) and name.endswith(".json"):
        return True
    if way[0] != "file":
        return False
    # People have folders of such names, too; a data_path says where its archive is from.
    return any(
        folder.name in DATA_FOLDERS and is_data_path(folder.parent)
        for folder in Path(*way[1:]).parents
    )


def is_data_path(folder: Path) -> bool:
    return any((folder / "pristine" / name).exists() for name in SOURCES)
