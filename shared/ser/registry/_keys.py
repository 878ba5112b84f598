"""Keys that sign the manifests of models."""

from __future__ import annotations

from contextlib import suppress
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
        # Imported here, because predict must start fast, and most registries have no key.
        import hmac

        return hmac.digest(self.secret, PURPOSE + manifest, "sha256").hex().encode()

    def has_signed(self, manifest: bytes, signature: bytes) -> bool:
        """Return whether ``signature`` is that of ``manifest``."""
        import hmac

        return hmac.compare_digest(self.signature(manifest), signature.strip())

    def __repr__(self) -> str:
        return "ModelKey(...)"


def decoded(value: str | PathLike[str]) -> bytes:
    """Return the bytes of a key in ``value``, or in the file of that name; none without a key."""
    text = str(value).strip()
    with suppress(OSError, ValueError):
        if Path(text).is_file():
            text = Path(text).read_text().strip()
    import base64

    with suppress(ValueError):
        return bytes.fromhex(text)
    # Either alphabet, and with or without the padding.
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    with suppress(ValueError):
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    return b""
