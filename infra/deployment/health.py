"""The last step of every deployment: does it answer?"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import urllib3

from deployment.errors import DeploymentError

PAUSE_SECONDS = 1.0
PATIENCE = urllib3.Timeout(connect=5, read=30)
"""A function that was asleep has to start first."""

Headers = Callable[[str], Mapping[str, str]]


def no_headers(_url: str) -> Mapping[str, str]:
    """What is sent where nobody has to be known."""
    return {}


def wait_until_healthy(url: str, seconds: int, headers: Headers = no_headers) -> None:
    """Return once ``GET url`` is answered with 200.

    Raises
    ------
    DeploymentError
        It is not within ``seconds``; the last answer is told.
    """
    deadline = time.monotonic() + seconds
    while (answer := asked(url, headers(url))) != "200":
        if time.monotonic() > deadline:
            raise DeploymentError(
                f"{url} is not healthy after {seconds} s: {answer}. It is deployed all the same;"
                " look at its log, then deploy again or undeploy."
            )
        time.sleep(PAUSE_SECONDS)
    print(f"{url} is healthy.", flush=True)


def asked(url: str, headers: Mapping[str, str]) -> str:
    """Return what came of asking: ``200``, or what a person needs to know."""
    try:
        answer = urllib3.request("GET", url, headers=headers, timeout=PATIENCE, retries=False)
    except urllib3.exceptions.HTTPError as error:
        return f"no answer ({type(error).__name__})"
    if answer.status == 200:
        return "200"
    return f"{answer.status} {answer.data[:300].decode(errors='replace')}".strip()
