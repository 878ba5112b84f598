"""Access rules of requests: local paths, buckets and network addresses.

A request names paths, buckets and hosts; the settings of the operator allow some of them. A refusal
is an :class:`~ser.errors.InvalidInput` that names the setting.
"""

from __future__ import annotations

import os
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path

from ser._addresses import bucket_name, resolve_path, scheme
from ser.errors import InvalidInput
from ser.service.settings import Settings

# All public IPv6 addresses; those that embed an IPv4 address (mapped, NAT64) lie outside.
PUBLIC_IPV6 = ip_network("2000::/3")
# Public according to some releases of Python: 6to4 embeds any IPv4 address, private ones included,
# and some clouds serve a machine's credentials in 192.0.0.0/24.
NEVER_PUBLIC = (ip_network("2002::/16"), ip_network("192.0.0.0/24"))


class Access:
    """The access rules that follow from settings."""

    def __init__(self, settings: Settings) -> None:
        roots = settings.allowed_paths or (Path(),)
        self.roots = tuple(Path(os.path.realpath(root)) for root in roots)
        self.buckets = settings.allowed_buckets
        self.hosts = settings.allowed_hosts
        self.cloud_storage = settings.cloud_storage

    def path(self, value: str) -> Path:
        """Return the absolute path of ``value``, a path or ``file://`` URL.

        Symbolic links are followed first; the path need not exist.

        Raises
        ------
        InvalidInput
            ``value`` is not a local path, or leads outside of ``SER_ALLOWED_PATHS``.
        """
        path = resolve_path(value)
        if not any(path.is_relative_to(root) for root in self.roots):
            roots = ", ".join(map(str, self.roots))
            raise InvalidInput(
                f"{value!r} is outside of SER_ALLOWED_PATHS; allowed: {roots} and below"
            )
        return path

    def bucket(self, name: str) -> str:
        """Return ``name`` if it is a bucket that requests may use.

        Raises
        ------
        InvalidInput
            It is not a valid name of a bucket, or not in ``SER_ALLOWED_BUCKETS``.
        """
        bucket_name(name)
        if self.buckets is not None and name not in self.buckets:
            raise InvalidInput(
                f"bucket {name!r} is not in SER_ALLOWED_BUCKETS; allowed: "
                f"{', '.join(self.buckets) or 'none'}"
            )
        return name

    def endpoint(self, store: str) -> str | None:
        """Return the URL of the server for ``s3`` or ``gs``; ``None``: the default of AWS."""
        return self.cloud_storage if store == "gs" else None

    def address(self, host: str, address: str) -> None:
        """Check that a request may connect to ``host`` at its current IP address ``address``.

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
        """Return the normal form of a place for models: ``s3://bucket/prefix``, or a path.

        Raises
        ------
        InvalidInput
            ``uri`` is neither of the two, or the settings do not allow it.
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
    """Whether ``address`` is reachable from the public internet."""
    ip = ip_address(address)
    return (
        ip.is_global
        and not ip.is_multicast
        and not (isinstance(ip, IPv6Address) and ip not in PUBLIC_IPV6)
        and not any(ip in network for network in NEVER_PUBLIC)
    )
