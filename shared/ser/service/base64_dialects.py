"""Base64 in the dialects in which programs write it."""

from __future__ import annotations

import binascii
import re

import msgspec

from ser.errors import InvalidInput

WHITESPACE = " \t\r\n\f\v"
DATA_URL = re.compile(rf"[{WHITESPACE}]*data:(?P<description>[^,]*),", re.IGNORECASE)
"""The beginning of a data URL (RFC 2397), with its media type and parameters."""
FOREIGN = re.compile(rf"[^A-Za-z0-9+/_\-{WHITESPACE}]")
"""A character that no dialect has before the padding."""
TO_STANDARD = bytes.maketrans(b"-_", b"+/")
ALLOWED = "allowed: base64 (A-Z, a-z, 0-9, + and / or - and _), or data:audio/wav;base64,..."


def decode_base64(text: str) -> bytes:
    r"""Return the bytes that ``text`` encodes.

    Both alphabets of RFC 4648, whitespace, missing padding, and the prefix of a data URL are
    allowed.

    Raises
    ------
    InvalidInput
        ``text`` is not base64; the message names the first character that does not fit.

    Examples
    --------
    >>> from ser.service.base64_dialects import decode_base64
    >>> decode_base64("data:audio/wav;base64,UklG\r\nRg")
    b'RIFF'
    """
    try:
        # Most clients send the standard form, which msgspec decodes fast and without a copy.
        return msgspec.convert(text, bytes)
    except (msgspec.ValidationError, UnicodeEncodeError):
        return binascii.a2b_base64(to_standard_form(text))


def to_standard_form(text: str) -> bytes:
    """Return the base64 in ``text`` in its standard form; raise as :func:`decode_base64`."""
    start = 0
    if prefix := DATA_URL.match(text):
        start = prefix.end()
        if prefix["description"].lower().split(";")[-1].strip() != "base64":
            raise InvalidInput(f"{prefix[0][:80]!r} begins a data URL without base64; {ALLOWED}")
    end = len(text.rstrip("=" + WHITESPACE))
    if foreign := FOREIGN.search(text, start, end):
        raise InvalidInput(
            f"the character {foreign[0]!r} at position {foreign.start()} (counted from 0) is not "
            f"base64; {ALLOWED}"
        )
    digits = text[start:].encode("ascii").translate(TO_STANDARD, delete=f"={WHITESPACE}".encode())
    if len(digits) % 4 == 1:
        raise InvalidInput(
            f"the base64 is damaged: {len(digits):,} characters do not encode whole bytes; "
            f"{ALLOWED}"
        )
    return digits + b"=" * (-len(digits) % 4)
