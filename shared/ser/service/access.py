"""Where a request may reach: local paths, buckets and network addresses.

Who sends a request chooses paths, buckets and hosts; the operator's settings say which of them are
within bounds. A refusal is an :class:`~ser.errors.InvalidInput` that names the setting in charge.
"""

from __future__ import annotations

import os
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path

from ser._addresses import bucket_name, resolved, scheme
from ser.errors import InvalidInput
from ser.service.settings import Settings

# Every public IPv6 address begins so; what wraps an IPv4 address (mapped, NAT64) lies outside.
PUBLIC_IPV6 = ip_network("2000::/3")
# Counted as public by some releases of Python: 6to4 wraps any IPv4 address, private ones included,
# and some clouds answer for a machine's credentials in 192.0.0.0/24.
NEVER_PUBLIC = (ip_network("2002::/16"), ip_network("192.0.0.0/24"))


class Access:
    """The bounds that settings draw around what a request may name."""

    def __init__(self, settings: Settings) -> None:
        roots = settings.allowed_paths or (Path(),)
        self.roots = tuple(Path(os.path.realpath(root)) for root in roots)
        self.buckets = settings.allowed_buckets
        self.hosts = settings.allowed_hosts
        self.cloud_storage = settings.cloud_storage

    def path(self, value: str) -> Path:
        """The absolute path that ``value``, a path or ``file://`` URL, leads to.

        Symbolic links are followed first; nothing needs to exist there.

        Raises
        ------
        InvalidInput
            No local path, or one that ends outside of ``SER_ALLOWED_PATHS``.
        """
        path = resolved(value)
        if not any(path.is_relative_to(root) for root in self.roots):
            roots = ", ".join(map(str, self.roots))
            raise InvalidInput(
                f"{value!r} leads outside of what SER_ALLOWED_PATHS allows: {roots} and below"
            )
        return path

    def bucket(self, name: str) -> str:
        """``name`` itself, once it is known to be a bucket that requests may use.

        Raises
        ------
        InvalidInput
            Not the name of a bucket, or of one that ``SER_ALLOWED_BUCKETS`` leaves out.
        """
        bucket_name(name)
        if self.buckets is not None and name not in self.buckets:
            raise InvalidInput(
                f"bucket {name!r} is not one that SER_ALLOWED_BUCKETS allows: "
                f"{', '.join(self.buckets) or 'none'}"
            )
        return name

    def endpoint(self, store: str) -> str | None:
        """The URL of the server with the buckets of ``s3`` or ``gs``; ``None``: AWS decides."""
        return self.cloud_storage if store == "gs" else None

    def address(self, host: str, address: str) -> None:
        """Return if a request may reach ``host`` at ``address``, the IP address it has just now.

        Raises
        ------
        InvalidInput
            The address is not public and ``SER_ALLOWED_HOSTS`` does not exempt the host.
        """
        if host.lower().rstrip(".") not in self.hosts and not is_public(address):
            raise InvalidInput(
                f"host {host!r} has the address {address}; allowed: public addresses "
                f"and the hosts of SER_ALLOWED_HOSTS ({', '.join(sorted(self.hosts)) or 'none'})"
            )

    def location(self, uri: str) -> str:
        """A place for models: ``s3://bucket/prefix`` without a trailing slash, or a folder's path.

        Raises
        ------
        InvalidInput
            Neither of the two, or outside of the settings' bounds.
        """
        if scheme(uri) not in ("", "file", "s3"):
            raise InvalidInput(
                f"{uri!r} is not a place for models; allowed: s3://bucket/prefix or a local folder"
            )
        if scheme(uri) != "s3":
            return str(self.path(uri))
        bucket, *segments = uri[len("s3://") :].split("/")
        if {".", ".."}.intersection(segments) or not uri.isprintable():
            raise InvalidInput(
                f"{uri!r} is not a place for models; allowed below the bucket: "
                "printable characters, and no '.' or '..' between slashes"
            )
        return "/".join(("s3:/", self.bucket(bucket), *filter(None, segments)))


def is_public(address: str) -> bool:
    """Whether ``address`` is one that anybody on the internet may be reached at."""
    ip = ip_address(address)
    return (
        ip.is_global
        and not ip.is_multicast
        and not (isinstance(ip, IPv6Address) and ip not in PUBLIC_IPV6)
        and not any(ip in network for network in NEVER_PUBLIC)
    )
