"""Requests over HTTP: time-outs, retries where they are safe, and errors of the library."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from ser.client._errors import error_of
from ser.errors import InvalidInput, RemoteFailed, SerError

if TYPE_CHECKING:
    import httpx

MAX_RETRIES = 4
"""Number of times that a request is repeated which a busy server has refused."""
MAX_WAIT_SECONDS = 30.0
"""Longest time before a repetition, whatever the server asks for."""
CONNECT_SECONDS = 10.0
PROBLEM = "application/problem+json"

File = tuple[str, tuple[str, bytes]]
"""A field, and the name and the bytes of its file."""


class Transport:
    """Sends requests to one server. Several threads may use it at once.

    Parameters
    ----------
    url
        Address of the server.
    api_key
        Key that is sent to this server alone: redirects are not followed.
    timeout
        Seconds without a byte from the server after which a request fails.
    """

    def __init__(self, url: str, api_key: str | None, timeout: float) -> None:
        self.url = address(url)
        headers = {"Accept": "application/json"}
        if api_key:
            headers["Authorization"] = f"Bearer {printable(api_key)}"
        self._httpx = import_httpx()
        self._http = self._httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=self._httpx.Timeout(timeout, connect=CONNECT_SECONDS),
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool = True,
        patient: bool = False,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        files: Sequence[File] = (),
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return the JSON object that answers a request.

        Parameters
        ----------
        repeatable
            Whether a repetition can do no harm. Only such a request is repeated, and only if the
            server has refused it with 503 and ``Retry-After``.
        patient
            Whether the answer may take any time.

        Raises
        ------
        SerError
            The error that the problem document describes; :class:`RemoteFailed` if there is none,
            or the server does not answer.
        """
        options: dict[str, Any] = {"params": query, "headers": dict(headers or {})}
        if body is not None:
            options["json"] = body
        if files:
            options |= {"data": dict(form or {}), "files": list(files)}
        if patient:
            options["timeout"] = self._httpx.Timeout(None, connect=CONNECT_SECONDS)
        for waited in range(MAX_RETRIES + 1):
            with self._translated():
                response = self._http.request(method, path, **options)
            pause = retry_after(response) if repeatable and waited < MAX_RETRIES else None
            if pause is None:
                return self._object(response)
            time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def lines(
        self, path: str, form: Mapping[str, Any], files: Sequence[File]
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """Yield an iterator over the JSON objects that answer a request, as they arrive."""
        headers = {"Accept": "application/x-ndjson"}
        with (
            self._translated(),
            self._http.stream(
                "POST", path, data=dict(form), files=list(files), headers=headers
            ) as response,
        ):
            if response.status_code >= 400:
                response.read()
                self._object(response)
            yield self._objects(response)

    def _objects(self, response: httpx.Response) -> Iterator[dict[str, Any]]:
        for line in response.iter_lines():
            if line.strip():
                yield self._decoded(line.encode())

    def _object(self, response: httpx.Response) -> dict[str, Any]:
        """Return the object in ``response``, or raise the error that it reports."""
        if response.status_code < 300:
            return self._decoded(response.content)
        media_type = response.headers.get("Content-Type", "").partition(";")[0]
        if media_type == PROBLEM:
            raise error_of(self._decoded(response.content))
        raise refusal(
            response.status_code, f"{self.url} answered {response.status_code} without a reason"
        )

    def _decoded(self, data: bytes) -> dict[str, Any]:
        try:
            return msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeError) as error:
            raise RemoteFailed(
                f"{self.url} did not answer with a JSON object; allowed: the address of the "
                "functions"
            ) from error

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise errors of httpx as :class:`RemoteFailed`."""
        try:
            yield
        except self._httpx.TimeoutException as error:
            raise RemoteFailed(f"{self.url} did not answer in time") from error
        except self._httpx.HTTPError as error:
            raise RemoteFailed(f"{self.url} cannot be reached: {error}") from error


def refusal(status: int, detail: str) -> SerError:
    """Return the error for an answer without a problem document, as a gateway may give it."""
    return error_of({"status": status if status >= 400 else 502, "detail": detail})


def retry_after(response: httpx.Response) -> float | None:
    """Return the seconds after which a request may be repeated; ``None`` if it may not."""
    text = response.headers.get("Retry-After", "")
    if response.status_code != 503 or not text.isdecimal():
        return None
    return min(float(text), MAX_WAIT_SECONDS)


def address(url: str) -> str:
    """Return ``url`` without a slash at its end.

    Raises
    ------
    InvalidInput
        It is not an address of a server.
    """
    if not isinstance(url, str) or not url.startswith(("http://", "https://")) or "?" in url:
        raise InvalidInput(f"{url!r} is not a server; allowed: http://host:port or https://host")
    return url.rstrip("/")


def printable(key: str) -> str:
    """Return ``key``; raise :class:`InvalidInput`, which does not quote it, if no header can hold
    it."""
    if not key.isascii() or not key.isprintable() or " " in key:
        raise InvalidInput("the key has characters that no key has; allowed: a line of `ser keys`")
    return key


def import_httpx() -> Any:
    """Return the module httpx, or raise ``ImportError`` with the way to install it."""
    try:
        import httpx
    except ImportError as error:
        raise ImportError("The client needs httpx: pip install 'ser[client]'") from error
    return httpx
