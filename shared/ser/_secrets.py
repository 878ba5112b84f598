"""Secrets in texts that others read: messages, log lines, documents.

Addresses carry passwords before the host, and signatures and tokens in the query. Which names are
secret differs among stores and changes, so the whole query of a web address is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

HIDDEN = "..."
KEY_PREFIX = "serkey_"
"""The beginning of every key for callers, by which a key is found in a text or in a repository."""

MARKS = ("://", "=", "bearer", "authorization", "eyj", KEY_PREFIX, "x-amz-", "x-goog-")
"""Parts in lower case, of which every text with a secret has one. Most messages have none."""

# A quote belongs to an address unless the end of a phrase follows.
ADDRESS = r"""([a-z][a-z0-9+.-]*)://((?:[^\s"'<>`]|['"](?![\s,;:.)\]}]|$))+)"""
USER = r"^([^/?#]*:.*|[^/]*)@"
# The port may be the word itself, in messages that say what is allowed, and may be cut off.
HOST = r"(\[[^\]]*\]?|[^:\[]*)(:(\d*…?|port))?"
PUNCTUATION = ".,;:!)]}*'\""
HEADER = r"""(\bauthorization["']?\s*[:=]\s*["']?)[^\r\n"']+"""
BEARER = r"(\bbearer\s+)(?=\S*\d)[\w.~+/=-]{8,}"
KEY = rf"{KEY_PREFIX}[\w-]+"
TOKEN = r"\beyJ[\w-]{5,}\.[\w-]+(\.[\w-]*)?"  # noqa: S105
SIGNED = (
    r"(\bx-(?:amz|goog)-(?:signature|credential|security-token)"
    r"""["']?\s*[:=]\s*["']?)[^\s&"'<>,;]+"""
)
NAMED = (
    r"((?:\b(?:awsaccesskeyid|signature|credential|sig|(?:access_|id_|refresh_)?token|api_?key"
    r"|client_secret|secret|password)|[?&](?:key|code))=)[^\s&\"'<>,;]+"
)


def without_secrets(text: str, known: Iterable[str] = ()) -> str:
    """Return ``text`` without secrets.

    ``...`` replaces users and passwords of addresses, the query of web addresses, values of headers
    and parameters that authenticate, tokens, keys of callers, and the texts in ``known``.

    Examples
    --------
    >>> from ser._secrets import without_secrets
    >>> without_secrets("https://me:pw@host/a.zip?X-Amz-Signature=abc failed")
    'https://...@host/a.zip?... failed'
    """
    for secret in known:
        text = text.replace(secret, HIDDEN)
    lower = text.lower()
    if not any(mark in lower for mark in MARKS):
        return text
    # Compiled by the first message that needs them, and then kept by `re`.
    text = re.sub(ADDRESS, _cleaned, text, flags=re.IGNORECASE)
    for pattern in (HEADER, BEARER, SIGNED, NAMED):
        text = re.sub(pattern, rf"\g<1>{HIDDEN}", text, flags=re.IGNORECASE)
    text = re.sub(KEY, KEY_PREFIX + HIDDEN, text)
    return re.sub(TOKEN, f"eyJ{HIDDEN}", text)


def _cleaned(match: re.Match[str]) -> str:
    """Return an address without user and, if it is one of the web, without its query."""
    scheme, rest = match.groups()
    bare = re.sub(USER, f"{HIDDEN}@", rest)
    if scheme.lower() in ("http", "https"):
        shown = re.split("[?#]", bare, maxsplit=1)[0]
        bare = bare if shown == bare else f"{shown}?{HIDDEN}"
    authority = re.split("[/?#]", bare, maxsplit=1)[0]
    host = authority.rpartition("@")[2]
    # In a message that is cut off, the @ after a password may be missing.
    if not re.fullmatch(HOST, host.rstrip(PUNCTUATION)):
        bare = f"{host.partition(':')[0]}:{HIDDEN}{bare[len(authority) :]}"
    return f"{scheme}://{bare}"
