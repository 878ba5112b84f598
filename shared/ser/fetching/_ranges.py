"""Large objects of S3 in parallel ranges, by the transfer manager of boto3."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from queue import Full, Queue
from threading import Event
from typing import Any

from ser.fetching._transport import Interrupted

PART_BYTES = 8 << 20
"""Size of a range in bytes."""
CONNECTIONS = 8
"""Number of ranges that are transferred at the same time."""
WORTHWHILE_BYTES = 4 * PART_BYTES
"""Size of an object from which on it comes in ranges."""
WAITING = 64
"""Maximum number of pieces that wait to be read, of 256 KiB each."""


def is_worthwhile(size: int) -> bool:
    """Return whether an object of ``size`` bytes comes faster in ranges."""
    return size >= WORTHWHILE_BYTES


def ranged_chunks(
    client: Any, bucket: str, key: str, etag: str, version: Mapping[str, str]
) -> Generator[bytes, None, None]:
    """Yield the bytes of an object in their order; each range must be of the version ``etag``.

    The transfer begins with the first chunk and ends when the iterator is closed.

    Raises
    ------
    Interrupted
        The object has changed, or connections fail too often.
    """
    from boto3.s3.transfer import TransferConfig, create_transfer_manager
    from s3transfer.exceptions import (
        RetriesExceededError,
        S3DownloadFailedError,
        S3ValidationError,
    )
    from s3transfer.subscribers import BaseSubscriber

    class Pinned(BaseSubscriber):  # type: ignore[misc]
        """Pins the version, and ends the pipe with the transfer."""

        def on_queued(self, future: Any, **_: Any) -> None:
            future.meta.provide_object_etag(etag)

        def on_done(self, future: Any, **_: Any) -> None:
            del future
            pipe.write(b"")

    config = TransferConfig(
        multipart_threshold=PART_BYTES,
        multipart_chunksize=PART_BYTES,
        max_concurrency=CONNECTIONS,
        max_io_queue=WAITING,
        preferred_transfer_client="classic",
    )
    pipe = Pipe()
    manager = create_transfer_manager(client, config)
    try:
        future = manager.download(
            bucket, key, pipe, extra_args=dict(version), subscribers=[Pinned()]
        )
        yield from pipe
        try:
            future.result()
        except (RetriesExceededError, S3DownloadFailedError, S3ValidationError) as error:
            raise Interrupted(str(error)) from error
    finally:
        pipe.close()
        manager.shutdown(cancel=True)


class Pipe:
    """Bytes that one thread writes and another one reads; it cannot be sought, so the manager
    writes in order."""

    def __init__(self) -> None:
        self._pieces: Queue[bytes] = Queue(WAITING)
        self._closed = Event()

    def write(self, data: bytes) -> None:
        """Add ``data``, once there is room for it; empty data are the end."""
        while not self._closed.is_set():
            try:
                self._pieces.put(data, timeout=0.1)
            except Full:
                continue
            return

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces.get, b"")

    def close(self) -> None:
        """Let writers go on, whose data are dropped."""
        self._closed.set()
