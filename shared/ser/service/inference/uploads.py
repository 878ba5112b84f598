"""Sounds as clients send them: as bytes, in base64, or as the address of a file."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from ser._schemas import Name, Schema, convert_each, parse, shown
from ser.errors import InvalidInput, Location, RemoteFailed, TooLarge, within
from ser.service.access import Access
from ser.service.base64_dialects import decode_base64
from ser.service.bodies import UploadedFile
from ser.service.settings import MEGABYTE, Settings

MAX_NAME = 255
"""Largest number of characters of the name of a file in an answer."""
CONNECT_SECONDS, READ_SECONDS = 5.0, 10.0
"""Time-outs of a connection to an address, and of each read from it."""
FETCH_SECONDS = 60.0
"""Longest time for the sounds at all addresses of a request."""


class SoundAddress(Schema, frozen=True, kw_only=True):
    """The address of a sound."""

    url: Name


class Upload:
    """A sound of a request, which is decoded or fetched only when it is read.

    Parameters
    ----------
    source
        The bytes of the file, its base64, or its address.
    name
        The name of the file, if it has one.
    """

    __slots__ = ("name", "source")

    def __init__(self, source: bytes | str | SoundAddress, name: str | None = None) -> None:
        self.source = source
        self.name = name

    @classmethod
    def parse(cls, value: object) -> Upload:
        """Return the sound in ``value``; raise :class:`InvalidInput` for another kind of value."""
        match value:
            case UploadedFile(name, data):
                return cls(data, plain_name(name or ""))
            case str(text) if not text[:80].lstrip().startswith("{"):
                return cls(text)
            case bytes(data):
                return cls(data)
            case {"url": _} | str():
                # Forms send an object as JSON in a string.
                address = parse(SoundAddress, value)
                return cls(address, name_in(address.url))
        raise InvalidInput(
            f"{shown(value)} does not fit; allowed: a string in base64, or an object such as "
            '{"url": "https://host/sound.wav"}'
        )

    def read(self, fetcher: Fetcher) -> bytes:
        """Return the bytes of the file.

        Raises
        ------
        InvalidInput
            It is not base64, or access to its address is refused.
        SerError
            Any error of :class:`Fetcher`.
        """
        match self.source:
            case bytes(data):
                return data
            case str(text):
                return decode_base64(text)
            case SoundAddress(url=url):
                with within("url"):
                    return fetcher.fetch(url)


class Uploads:
    """The sounds in one field of a request: one, or a list of them.

    Parameters
    ----------
    sounds
        The sounds in the order of the request.
    listed
        Whether the request has a list.
    """

    __slots__ = ("listed", "sounds")

    def __init__(self, sounds: Iterable[Upload] = (), *, listed: bool = True) -> None:
        self.sounds = tuple(sounds)
        self.listed = listed

    @classmethod
    def parse(cls, value: object) -> Uploads:
        """Return the sounds in ``value``; raise :class:`InvalidInput` with a fault for each other
        value."""
        if isinstance(value, list):
            return cls(convert_each(value, Upload))
        return cls([Upload.parse(value)], listed=False)

    def located(self, field: str) -> Iterator[tuple[Location, Upload]]:
        """Yield each sound with its location in the request, in which ``field`` holds them."""
        for index, upload in enumerate(self.sounds):
            yield ((field, index) if self.listed else (field,)), upload

    def described(self) -> list[str | None]:
        """Return the address without secrets or the name of each sound."""
        from ser.fetching import redact_url

        return [
            redact_url(each.source.url) if isinstance(each.source, SoundAddress) else each.name
            for each in self.sounds
        ]

    def stored(self) -> dict[str, object]:
        """Return the sounds as values of JSON, for :meth:`restored`."""
        sounds = [{"source": each.source, "name": each.name} for each in self.sounds]
        return {"listed": self.listed, "sounds": sounds}

    @classmethod
    def restored(cls, value: dict[str, Any]) -> Uploads:
        """Return the sounds that :meth:`stored` returned; bytes have become base64."""
        sounds = [
            Upload(parse(SoundAddress, source) if isinstance(source, dict) else source, name)
            for source, name in ((each["source"], each["name"]) for each in value["sounds"])
        ]
        return cls(sounds, listed=value["listed"])


class Fetcher:
    """Reads the sounds at the addresses of one request, under the access rules of requests."""

    def __init__(self, settings: Settings) -> None:
        self._access = Access(settings)
        self._limit = self._left = settings.max_body_bytes
        self._until = time.monotonic() + FETCH_SECONDS

    def fetch(self, url: str) -> bytes:
        """Return the bytes at ``url``.

        Raises
        ------
        InvalidInput
            Access is refused, or the scheme is not supported.
        TooLarge
            All sounds at addresses are larger than ``SER_MAX_BODY_MB``.
        RemoteFailed
            The server refuses the request, fails, or is too slow.
        """
        # Imported here, because it imports urllib3, and cold starts must be short.
        from ser.fetching import NOTHING, Interrupted, Patience, opener_for, redact_url

        patience = Patience(CONNECT_SECONDS, READ_SECONDS, until=self._until)
        data = bytearray()
        try:
            with opener_for(url, self._access, patience)(NOTHING) as content:
                self._require_room(content.total or 0)
                for chunk in content.chunks:
                    data += chunk
                    self._require_room(len(data))
                    if time.monotonic() > self._until:
                        raise RemoteFailed(
                            f"{redact_url(url)} was not received within {FETCH_SECONDS:g} s, the "
                            "limit for all addresses of a request."
                        )
        except Interrupted as error:
            raise RemoteFailed(f"{redact_url(url)} cannot be read: {error}.") from error
        self._left -= len(data)
        return bytes(data)

    def _require_room(self, size: int) -> None:
        if size > self._left:
            raise TooLarge(
                "The sounds at the addresses of the request are larger than "
                f"{self._limit / MEGABYTE:g} MB, the limit set by SER_MAX_BODY_MB."
            )


def plain_name(name: str) -> str | None:
    """Return ``name`` without folders and unprintable characters; ``None`` if nothing is left.

    Examples
    --------
    >>> from ser.service.inference.uploads import plain_name
    >>> plain_name("C:\\\\recordings\\\\angry\\x00.wav")
    'angry.wav'
    """
    base = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(filter(str.isprintable, base)).strip()[:MAX_NAME]
    return None if plain in ("", ".", "..") else plain


def name_in(url: str) -> str | None:
    """Return the name of the file at ``url``."""
    try:
        return plain_name(unquote(urlsplit(url).path))
    except ValueError:
        return None
