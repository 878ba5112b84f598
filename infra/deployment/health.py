"""The health check, the last step of every deployment."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import urllib3

from deployment.errors import DeploymentError

PAUSE_SECONDS = 1.0
REQUEST_TIMEOUT = urllib3.Timeout(connect=5, read=30)
"""Time for a function that has to start before it answers."""

Headers = Callable[[str], Mapping[str, str]]


def no_headers(_url: str) -> Mapping[str, str]:
    """Return no headers: for servers without authentication."""
    return {}


def wait_until_healthy(url: str, seconds: int, headers: Headers = no_headers) -> None:
    """Return once the status of ``GET url`` is 200.

    Raises
    ------
    DeploymentError
        It is not within ``seconds``; the message has the last answer.
    """
    deadline = time.monotonic() + seconds
    while (answer := ask(url, headers(url))) != "200":
        if time.monotonic() > deadline:
            raise DeploymentError(
                f"{url} is not healthy after {seconds} s: {answer}. It stays deployed: look at its"
                " log, then deploy again or undeploy."
            )
        time.sleep(PAUSE_SECONDS)
    print(f"{url} is healthy.", flush=True)


def ask(url: str, headers: Mapping[str, str]) -> str:
    """Return ``200``, or the reason why ``url`` is not healthy."""
    try:
        answer = urllib3.request(
            "GET", url, headers=headers, timeout=REQUEST_TIMEOUT, retries=False
        )
    except urllib3.exceptions.HTTPError as error:
        return f"no answer ({type(error).__name__})"
    if answer.status == 200:
        return "200"
    return f"{answer.status} {answer.data[:300].decode(errors='replace')}".strip()
