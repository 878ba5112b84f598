"""Bodies of requests, in all forms that the functions read.

A :class:`Form` reads one kind of body into fields by name. A route lists the forms that it reads;
:func:`read_fields` chooses among them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast

from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.wrappers import Request

from ser._json import NotJSON, decode_json
from ser._schemas import shown
from ser.errors import InvalidInput, TooLarge
from ser.service.problems import UnreadableRequest, UnsupportedMediaType
from ser.service.settings import MEGABYTE, Settings

Fields = dict[str, Any]

JSON_TYPE = "application/json"
MULTIPART_TYPE = "multipart/form-data"
AUDIO_TYPES = ("audio/wav", "audio/flac", "audio/ogg", "audio/mpeg")
"""Media types that clients are advised to use for sounds."""
OTHER_SOUND_TYPES = ("application/ogg", "application/octet-stream")
"""Media types beside ``audio/*`` and ``video/*`` with which clients send sounds, too."""
MAX_PARTS = 10_000
"""Largest number of parts of a multipart body; each part takes memory beside its content."""
DRAINED_BYTES = 20 * MEGABYTE
"""Bytes of a body that are read and discarded, so that its client reads the answer; then the
connection is closed."""
PIECE_BYTES = 2**16
"""Bytes that are drained at once."""


class UploadedFile(NamedTuple):
    """A file in a form, with the name that the client gave it."""

    name: str | None
    data: bytes


class Form(NamedTuple):
    """One kind of body, and the function that reads its fields."""

    media_types: tuple[str, ...]
    """The media types that the form has in the documentation."""
    accepts: Callable[[str], bool]
    """Whether the form reads a body of a media type."""
    read: Callable[[Request, bytes, Collection[str]], Fields]
    """Returns the fields of a request with this body, of which those with the given names may be
    repeated, or raises :class:`UnreadableRequest`."""
    description: str
    """The form in words, for the message that refuses other media types."""


def read_fields(
    request: Request, forms: Sequence[Form], settings: Settings, lists: Collection[str] = ()
) -> Fields:
    """Return the fields that ``request`` carries in one of ``forms``.

    Parameters
    ----------
    lists
        Names of the fields that may be given several times in a form or a query.

    Raises
    ------
    UnsupportedMediaType
        None of ``forms`` reads its media type, or the body is compressed.
    TooLarge
        The body is larger than ``SER_MAX_BODY_MB``.
    UnreadableRequest
        The body is broken.
    """
    for form in forms:
        if form.accepts(request.mimetype):
            return form.read(request, read_body(request, settings), lists)
    raise UnsupportedMediaType(
        f"The media type of the body is {request.mimetype or 'missing'!r}; allowed: "
        f"{', '.join(form.description for form in forms)}."
    )


def read_body(request: Request, settings: Settings) -> bytes:
    """Return the body of ``request``, with or without a ``Content-Length``.

    Raises
    ------
    TooLarge
        The body is larger than ``SER_MAX_BODY_MB``.
    UnsupportedMediaType
        The body is compressed.
    """
    if (encoding := request.headers.get("Content-Encoding", "identity")) != "identity":
        raise UnsupportedMediaType(f"The body is encoded as {encoding!r}; allowed: no encoding.")
    limit = settings.max_body_bytes
    if (request.content_length or 0) > limit:
        raise too_large_body(settings)
    body = request.stream.read(limit + 1)
    if len(body) > limit:
        raise too_large_body(settings)
    return body


def too_large_body(settings: Settings) -> TooLarge:
    """Return the error of a body above the limit of ``settings``."""
    return TooLarge(
        f"The body is larger than {settings.max_body_bytes / MEGABYTE:g} MB, the limit set by "
        "SER_MAX_BODY_MB."
    )


def end_input(request: Request) -> None:
    """Discard the rest of the body of ``request``, up to :data:`DRAINED_BYTES`, and let later
    readers find no further one.

    A client reads the answer after it has sent its body, and gateways drop an answer that comes
    earlier. functions-framework would read the whole rest into memory after the answer.
    """
    left = DRAINED_BYTES
    # A client that has gone sends no more.
    with suppress(HTTPException, OSError):
        while left > 0 and (drained := request.stream.read(min(PIECE_BYTES, left))):
            left -= len(drained)
    request.environ |= {"wsgi.input": io.BytesIO(), "CONTENT_LENGTH": "0"}
    request.__dict__.pop("stream", None)


def decode_object(body: bytes) -> Fields:
    """Return the JSON object in ``body``.

    Raises
    ------
    UnreadableRequest
        The body is not JSON (the message names the position), not an object, or breaks a rule of
        :func:`.decode_json`.
    """
    try:
        value = decode_json(body)
    except NotJSON as error:
        raise UnreadableRequest(f"The body is not valid JSON: {error}.") from error
    except InvalidInput as error:
        raise UnreadableRequest(f"The body breaks a rule of JSON: {error.detail}.") from error
    if not isinstance(value, dict):
        raise UnreadableRequest(
            f"The body is {shown(value)}; allowed: a JSON object such as {{...}}."
        )
    return value


def joined(*sources: MultiDict[str, Any], lists: Collection[str] = ()) -> Fields:
    """Return all values of ``sources`` by name; a repeated field becomes a list.

    Raises
    ------
    UnreadableRequest
        A field that is not in ``lists`` is repeated: readers of such a request might each take
        another of its values.
    """
    values: dict[str, list[Any]] = {}
    for source in sources:
        for name, value in source.items(multi=True):
            values.setdefault(name, []).append(value)
    for name, found in values.items():
        if len(found) > 1 and name not in lists:
            raise UnreadableRequest(
                f"The field {shown(name)} is given {len(found):,} times; allowed: once."
            )
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def is_json(media_type: str) -> bool:
    """Whether a body of ``media_type`` is JSON."""
    return media_type == JSON_TYPE or media_type.endswith("+json")


def _read_multipart(request: Request, body: bytes, lists: Collection[str]) -> Fields:
    # The body is in memory already, so its parts need no files of their own.
    parser = FormDataParser(
        stream_factory=lambda *_, **__: io.BytesIO(), max_form_parts=MAX_PARTS, silent=False
    )
    try:
        _, form, files = parser.parse(
            io.BytesIO(body), MULTIPART_TYPE, len(body), dict(request.mimetype_params)
        )
    except RequestEntityTooLarge as error:
        raise UnreadableRequest(
            f"The body has too many parts; allowed: at most {MAX_PARTS:,}."
        ) from error
    except ValueError as error:
        raise UnreadableRequest(f"The body is not valid {MULTIPART_TYPE}: {error}") from error
    if not all((*form, *files)):
        raise UnreadableRequest("A part of the body has no name; allowed: names of fields.")
    uploads = MultiDict((name, uploaded(file)) for name, file in files.items(multi=True))
    return joined(request.args, form, uploads, lists=lists)


def uploaded(file: FileStorage) -> UploadedFile:
    """Return ``file`` with its bytes."""
    # Unlike read(), getvalue() makes no copy.
    return UploadedFile(file.filename, cast(io.BytesIO, file.stream).getvalue())


def is_sound(media_type: str) -> bool:
    """Whether a body of ``media_type`` is a sound; browsers record one as ``video/webm``, too."""
    return media_type.startswith(("audio/", "video/")) or media_type in OTHER_SOUND_TYPES


JSON = Form(
    (JSON_TYPE,),
    is_json,
    lambda _request, body, _lists: decode_object(body),
    JSON_TYPE,
)
"""A JSON object."""
MULTIPART = Form(
    (MULTIPART_TYPE,),
    lambda media_type: media_type == MULTIPART_TYPE,
    _read_multipart,
    f"{MULTIPART_TYPE} with files named audio, enrolment and domain_enrolment",
)
"""Files and values as browsers send them; the query may hold further fields."""
SOUND = Form(
    AUDIO_TYPES,
    is_sound,
    lambda request, body, lists: joined(request.args, MultiDict([("audio", body)]), lists=lists),
    "audio/*, video/* or application/octet-stream with the sound itself",
)
"""The sound itself, as the field ``audio``; the query holds the other fields."""
NOTIFICATION = Form(
    (JSON_TYPE,),
    is_json,
    lambda _request, body, _lists: {"body": body},
    f"{JSON_TYPE} or a media type that ends in +json",
)
"""The notification of a store as the field ``body``. A web page of any origin may post text, a form
or a body without a media type, but not JSON."""
