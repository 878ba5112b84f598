"""Requests while they are received: parsed by waitress, within bounds of size and pace."""

from __future__ import annotations

import io
import time
from typing import Any, NamedTuple

from waitress.parser import HTTPRequestParser, ParsingError
from waitress.utilities import BadRequest, RequestHeaderFieldsTooLarge, ServerNotImplemented

from ser._schemas import shortened
from ser.errors import Busy, SerError, TooLarge
from ser.service.bodies import DRAINED_BYTES, too_large_body
from ser.service.problems import HeaderTooLarge, TooSlow, UnreadableRequest
from ser.service.serving.rooms import Claim, Rooms
from ser.service.settings import Settings

HEADER_BYTES = 2**17
"""Largest size of a request line with its headers; the query may hold a profile."""
CHUNK_LINE_BYTES, TRAILER_BYTES = 2**10, 2**13
"""Largest size of the line before a chunk, and of the headers after the last one."""
FRAMING_BYTES, CONTENT_BYTES = 2**16, 4
"""Bytes that any body may have around its chunks, and the bytes of content for each further one.
A chunk of any size takes as much time as a thousand bytes."""
WITHOUT_BODY_BYTES = 2**16
"""Largest body of a request whose method needs none: it is discarded."""
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Limits(NamedTuple):
    """The limits of the requests of a worker."""

    settings: Settings
    rooms: Rooms
    keep_alive: float
    """Seconds after which an idle connection is closed."""


class Nowhere:
    """A buffer that keeps nothing, and goes on counting after ``size`` bytes."""

    def __init__(self, size: int) -> None:
        self._size = size

    def append(self, data: bytes) -> None:
        """Discard ``data``."""
        self._size += len(data)

    def getfile(self) -> io.BytesIO:
        """Return an empty file."""
        return io.BytesIO()

    def close(self) -> None:
        """Do nothing."""

    def __len__(self) -> int:
        return self._size


