"""Tokens of OpenID Connect, by which clouds and clusters prove who sends an event.

Sources: RFC 7519 (JWT), RFC 7517 (key sets) and OpenID Connect Core 1.0, section 3.1.3.7. Only
train imports this module, and only for a request with a token.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Annotated, Any

import jwt
import msgspec
from msgspec import Meta

from ser._addresses import scheme
from ser.errors import RemoteFailed
from ser.service.callers import Caller, challenge
from ser.service.problems import Forbidden, Unauthenticated
from ser.service.settings import SettingsError

ALGORITHMS = ["RS256"]
LEEWAY_SECONDS = 30.0
"""Difference between the clocks of issuer and server."""
KEPT_SECONDS = 300.0
"""Time for which a fetched key set is used."""
PAUSE_SECONDS = 30.0
"""Shortest time between two fetches, so that tokens with invented keys cause no flood of them."""
FETCH_SECONDS = 10.0
Text = Annotated[str, Meta(min_length=1)]


class TokenRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tokens that POST /events accepts: the setting ``SER_EVENT_TOKENS``."""

    issuer: Text
    """The claim ``iss``."""
    audience: Text
    """The claim ``aud``: usually the address of the function."""
    keys: Text
    """The key set of the issuer: its address, or a file."""
    senders: Annotated[tuple[Text, ...], Meta(min_length=1)]
    """Subjects or verified e-mail addresses of service accounts that may announce events. Any
    customer of a public issuer gets tokens for any audience, so the issuer alone proves nothing."""

    @classmethod
    def from_setting(cls, value: Mapping[str, Any]) -> TokenRule:
        """Return the rule in the setting; raise :class:`SettingsError` if it does not fit."""
        try:
            return msgspec.convert(dict(value), cls)
        except msgspec.ValidationError as error:
            raise SettingsError(
                f"SER_EVENT_TOKENS does not fit: {error}; allowed: an object with issuer, "
                "audience, keys (https:// address or file) and senders (a list)"
            ) from error


def caller_with_token(token: str, setting: Mapping[str, Any]) -> Caller:
    """Return the sender that ``token`` names, which may announce events.

    Raises
    ------
    Unauthenticated
        The token is not signed by the issuer, is for another audience, or has expired.
    Forbidden
        Its subject is not one of the senders.
    RemoteFailed
        The key set cannot be fetched.
    """
    rule = TokenRule.from_setting(setting)
    try:
        name = jwt.get_unverified_header(token).get("kid")
        claims: dict[str, Any] = jwt.decode(
            token,
            key_set(rule.keys).key(name if isinstance(name, str) else None),
            algorithms=ALGORITHMS,
            issuer=rule.issuer,
            audience=rule.audience,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError as error:
        raise Unauthenticated(
            f"The token is not valid: {error}", challenge("events", "invalid_token")
        ) from error
    names = {claims["sub"]}
    if claims.get("email_verified") is True:
        names.add(claims.get("email"))
    if not names & set(rule.senders):
        raise Forbidden(
            f"The sender {claims['sub']!r} may not announce events; allowed: the senders of "
            "SER_EVENT_TOKENS."
        )
    # No name of a key contains a colon.
    return Caller(name=f"token:{claims['sub']}", scopes=frozenset({"events"}))


class KeySet:
    """The public keys at an address or in a file."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._lock = Lock()
        self._keys: dict[str | None, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")

    def key(self, name: str | None) -> jwt.PyJWK:
        """Return the key called ``name`` (``kid``); raise ``jwt.InvalidKeyError`` without one."""
        with self._lock:
            age = time.monotonic() - self._fetched_at
            if age > KEPT_SECONDS or (name not in self._keys and age > PAUSE_SECONDS):
                self._keys = {each.key_id: each for each in fetch_keys(self._place)}
                self._fetched_at = time.monotonic()
            if name not in self._keys:
                raise jwt.InvalidKeyError("its key is not in the key set of the issuer")
            return self._keys[name]


@cache
def key_set(place: str) -> KeySet:
    """Return the key set at ``place``, which settings name."""
    return KeySet(place)


def fetch_keys(place: str) -> list[jwt.PyJWK]:
    """Return the keys of the set at ``place``, an address or a file.

    Raises
    ------
    RemoteFailed
        The server of the key set fails.
    SettingsError
        The file cannot be read, or the scheme is not supported.
    """
    if scheme(place) in ("http", "https"):
        try:
            return jwt.PyJWKClient(place, timeout=FETCH_SECONDS).get_signing_keys(refresh=True)
        except jwt.PyJWKClientError as error:
            raise RemoteFailed(f"The key set of the issuer cannot be fetched: {error}") from error
    try:
        content = json.loads(Path(place).expanduser().read_bytes())
        return [each for each in jwt.PyJWKSet.from_dict(content).keys if each.key_id]
    except (OSError, ValueError, TypeError, jwt.PyJWTError) as error:
        raise SettingsError(
            f"SER_EVENT_TOKENS names the key set {place!r}, which cannot be read: {error}; "
            "allowed: an https:// address, or a file with a JSON Web Key Set"
        ) from error
