"""Connections of clients, all of which one thread reads and writes.

waitress does that; this module bounds the time of a connection, the number of connections, and
closes one in such a way that its client can read the last answer.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any
from wsgiref.types import WSGIApplication

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer

from ser.errors import Busy, SerError
from ser.service.bodies import DRAINED_BYTES
from ser.service.serving.answers import FunctionAnswer, Refusal
from ser.service.serving.lanes import Lanes
from ser.service.serving.requests import (
    HEADER_BYTES,
    IncomingRequest,
    Limits,
    slow_body,
    slow_header,
)
from ser.service.serving.rooms import Room

DRAIN_SECONDS = 30.0
"""Longest time for which the body of a refused request is awaited."""
LINGER_SECONDS = 5.0
"""Longest time for which a closing connection discards what its client still sends."""
ANSWER_SECONDS = 60.0
"""Longest time for which a client may read an answer that is complete, beside that which the
answer takes at the lowest rate of bodies."""
STOP_SECONDS = 2.0
"""Time for which a stopping worker keeps idle connections: a request may be on its way."""
LOOK_SECONDS = 0.5
"""Time between two looks for slow clients and requests that have waited too long."""
MOST_ANSWERS = 1000
"""Number of answers after which a connection is closed. A gateway keeps its connections, so those
that it opened while only one worker was ready would leave the others without work for ever."""
SLOW_SECONDS, SLOW_RATE = 5.0, 100_000
"""A body that has been arriving for longer, with fewer bytes per second, gives way to others."""


class Connection(HTTPChannel):  # type: ignore[misc]
    """The connection of a client."""

    parser_class = IncomingRequest
    task_class = FunctionAnswer
    error_task_class = Refusal
    request: IncomingRequest | None = None
    """The request that is being received."""
    queued_at = 0.0
    """Time at which its first request was queued."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._limits: Limits = self.adj.limits
        self._idle_since = time.monotonic()
        self._answering_since: float | None = None
        self._unread_then = 0
        """Bytes of the answer that the client had not read at that time."""
        self._closing_since: float | None = None
        self._drained = 0
        self._is_refused = False
        self._answers = 0

    def received(self, data: bytes) -> bool:
        """Take ``data`` for the requests of the connection, or discard it while closing."""
        if self._closing_since is not None:
            self._drained += len(data)
            self.will_close = self._drained > DRAINED_BYTES
            return False
        taken: bool = super().received(data)
        self._is_refused = any(request.error for request in self.requests)
        request = self.request
        if request is not None and request.refusal is None and request.claim.room.is_full:
            self.server.make_room(request.claim.room, self)
            if request.expect_continue and not self.requests:
                self.send_continue()
        return taken

    def send_continue(self) -> None:
        """Let the client send the body that it announces, if there is room for it."""
        if self.request is not None and not self.request.claim.room.is_full:
            super().send_continue()

    def refuse(self, error: SerError, *, at_once: bool = False) -> None:
        """Answer the request that is being received with ``error``; see
        :meth:`.IncomingRequest.refuse`."""
        with self.requests_lock:
            request = self.request
            if request is None:
                return
            request.refuse(error, at_once=at_once)
            if request.completed:
                self.request = None
                self._is_refused, self.sent_continue = True, False
                self.requests.append(request)
                if len(self.requests) == 1:
                    self.server.add_task(self)

    @property
    def is_last_answer(self) -> bool:
        """Whether the connection is to be closed after the present answer."""
        return self.server.is_stopping or self._answers >= MOST_ANSWERS

    def service(self) -> None:
        """Answer the first request, in a thread of a lane."""
        self._answers += 1
        request = self.requests[0]
        waited = time.monotonic() - self.queued_at
        if request.error is None and waited > self._limits.settings.max_queue_seconds:
            request.refuse(self.server.queue_refusal())
        super().service()
        self._idle_since = time.monotonic()

    def look(self, now: float) -> None:
        """Refuse the request or close the connection if its client is too slow."""
        request, settings = self.request, self._limits.settings
        if self._closing_since is not None:
            self.will_close = self.will_close or now > self._closing_since + LINGER_SECONDS
        elif request is not None and not self.readable():
            request.measure_anew(now)
        elif request is not None and not request.headers_finished:
            if now > request.began + settings.read_seconds:
                self.refuse(slow_header(settings), at_once=True)
        elif request is not None and request.refusal is not None:
            if now > request.refused_at + DRAIN_SECONDS:
                self.refuse(request.refusal, at_once=True)
        elif request is not None:
            if request.lags(now):
                self.refuse(slow_body(settings), at_once=True)
        elif self.total_outbufs_len and not self.requests:
            if self._answering_since is None:
                self._answering_since, self._unread_then = now, self.total_outbufs_len
            read = max(0, self._unread_then - self.total_outbufs_len)
            seconds = ANSWER_SECONDS + read / settings.min_body_rate
            self.will_close = now > self._answering_since + seconds
        elif not self.requests:
            self._answering_since = None
            kept = STOP_SECONDS if self.server.is_stopping else self._limits.keep_alive
            self.will_close = now > self._idle_since + kept

    @property
    def dispensable_since(self) -> float | None:
        """Time since which the connection waits for its client; ``None`` while it has a request
        that is complete."""
        if self.requests:
            return None
        return self.request.began if self.request is not None else self._idle_since

    def readable(self) -> bool:
        """Whether to read from the client."""
        if self._closing_since is not None:
            return not self.will_close
        return not self._is_refused and super().readable()

    def handle_write(self) -> None:
        """Send what is ready, and close the connection if it has to be closed after that."""
        flush = self._flush_some_if_lockable if self.requests else self._flush_some
        self._flush_exception(flush if self.total_outbufs_len else None)
        if not self.connected:
            return  # Reading or sending has found that the client has gone.
        if self.will_close:
            self.handle_close()
        elif self.close_when_flushed and not self.total_outbufs_len:
            self._begin_to_close()

    def handle_expt(self) -> None:
        """Close a connection with urgent data, which HTTP does not have: it would wake the loop
        without end."""
        self.handle_close()

    def _begin_to_close(self) -> None:
        """Announce the end, and discard what comes until the client has read the answer: a
        connection that is closed with unread data is reset, and its client loses the answer."""
        self.close_when_flushed = False
        self._closing_since = time.monotonic()
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def handle_close(self) -> None:
        """Close the connection and discard the request that was being received."""
        super().handle_close()
        request, self.request = self.request, None
        if request is not None:
            request.close()


