"""The forms in which sounds reach predict: JSON, multipart, or the sound itself as the body."""

from __future__ import annotations

from typing import Any

from flask import Request
from werkzeug.datastructures import MultiDict

from ser.errors import UnsupportedMediaType
from ser.http import bounded_body, is_json, read_body, read_json
from ser.settings import Settings

MULTIPART = "multipart/form-data"


def read_sounds(request: Request, settings: Settings) -> dict[str, Any]:
    """Return what ``request`` carries as the JSON object it stands for, sounds as bytes.

    Raises
    ------
    UnsupportedMediaType
        The body is neither JSON nor ``multipart/form-data`` nor ``audio/*``.
    """
    if is_json(request):
        return read_json(request, settings)
    if request.mimetype == MULTIPART:
        return read_multipart(request, settings)
    if request.mimetype.startswith("audio/"):
        return fields(request.args) | {"audio": read_body(request, settings)}
    raise UnsupportedMediaType(
        f"The body is sent as {request.mimetype or 'nothing'!r}; allowed: application/json, "
        f"{MULTIPART} with files named audio, or audio/* with the sound itself."
    )


def read_multipart(request: Request, settings: Settings) -> dict[str, Any]:
    with bounded_body(request, settings):
        files = {name: [f.read() for f in request.files.getlist(name)] for name in request.files}
        return fields(request.args) | fields(request.form) | files


def fields(values: MultiDict[str, str]) -> dict[str, Any]:
    """Return ``values`` by name; a field given several times is a list."""
    lists = values.to_dict(flat=False)
    return {name: found[0] if len(found) == 1 else found for name, found in lists.items()}
