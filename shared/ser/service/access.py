"""Access rules of requests: local paths, buckets and network addresses.

A request names paths, buckets and hosts; the settings of the operator allow some of them. A refusal
is an :class:`~ser.errors.InvalidInput` that names the setting.
"""

from __future__ import annotations

from io import BufferedReader
from ipaddress import IPv6Address, ip_address, ip_network
from pathlib import Path

from ser._addresses import bucket_name, open_below, scheme
from ser.errors import InvalidInput
from ser.service.places import Places
from ser.service.settings import Settings

# All public IPv6 addresses; those that embed an IPv4 address (mapped, NAT64) lie outside.
PUBLIC_IPV6 = ip_network("2000::/3")
NEVER_PUBLIC = tuple(
    map(
        ip_network,
        (
            # Public according to some releases of Python: 6to4 and Teredo embed any IPv4 address,
            # private ones included; documentation (RFC 9637).
            *("2002::/16", "2001::/32", "3fff::/20"),
            # Clouds serve a machine's credentials and settings there: Oracle (192.0.0.192), and
            # the "wire server" of Azure, which has a public address
            # (learn.microsoft.com, "What is IP address 168.63.129.16?").
            *("192.0.0.0/24", "168.63.129.16/32"),
            # Relays to 6to4 (RFC 7526), and carrier-grade NAT (RFC 6598), which includes the
            # settings of a machine in Alibaba Cloud (100.100.100.200).
            *("192.88.99.0/24", "100.64.0.0/10"),
        ),
    )
)


class Access:
    """The access rules that follow from settings."""

    def __init__(self, settings: Settings) -> None:
        self.places = Places(settings)
        self.buckets = settings.allowed_buckets
        self.hosts = settings.allowed_hosts
        self.cloud_storage = settings.cloud_storage

    def path(self, value: str) -> Path:
        """Return the absolute path of ``value``, a path or ``file://`` URL to read from.

        Symbolic links are followed first; the path need not exist.

        Raises
        ------
        InvalidInput
            ``value`` is not a local path, or leads outside of ``SER_ALLOWED_PATHS``.
        """
        return self.places.to_read(value)

    def open(self, value: str) -> BufferedReader:
        """Return the file ``value``, open for reading; a link that replaces a part of its path
        after the check of :meth:`path` is not followed.

        Raises
        ------
        InvalidInput
            As for :meth:`path`.
        OSError
            The file cannot be opened.
        """
        path = self.path(value)
        return open_below(self.places.root_of(path), path)

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
            The address is not public and ``SER_ALLOWED_HOSTS`` does not exempt the host. The
            message does not contain the address, which callers may not know.
        """
        if host.lower().rstrip(".") not in self.hosts and not is_public(address):
            raise InvalidInput(
                f"host {host!r} has no public address; allowed: public addresses "
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
            return str(self.places.for_models(uri))
        bucket, *segments = uri[len("s3://") :].split("/")
        if {".", ".."}.intersection(segments) or not uri.isprintable():
            raise InvalidInput(
                f"{uri!r} is not a place for models; allowed below the bucket: "
                "printable characters, and no '.' or '..' between slashes"
            )
        return "/".join(("s3:/", self.bucket(bucket), *filter(None, segments)))


def is_public(address: str) -> bool:
    """Whether ``address`` is reachable from the public internet."""
    try:
        ip = ip_address(address)
    except ValueError:  # not every resolver writes zones alike
        return False
    return (
        ip.is_global
        and not ip.is_multicast
        and not (isinstance(ip, IPv6Address) and ip not in PUBLIC_IPV6)
        and not any(ip in network for network in NEVER_PUBLIC)
    )
