"""Prevents loops: an object that this software wrote never starts a training, whichever objects a
store announces.

Names are not enough: a corpus may hold any file, and an alias may be called ``a.train``. So the
location decides: the configured locations, and those chosen by requests, which are recognised by
their layout.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ser._addresses import local_path, scheme
from ser.registry import ALIASES_FOLDER, MODEL_ID
from ser.service.settings import Settings, SettingsError

DATA_FOLDERS = frozenset({"pristine", "incoming", "working", "features"})
"""The folders in a ``data_path``, which is always a local folder."""
SOURCES = ("source.json", "incoming.json", "incoming.zip.part")
"""Files in ``pristine/`` that record the source of the archive, or hold a partial download."""

Parts = tuple[str, ...]
"""A location as its parts: scheme, bucket or root, and the components of the key or path."""


def is_own_output(uri: str, settings: Settings) -> bool:
    """Return whether this software wrote the object at ``uri``.

    That is everything below ``SER_JOBS_URI``, ``SER_MODEL_SAVE_PATH`` and the locations in
    ``SER_TRAIN_DEFAULTS``; and, wherever a request placed them, the folders of models, their
    aliases, and the content of a ``data_path``.
    """
    parts = parts_of(uri)
    outputs = (parts_of(location) for _, location in output_locations(settings))
    return any(is_below(parts, output) for output in outputs) or has_output_layout(parts)


def refuse_loops(settings: Settings, inbox: str) -> None:
    """Check that this software never writes to ``inbox``: a folder, or ``s3://bucket/prefix``.

    Raises
    ------
    SettingsError
        ``inbox`` contains a location that this software writes to, or lies inside one.
    """
    parts = parts_of(inbox)
    for name, location in output_locations(settings):
        output = parts_of(location)
        if is_below(parts, output) or is_below(output, parts):
            raise SettingsError(
                f"SER_INBOX is {inbox!r} and {name} is {location!r}, one inside the other: every"
                " file written there would start a training again; allowed: separate locations"
            )
    if has_output_layout((*parts, "")):
        raise SettingsError(
            f"SER_INBOX is {inbox!r}, inside a data_path or among models: every file written there"
            " would start a training again; allowed: a separate location"
        )


def output_locations(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each location that the settings make this software write to, after its setting."""
    configured = {
        "SER_JOBS_URI": settings.jobs_uri,
        "SER_MODEL_SAVE_PATH": settings.model_save_path,
        "data_path of SER_TRAIN_DEFAULTS": settings.train_defaults.get("data_path"),
        "model_save_path of SER_TRAIN_DEFAULTS": settings.train_defaults.get("model_save_path"),
    }
    for name, location in configured.items():
        if isinstance(location, str) and location:
            yield name, location


def parts_of(uri: str) -> Parts:
    """Return the parts of ``uri``, with symbolic links resolved."""
    if (kind := scheme(uri)) in ("", "file"):
        return ("file", *Path(os.path.realpath(local_path(uri))).parts)
    # Buckets of Cloud Storage are written through the protocol of S3.
    components = uri.partition("://")[2].split("/")
    return ("s3" if kind == "gs" else kind, *filter(None, components))


def is_below(parts: Parts, ancestor: Parts) -> bool:
    """Return whether ``parts`` is ``ancestor`` or lies inside it."""
    return parts[: len(ancestor)] == ancestor


def has_output_layout(parts: Parts) -> bool:
    """Return whether the folders above an object are those that a training writes to."""
    folders, name = parts[2:-1], parts[-1]
    if any(MODEL_ID.fullmatch(folder) for folder in folders):
        return True
    if folders[-1:] == (ALIASES_FOLDER,) and name.endswith(".json"):
        return True
    if parts[0] != "file":
        return False
    # Users have folders with these names too; only a data_path records the source of its archive.
    return any(
        folder.name in DATA_FOLDERS and is_data_path(folder.parent)
        for folder in Path(*parts[1:]).parents
    )


def is_data_path(folder: Path) -> bool:
    return any((folder / "pristine" / name).exists() for name in SOURCES)