class IncomingRequest(HTTPRequestParser):  # type: ignore[misc]
    """A request that is received."""

    path = ""
    error: Any = None
    """``None``, an error of this package, or one of waitress."""
    refusal: SerError | None = None
    """The error with which the request will be answered once its body is discarded."""
    refused_at = 0.0
    completed: bool = False
    is_routable = False
    """Whether its header is valid, so that the function can answer."""

    def __init__(self, adjustments: Any) -> None:
        super().__init__(adjustments)
        self._limits: Limits = adjustments.limits
        self.claim = Claim(self._limits.rooms)
        self.began = self._measured = time.monotonic()
        self._measured_bytes = self._discarded_from = 0

    def received(self, data: bytes) -> int:
        """Take ``data`` and return the number of bytes that belong to this request."""
        try:
            consumed: int = super().received(data)
        except OSError as error:
            # Bodies wait in temporary files.
            self.refuse(Busy(f"There is no space for the body: {error.strerror}."), at_once=True)
        if self.headers_finished and self.error is None:
            self._check()
        if self.error is not None:
            # What follows is no request.
            self.expect_continue, self.completed = False, True
            return len(data)
        if self.completed:
            # waitress would wait for a body that a request announces by Expect and does not have.
            self.expect_continue = False
        return consumed

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the header; raise ``ParsingError`` if it is not valid, or has two meanings."""
        try:
            super().parse_header(header_plus)
        except ValueError as error:
            # An address with half a bracket, or a length of 5,000 digits.
            raise ParsingError(str(error)) from error
        host = self.headers.get("HOST", "")
        codings = [
            line
            for line in header_plus.lower().split(b"\r\n")
            if line.startswith(b"transfer-encoding")
        ]
        for is_refused, reason in (
            # Servers read the continuation of a line in different ways (RFC 9112, 5.2).
            (b"\r\n " in header_plus or b"\r\n\t" in header_plus, "a header is folded"),
            (self.version not in ("1.0", "1.1"), "the version is not HTTP/1.0 or HTTP/1.1"),
            (self.version == "1.1" and (not host or "," in host), "there is not one Host"),
            (self.proxy_scheme or self.fragment, "the target is not a path"),
            (codings and self.version == "1.0", "HTTP/1.0 has no Transfer-Encoding"),
            (len(codings) > 1 or b"," in b"".join(codings), "there are several Transfer-Encodings"),
            (
                self.chunked and "CONTENT_LENGTH" in self.headers,
                "both Content-Length and Transfer-Encoding are given",
            ),
        ):
            if is_refused:
                raise ParsingError(reason)

    def refuse(self, error: SerError, *, at_once: bool = False) -> None:
        """Let the request be answered with ``error``, and discard its body.

        Parameters
        ----------
        at_once
            Answer before the rest of the body has come. Otherwise a rest of at most
            :data:`.DRAINED_BYTES` is awaited: most clients, and a gateway for them, lose an answer
            that comes while they send.
        """
        is_complete, received = self.completed, self._received
        self.refusal, self.refused_at = error, time.monotonic()
        self.close()
        if self.body_rcv is not None:
            self.body_rcv.buf = Nowhere(received)
        self._discarded_from = self.body_bytes_received
        announced = self.content_length - self.body_bytes_received
        is_awaited = self.body_rcv is not None and announced <= DRAINED_BYTES
        if at_once or is_complete or self.expect_continue or not is_awaited:
            self.end()

    def end(self) -> None:
        """End the receipt of a refused request."""
        self.error, self.completed, self.expect_continue = self.refusal, True, False

    def close(self) -> None:
        """Discard the body."""
        self.claim.release()
        super().close()

    def lags(self, now: float) -> bool:
        """Whether the body came slower than allowed since the last measurement."""
        seconds = now - self._measured
        if seconds < self._limits.settings.read_seconds:
            return False
        came: int = self.body_bytes_received - self._measured_bytes
        self.measure_anew(now)
        return came < seconds * self._limits.settings.min_body_rate

    def measure_anew(self, now: float) -> None:
        """Begin a measurement of the pace."""
        self._measured, self._measured_bytes = now, self.body_bytes_received

    def rate(self, now: float) -> float:
        """Return the bytes of the body per second since the request began."""
        rate: float = self.body_bytes_received / max(now - self.began, 1e-3)
        return rate

    def problem(self) -> SerError:
        """Return ``error`` as one of this package."""
        match self.error:
            case SerError():
                return self.error
            case RequestHeaderFieldsTooLarge():
                return HeaderTooLarge(f"The header is larger than {HEADER_BYTES:,} bytes.")
            case BadRequest(body=reason) | ServerNotImplemented(body=reason):
                return UnreadableRequest(f"The request is not valid HTTP: {shortened(reason)}.")
        return SerError("Internal error.")

    def _check(self) -> None:
        """Refuse the request if it is larger than allowed, or claim room for it."""
        if not self.is_routable:
            self.is_routable = True
            self.measure_anew(time.monotonic())
        received = self._received
        if self._has_broken_chunks():
            broken = UnreadableRequest("The request is not valid HTTP: its chunks are broken.")
            self.refuse(broken, at_once=True)
        elif self.refusal is not None:
            if self.completed or self.body_bytes_received > self._discarded_from + DRAINED_BYTES:
                self.end()
        elif max(self.content_length, received) > self._limit:
            self.refuse(self._too_large())
        else:
            self.claim.set(self.content_length, received)

    @property
    def _received(self) -> int:
        """The number of bytes of the body's content that have come."""
        return 0 if self.body_rcv is None else len(self.body_rcv)

    def _has_broken_chunks(self) -> bool:
        """Whether the body has much around its chunks, also while it is discarded."""
        framing = self.body_bytes_received - self._received
        return self.chunked and (
            len(self.body_rcv.control_line) > CHUNK_LINE_BYTES
            or len(self.body_rcv.trailer) > TRAILER_BYTES
            or framing > self._received // CONTENT_BYTES + FRAMING_BYTES
        )

    @property
    def _limit(self) -> int:
        most = self._limits.settings.max_body_bytes
        return most if self.command in WITH_BODY else min(WITHOUT_BODY_BYTES, most)

    def _too_large(self) -> TooLarge:
        if self.command not in WITH_BODY:
            return TooLarge(
                f"The body of a {self.command} request is larger than {WITHOUT_BODY_BYTES:,} "
                "bytes; allowed: none."
            )
        return too_large_body(self._limits.settings)


def slow_header(settings: Settings) -> TooSlow:
    """Return the error of a request whose header does not arrive in time."""
    return TooSlow(
        f"The header was not received within {settings.read_seconds:g} s, the limit set by "
        "SER_READ_SECONDS."
    )


def slow_body(settings: Settings) -> TooSlow:
    """Return the error of a request whose body arrives too slowly."""
    return TooSlow(
        f"The body arrived at less than {settings.min_body_rate / 1000:g} kB per second for "
        f"{settings.read_seconds:g} s, the limit set by SER_MIN_BODY_KB_PER_SECOND."
    )