class Listener(TcpWSGIServer):  # type: ignore[misc]
    """A listening socket and the connections that it has accepted.

    Parameters
    ----------
    application
        The function.
    listening
        The socket, which listens.
    limits
        The limits of requests.
    lanes
        The queues of requests.
    most_connections
        Number of connections above which the one that has waited longest for its client is closed.
    sockets
        All sockets that are polled, by their file descriptors.
    """

    channel_class = Connection

    def __init__(
        self,
        application: WSGIApplication,
        listening: socket.socket,
        limits: Limits,
        lanes: Lanes,
        *,
        most_connections: int,
        sockets: dict[int, Any],
    ) -> None:
        self._limits, self._lanes = limits, lanes
        self._most_connections = most_connections
        self._next_look = 0.0
        self.is_stopping = False
        adjustments = Adjustments(
            ident=None,
            clear_untrusted_proxy_headers=False,
            log_socket_errors=False,
            max_request_header_size=HEADER_BYTES,
            # The size of bodies is bounded where they are parsed.
            max_request_body_size=2**62,
            recv_bytes=2**16,
            inbuf_overflow=2**19,
            # A further request is read during an answer, which reveals that the client has gone.
            channel_request_lookahead=1,
        )
        adjustments.limits = limits
        super().__init__(
            application,
            map=sockets,
            _sock=listening,
            dispatcher=lanes,
            adj=adjustments,
            sockinfo=(listening.family, listening.type, listening.proto, listening.getsockname()),
            bind_socket=False,
        )

    def add_task(self, task: Connection) -> None:
        """Queue the first request of a connection."""
        self._lanes.add(task)

    def readable(self) -> bool:
        """Whether to accept connections; called in each round of the loop."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self.look(now)
        return bool(self.accepting)

    def look(self, now: float) -> None:
        """Find slow clients, and requests that have waited too long."""
        for connection in list(self.active_channels.values()):
            connection.look(now)
        longest = self._limits.settings.max_queue_seconds
        for connection in self._lanes.take_waiting_since(now - longest):
            connection.requests[0].refuse(self.queue_refusal())
            self._lanes.add(connection)

    def handle_accept(self) -> None:
        """Accept a connection, in place of another one if there are too many."""
        if len(self.active_channels) >= self._most_connections:
            waiting = self._connections(lambda each: each.dispensable_since is not None)
            if waiting:
                min(waiting, key=lambda each: each.dispensable_since).handle_close()
        super().handle_accept()

    def make_room(self, room: Room, newcomer: Connection) -> None:
        """Refuse requests until ``room`` is not full: slow ones first, then the one that
        ``newcomer`` sends."""
        now = time.monotonic()

        def is_slow(each: Connection) -> bool:
            request = each.request
            return (
                request is not None
                and request.refusal is None
                and each is not newcomer
                and request.claim.room is room
                and now > request.began + SLOW_SECONDS
                and request.rate(now) < SLOW_RATE
            )

        for each in sorted(self._connections(is_slow), key=lambda each: each.request.rate(now)):
            if room.is_full:
                each.refuse(room.refusal())
        if room.is_full:
            newcomer.refuse(room.refusal())

    def queue_refusal(self) -> Busy:
        """Return the error of a request that has waited too long."""
        return Busy(
            f"No thread was free within {self._limits.settings.max_queue_seconds:g} s, the limit "
            "set by SER_MAX_QUEUE_SECONDS; try again later."
        )

    def stop(self) -> None:
        """Accept no more connections, and close each after the answer to its request."""
        self.accepting, self.is_stopping = False, True

    def _connections(self, wanted: Callable[[Any], bool]) -> list[Any]:
        found: Iterable[Any] = self.active_channels.values()
        return [each for each in found if wanted(each)]
