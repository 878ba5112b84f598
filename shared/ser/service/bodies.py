"""The forms in which sounds reach predict: JSON, multipart, or the sound itself as the body."""

from __future__ import annotations

import io
from typing import Any

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from ser.errors import UnreadableRequest, UnsupportedMediaType
from ser.service.http import is_json, read_body, read_json
from ser.service.settings import Settings

MULTIPART = "multipart/form-data"
MAX_PARTS = 10_000


def read_sounds(request: Request, settings: Settings) -> dict[str, Any]:
    """Return what ``request`` carries as the JSON object it stands for, sounds as bytes.

    Raises
    ------
    UnsupportedMediaType
        The body is neither JSON nor ``multipart/form-data`` nor ``audio/*``.
    UnreadableRequest
        It is broken.
    """
    if is_json(request):
        return read_json(request, settings)
    if request.mimetype == MULTIPART:
        return read_multipart(request, settings)
    if request.mimetype.startswith("audio/"):
        return joined(request.args, MultiDict([("audio", read_body(request, settings))]))
    raise UnsupportedMediaType(
        f"The body is sent as {request.mimetype or 'nothing'!r}; allowed: application/json, "
        f"{MULTIPART} with files named audio and enrolment, or audio/* with the sound itself."
    )


def read_multipart(request: Request, settings: Settings) -> dict[str, Any]:
    body = read_body(request, settings)
    # The body is in memory, so its parts need no files of their own.
    parser = FormDataParser(
        stream_factory=lambda *_, **__: io.BytesIO(), max_form_parts=MAX_PARTS, silent=False
    )
    try:
        _, form, files = parser.parse(
            io.BytesIO(body), MULTIPART, len(body), dict(request.mimetype_params)
        )
    except (ValueError, RequestEntityTooLarge) as error:
        raise UnreadableRequest(f"The body is not {MULTIPART} that can be read: {error}") from error
    return joined(request.args, form, files)


def joined(*sources: MultiDict[str, Any]) -> dict[str, Any]:
    """Return all values by name; a field given several times, wherever, is a list."""
    values: dict[str, list[Any]] = {}
    for source in sources:
        for name, found in source.items(multi=True):
            value = found.read() if isinstance(found, FileStorage) else found
            values.setdefault(name, []).append(value)
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}
