"""Connections to a bucket that are cut at every request of a publication."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import product
from urllib.parse import urlsplit

from resilience.faulty.models import broken, leftovers, publish
from resilience.faulty.servers import CUTS, Proxy, bucket, environment
from resilience.reports import Report
from ser.errors import SerError
from ser.registry import Registry
from ser.store import open_store

TIMES = (1, 3)
"""Numbers of cuts: a client that tries again hides one, and not three."""
MAX_REQUESTS = 20


def cut_connections(times: Sequence[int] = TIMES) -> Report:
    """Return the figures of cuts at each request, at as many in turn as ``times`` says."""
    cuts = whole = left = hidden = 0
    problems: list[str] = []
    with bucket() as place:
        server = urlsplit(endpoint())
        proxy = Proxy((str(server.hostname), int(server.port or 80)))
        for how, number in product(CUTS, times):
            for request in range(MAX_REQUESTS):
                address = f"{place}/{how}-{number}-{request}"
                direct = open_store(address)
                with environment({"AWS_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}"}):
                    store = open_store(address)
                proxy.cut(request, how, number)
                with suppress(SerError):
                    publish(Registry(store))
                    hidden += proxy.was_cut
                if not proxy.was_cut:
                    break
                cuts += 1
                found = broken(Registry(direct), direct)
                whole += not found
                left += len(leftovers(Registry(direct), direct))
                problems += [f"{how} request {request}, {number} times: {each}" for each in found]
        proxy.close()
    figures = {"cuts": cuts, "whole or none": whole, "hidden by another attempt": hidden}
    return Report("network cuts", {**figures, "ids with leftovers": left}, tuple(problems))


def endpoint() -> str:
    """Return the address of the server of the bucket."""
    return os.environ["AWS_ENDPOINT_URL"]
