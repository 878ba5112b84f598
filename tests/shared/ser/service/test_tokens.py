"""Tokens of OpenID Connect, signed by real keys."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from ser.errors import RemoteFailed
from ser.service import tokens
from ser.service.problems import Forbidden, Unauthenticated
from ser.service.settings import SettingsError
from ser.service.tokens import caller_with_token

DAY = 86_400
"""Seconds. Tokens that are parameters are signed when tests are collected, long before they run."""
ISSUER, AUDIENCE = "https://accounts.example", "https://train.example/events"
SENDER = "events@project.iam.example"


def new_rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


KEY, OTHER_KEY = new_rsa_key(), new_rsa_key()


def key_set(*keys: tuple[str, rsa.RSAPrivateKey]) -> bytes:
    """The key set of an issuer."""
    found = [
        json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": name}
        for name, key in keys
    ]
    return json.dumps({"keys": found}).encode()


@pytest.fixture(autouse=True)
def without_kept_keys() -> Iterator[None]:
    tokens.key_set.cache_clear()
    yield
    tokens.key_set.cache_clear()


@pytest.fixture
def rule(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "keys.json").write_bytes(key_set(("first", KEY)))
    return {
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "keys": str(tmp_path / "keys.json"),
        "senders": ["1234567890", SENDER],
    }


def claims(**changed: Any) -> dict[str, Any]:
    now = time.time()
    given = {"iss": ISSUER, "aud": AUDIENCE, "sub": "1234567890", "iat": now, "exp": now + DAY}
    return {name: value for name, value in (given | changed).items() if value is not None}


def signed(
    content: dict[str, Any], key: Any = KEY, name: str | None = "first", algorithm: str = "RS256"
) -> str:
    return jwt.encode(content, key, algorithm=algorithm, headers={"kid": name} if name else None)


def test_a_sender_is_known_by_its_subject_or_its_verified_address(rule: dict[str, Any]) -> None:
    for content in (
        claims(),
        claims(aud=["https://other.example", AUDIENCE]),
        claims(sub="42", email=SENDER, email_verified=True),
    ):
        caller = caller_with_token(signed(content), rule)
        assert caller.name == f"token:{content['sub']}"
        assert caller.scopes == {"events"}


@pytest.mark.parametrize(
    "content",
    [
        claims(sub="42"),
        claims(sub="42", email=SENDER),
        claims(sub="42", email=SENDER, email_verified="true"),
        claims(sub="42", email="other@project.iam.example", email_verified=True),
    ],
    ids=["subject", "unverified", "verified as text", "other address"],
)
def test_other_customers_of_the_issuer_are_forbidden(
    rule: dict[str, Any], content: dict[str, Any]
) -> None:
    with pytest.raises(Forbidden, match="'42' may not announce events"):
        caller_with_token(signed(content), rule)


SHARED = "a secret of thirty-two characters."


@pytest.mark.parametrize(
    "token",
    [
        signed(claims(iss="https://evil.example")),
        signed(claims(aud="https://other.example")),
        signed(claims(exp=time.time() - DAY)),
        signed(claims(nbf=time.time() + DAY)),
        signed(claims(exp=None)),
        signed(claims(aud=None)),
        signed(claims(sub=None)),
        signed(claims(), key=OTHER_KEY),
        signed(claims(), name="second"),
        signed(claims(), name=None),
        signed(claims(), key=SHARED, algorithm="HS256"),
        signed(claims(), key=None, algorithm="none"),
        signed(claims())[:-8],
        "a.b.c",
        "..",
    ],
    ids=[
        *("issuer", "audience", "expired", "too early", "no expiry", "no audience", "no subject"),
        *("other key", "unknown key", "no key", "HS256", "none", "cut off", "no token", "empty"),
    ],
)
def test_a_token_that_is_not_valid_is_refused(rule: dict[str, Any], token: str) -> None:
    with pytest.raises(Unauthenticated, match="The token is not valid"):
        caller_with_token(token, rule)


@contextmanager
def issuer() -> Iterator[Any]:
    """A server of a key set that counts its requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.requests += 1
            self.send_response(site.status)
            self.end_headers()
            self.wfile.write(site.content)

        def log_message(self, *args: object) -> None:
            pass

    class Site(ThreadingHTTPServer):
        requests, status, content = 0, 200, key_set(("first", KEY))

    with Site(("127.0.0.1", 0), Handler) as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()


def test_invented_keys_cause_no_flood_of_requests_to_the_issuer(rule: dict[str, Any]) -> None:
    with issuer() as site:
        rule["keys"] = f"http://127.0.0.1:{site.server_port}/keys"
        for number in range(20):
            with pytest.raises(Unauthenticated):
                caller_with_token(signed(claims(), name=f"invented-{number}"), rule)
        assert caller_with_token(signed(claims()), rule).name == "token:1234567890"
        assert site.requests == 1


def test_an_issuer_that_fails_is_a_failure_of_a_remote(rule: dict[str, Any]) -> None:
    with issuer() as site:
        site.status, site.content = 500, b"{}"
        rule["keys"] = f"http://127.0.0.1:{site.server_port}/keys"
        with pytest.raises(RemoteFailed, match="The key set of the issuer cannot be fetched"):
            caller_with_token(signed(claims()), rule)


@pytest.mark.parametrize(
    "change",
    [
        {"senders": []},
        {"senders": None},
        {"issuer": ""},
        {"colour": "red"},
        {"keys": "nowhere/keys.json"},
        {"keys": "ftp://keys.example/"},
    ],
    ids=str,
)
def test_a_rule_that_does_not_fit_is_an_error_of_the_operator(
    rule: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(SettingsError, match="SER_EVENT_TOKENS"):
        caller_with_token(signed(claims()), rule | change)
