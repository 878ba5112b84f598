"""What has to be there, what will be done, and the doing of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from deployment.errors import DeploymentError


class Need(NamedTuple):
    """Something without which nothing is begun."""

    what: str
    is_there: Callable[[], bool]
    how: str
    """How to get it."""


class Step(NamedTuple):
    """One thing to do, and how it is announced: a plan cannot differ from what is done."""

    says: str
    do: Callable[[], None]


class Target(Protocol):
    """A place to deploy to."""

    def needs(self) -> Iterable[Need]:
        """What both deploy and undeploy want."""

    def needs_to_deploy(self) -> Iterable[Need]:
        """What only deploy wants."""

    def place(self) -> str:
        """Where it is, so that a wrong account or cluster is noticed in time."""

    def deploy(self) -> Sequence[Step]:
        """The steps that lead there, whatever of them was done before."""

    def undeploy(self) -> Sequence[Step]:
        """The steps that remove what deploy made, whatever of it is there."""


def tool(name: str, how: str) -> Need:
    """The need of a program."""
    return Need(name, lambda: shutil.which(name) is not None, how)


def check(needs: Iterable[Need]) -> None:
    """Return if nothing is missing.

    Raises
    ------
    DeploymentError
        It names all that is.
    """
    missing = [f"- {need.what}: {need.how}" for need in needs if not need.is_there()]
    if missing:
        raise DeploymentError("\n".join(["This is missing:", *missing]))


def carry_out(title: str, steps: Sequence[Step], *, confirmed: bool) -> None:
    """Say what will be done, ask unless ``confirmed``, and do it.

    Raises
    ------
    DeploymentError
        A step failed, it was not wanted, or nobody can be asked.
    """
    print(title)
    for number, step in enumerate(steps, start=1):
        print(f"  {number}. {step.says}")
    sys.stdout.flush()
    if not confirmed:
        ask()
    for number, step in enumerate(steps, start=1):
        print(f"[{number}/{len(steps)}] {step.says}", flush=True)
        step.do()


def ask() -> None:
    # Money is spent and things are deleted here: silence is no consent, that of a script neither.
    if not sys.stdin.isatty():
        raise DeploymentError("Nothing was done: nobody can be asked here; to agree, say YES=1.")
    if input("Go ahead? [y/N] ").strip().lower() not in ("y", "yes"):
        raise DeploymentError("Nothing was done.")
