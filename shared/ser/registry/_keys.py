"""Keys that sign the manifests of models."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from ser.errors import InvalidInput

LEAST_BYTES = 32
ALLOWED = f"{LEAST_BYTES} bytes or more in hexadecimal or base64, or the path of a file with them"
PURPOSE = b"manifest of a model of ser, version 1\n"
"""Signed with each manifest, so that no signature made for another purpose fits."""


class ModelKey(NamedTuple):
    """A secret key, which signs manifests by HMAC-SHA256 (RFC 2104)."""

    secret: bytes

    @classmethod
    def of(cls, value: ModelKey | bytes | str | PathLike[str]) -> ModelKey:
        """Return the key in ``value``: its bytes, a text, or the path of a file with the text.

        Raises
        ------
        InvalidInput
            ``value`` is none of these, or too short. The message does not contain it.
        """
        if isinstance(value, ModelKey):
            return value
        secret = value if isinstance(value, bytes) else decoded(value)
        if len(secret) < LEAST_BYTES:
            raise InvalidInput(f"the key is too short or unreadable; allowed: {ALLOWED}")
        return cls(secret)

    def signature(self, manifest: bytes) -> bytes:
        """Return the signature of ``manifest`` in hexadecimal."""
        return hmac.new(self.secret, PURPOSE + manifest, hashlib.sha256).hexdigest().encode()

    def has_signed(self, manifest: bytes, signature: bytes) -> bool:
        """Return whether ``signature`` is that of ``manifest``."""
        return hmac.compare_digest(self.signature(manifest), signature.strip())

    def __repr__(self) -> str:
        return "ModelKey(...)"


def decoded(value: str | PathLike[str]) -> bytes:
    """Return the bytes of a key in ``value``, or in the file of that name; none without a key."""
    text = str(value).strip()
    try:
        if Path(text).is_file():
            text = Path(text).read_text().strip()
    except (OSError, ValueError):
        pass
    try:
        return bytes.fromhex(text)
    except ValueError:
        try:
            return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return b""
