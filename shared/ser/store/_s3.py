"""A store in a bucket of S3, or of another server with the S3 protocol."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from ser._s3 import create_client
from ser.errors import InvalidInput, RemoteFailed, SerError, StorageFull
from ser.store._store import Store, Stored, check_key

logger = logging.getLogger(__name__)

TRANSIENT = {"ExpiredToken", "RequestTimeTooSkewed", "RequestTimeout", "TokenRefreshRequired"}
"""Codes of temporary errors of S3, although their status is that of a client error."""

CREATION = (
    "{uri} has no conditional creation (If-None-Match): a job that is started twice at the same "
    "moment may be carried out twice"
)
REPLACEMENT = (
    "{uri} has no conditional replacement (If-Match): of two changes to an alias or a job at the "
    "same moment, one may be lost"
)


class S3Store(Store):
    """A store whose keys are object keys below ``prefix`` in ``bucket``.

    Parameters
    ----------
    bucket, prefix
        As in ``s3://bucket/prefix``; the prefix may be empty.
    client
        A botocore client of S3. Default: a client with the standard AWS variables and files.

    Raises
    ------
    InvalidInput
        The prefix is not a relative path, or the AWS settings cannot be used.
    """

    def __init__(self, bucket: str, prefix: str = "", client: Any = None) -> None:
        self._bucket = bucket
        self._prefix = f"{check_key(prefix)}/" if prefix else ""
        super().__init__(f"s3://{bucket}/{prefix}".rstrip("/"))
        with self._translate_errors():
            self._client = client or create_client()

    def _read(self, key: str, most: int | None = None) -> Stored | None:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + key)
        except self._client.exceptions.NoSuchKey:
            return None
        body = answer["Body"]
        if most is not None and answer["ContentLength"] > most:
            start = body.read(most)
            body.close()
            return Stored(start, answer["ETag"])
        # Read to its end, which checks that none of it was lost.
        return Stored(body.read(), answer["ETag"])

    def _holds(self, key: str) -> bool:
        try:
            self._client.head_object(Bucket=self._bucket, Key=self._prefix + key)
        except ClientError as error:
            if code(error) != "404":  # the answer to HEAD has no body
                raise
            return False
        return True

    def _create(self, key: str, data: bytes) -> bool:
        if not self._lacks(CREATION):
            try:
                return self._put(key, data, IfNoneMatch="*")
            except ClientError as error:
                self._note_lack(CREATION, error)
        return not self._holds(key) and self._put(key, data)

    def _replace(self, key: str, old: Stored, data: bytes) -> bool:
        if not self._lacks(REPLACEMENT):
            try:
                return self._put(key, data, IfMatch=old.tag)
            except ClientError as error:
                if code(error) in ("NoSuchKey", "ConditionalRequestConflict"):
                    return False
                self._note_lack(REPLACEMENT, error)
        return self._read(key) == old and self._put(key, data)

    def _lacks(self, guarantee: str) -> bool:
        return guarantee.format(uri=self.uri) in self.notes

    def _note_lack(self, guarantee: str, error: ClientError) -> None:
        """Note that the store lacks ``guarantee``; raise ``error`` if it has another reason."""
        if code(error) != "NotImplemented":
            raise error
        note = guarantee.format(uri=self.uri)
        logger.warning(note)
        self.notes = (*self.notes, note)

    def _put(self, key: str, data: bytes, **condition: str) -> bool:
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + key, Body=data, **condition
            )
        except ClientError as error:
            if code(error) != "PreconditionFailed":
                raise
            # If the answer to the first attempt was lost, the second attempt finds our own object.
            repeated = error.response["ResponseMetadata"].get("RetryAttempts", 0) > 0
            stored = self._read(key) if repeated else None
            return stored is not None and stored.data == data
        return True

    def _delete(self, key: str) -> None:
        self._client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def _names(self, folder: str) -> Iterator[str]:
        prefix = f"{self._prefix}{folder}/" if folder else self._prefix
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=prefix, Delimiter="/"
        )
        for page in pages:
            keys = [entry["Key"] for entry in page.get("Contents", [])]
            folders = [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
            # Some tools create an empty object with the name of a folder.
            yield from (key.removeprefix(prefix) for key in keys + folders if key != prefix)

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise self._refusal(error) from error
        except (NoConnection, HTTPClientError) as error:
            raise RemoteFailed(f"{self.uri} gave no answer: {type(error).__name__}") from error
        except BotoCoreError as error:
            raise InvalidInput(
                f"cannot use {self.uri}: {type(error).__name__}; allowed: s3://bucket/prefix, and"
                " AWS settings with credentials for it"
            ) from error

    def _refusal(self, error: ClientError) -> SerError:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 507 or code(error) == "QuotaExceeded":
            return StorageFull(f"no space is left in {self.uri}: {code(error)}")
        if status >= 500 or status in (408, 409, 429) or code(error) in TRANSIENT:
            return RemoteFailed(f"{self.uri} failed: {code(error)}")
        return InvalidInput(
            f"cannot use {self.uri}: {code(error)}; allowed: a bucket that exists and that the"
            " credentials may read and write"
        )


def code(error: ClientError) -> str:
    """Return the error code of S3, such as ``NoSuchBucket``."""
    return str(error.response["Error"]["Code"])
