"""Callers: which of them a server answers, and what each may do.

With keys (``SER_API_KEYS``) a caller is the holder of a key. Without them a server answers its own
machine alone, unless the operator has opened it (``SER_OPEN``) because something in front of it
authenticates callers.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from typing import Literal, get_args

import msgspec
from werkzeug.wrappers import Request

from ser._schemas import shown
from ser.service.problems import Forbidden, Misdirected, Unauthenticated
from ser.service.settings import Settings

Scope = Literal["predict", "train", "events", "manage", "observe"]
"""A permission: to predict, to train, to announce events, to see the jobs of all callers and to
change models, or to see readiness and metrics."""
SCOPES: tuple[Scope, ...] = get_args(Scope)

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


class SoundQuota(msgspec.Struct, frozen=True):
    """The seconds of sound that a caller may have judged in each period."""

    seconds: float
    period: Literal["hour", "day"]


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The sender of a request."""

    name: str | None = None
    """The name of its key; ``None``: any caller of a server without keys."""
    scopes: frozenset[Scope] = frozenset(SCOPES)
    max_jobs: int | None = None
    """Largest number of its jobs of one function at a time; ``None``: any."""
    sound: SoundQuota | None = None

    @property
    def sees_all(self) -> bool:
        """Whether the caller may see the jobs of all callers."""
        return self.name is None or "manage" in self.scopes

    def may_see(self, owner: str | None) -> bool:
        """Return whether the caller may see a job of ``owner``."""
        return self.sees_all or owner == self.name


ANYONE = Caller()
"""Any caller of a server without keys."""


def require_host(request: Request, settings: Settings) -> None:
    """Check that ``request`` names this server as its host.

    A web page whose name was made to resolve to this machine (DNS rebinding) sends its own name.

    Raises
    ------
    Misdirected
        The host is not a name of loopback, nor one of ``SER_ALLOWED_HOSTNAMES``. Where other
        machines are answered, any name will do unless these are set, and any IP address, which no
        page has as its name.
    """
    if not settings.is_local and not settings.allowed_hostnames:
        return
    name = host_name(request)
    if name in LOOPBACK_NAMES | settings.allowed_hostnames:
        return
    if settings.is_local or not is_address(name):
        names = ", ".join(sorted(("localhost", "127.0.0.1", "[::1]", *settings.allowed_hostnames)))
        raise Misdirected(
            f"The request is for the host {shown(name)}; allowed: {names}, and further names in "
            "SER_ALLOWED_HOSTNAMES."
        )


def caller_of(request: Request, settings: Settings, scope: Scope | None) -> Caller:
    """Return the caller of ``request``, who has ``scope``.

    Raises
    ------
    Unauthenticated
        The server has keys, and the request has none of them; or it announces events without a
        token, and tokens are configured.
    Forbidden
        The key lacks ``scope``; or the server has no keys, and the request is from another machine.
    """
    takes_tokens = scope == "events" and bool(settings.event_tokens)
    if settings.api_keys is None and not takes_tokens:
        if not settings.open and not is_from_this_machine(request):
            raise Forbidden(
                "This server answers only its own machine, since no keys are configured; allowed: "
                "keys in SER_API_KEYS, or SER_OPEN=1 where everything that reaches it may use it."
            )
        return ANYONE
    credentials = credentials_in(request, scope)
    if not credentials:
        raise Unauthenticated(
            "The request has no key; allowed: a key as the bearer token in the header "
            "'Authorization'.",
            challenge(scope),
        )
    if takes_tokens and credentials.count(".") == 2:
        from ser.service.tokens import caller_with_token  # imports a library of cryptography

        return caller_with_token(credentials, settings.event_tokens)
    return caller_with_key(credentials, settings, scope)


def caller_with_key(presented: str, settings: Settings, scope: Scope | None) -> Caller:
    """Return the holder of the key ``presented``; raise as :func:`caller_of`."""
    # Imported here, because it is needed only where there are keys, and cold starts must be short.
    from ser.service.keys import configured_keys, find_key

    key = find_key(presented, configured_keys(settings.api_keys or ""))
    if key is None:
        raise Unauthenticated("The key is unknown.", challenge(scope, "invalid_token"))
    granting = {scope, "manage"} if scope == "observe" else {scope}
    if scope is not None and not granting & key.caller.scopes:
        raise Forbidden(
            f"The key {key.caller.name!r} lacks the scope {scope!r}; it has: "
            f"{', '.join(sorted(key.caller.scopes))}.",
            challenge(scope, "insufficient_scope"),
        )
    return key.caller


def challenge(scope: Scope | None, error: str = "") -> str:
    """Return the header ``WWW-Authenticate`` (RFC 6750) of an operation that wants ``scope``."""
    parts = ['Bearer realm="ser"']
    if error:
        parts.append(f'error="{error}"')
    if error == "insufficient_scope":
        parts.append(f'scope="{scope}"')
    if scope == "events":
        # Amazon SNS sends the password in the address of a subscription once it is asked for it.
        parts.append('Basic realm="ser"')
    return ", ".join(parts)


def credentials_in(request: Request, scope: Scope | None) -> str:
    """Return the key or token in the header ``Authorization`` of ``request``; empty without one
    that can be read."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic" and scope == "events":
        with suppress(ValueError):  # werkzeug expects ASCII
            return (request.authorization and request.authorization.password) or ""
    return ""


def is_from_this_machine(request: Request) -> bool:
    """Return whether this machine sends ``request``, also by way of a gateway on it."""
    senders = [request.remote_addr or ""]
    for header in request.headers.getlist("X-Forwarded-For"):
        senders += (each.strip() for each in header.split(","))
    # The address of a peer on a Unix socket is empty.
    return "Forwarded" not in request.headers and all(
        not each or is_loopback(each) for each in senders
    )


def host_name(request: Request) -> str:
    """Return the host of ``request`` in lower case, without its port and the brackets of IPv6."""
    host = request.headers.get("Host", "").lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].rstrip(".")


def is_address(name: str) -> bool:
    """Return whether ``name`` is an IP address."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def is_loopback(address: str) -> bool:
    """Return whether ``address`` is an IP address of this machine's loopback interface."""
    if not is_address(address):
        return False
    ip = ip_address(address)
    return (getattr(ip, "ipv4_mapped", None) or ip).is_loopback
