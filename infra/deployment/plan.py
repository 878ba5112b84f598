"""The requirements and steps of a command; checking the former and taking the latter."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from deployment.errors import DeploymentError


class Need(NamedTuple):
    """A requirement that must be met before the first step."""

    name: str
    is_met: Callable[[], bool]
    remedy: str
    """The way to meet it."""


class Step(NamedTuple):
    """An action with its announcement, so that a plan cannot differ from the actions."""

    announcement: str
    act: Callable[[], None]


class Target(Protocol):
    """A platform to deploy to."""

    def needs(self) -> Iterable[Need]:
        """Return the requirements of both deploy and undeploy."""

    def needs_to_deploy(self) -> Iterable[Need]:
        """Return the further requirements of deploy."""

    def place(self) -> str:
        """Return the account, cluster or machine in words, so that users can notice a wrong one."""

    def deploy(self) -> Sequence[Step]:
        """Return the steps of a deployment; each can be repeated."""

    def undeploy(self) -> Sequence[Step]:
        """Return the steps that remove a deployment, complete or not."""


def tool(name: str, remedy: str) -> Need:
    """Return the need of the program called ``name``."""
    return Need(name, lambda: shutil.which(name) is not None, remedy)


def check(needs: Iterable[Need]) -> None:
    """Return if all ``needs`` are met.

    Raises
    ------
    DeploymentError
        Some are not; all of them are named.
    """
    missing = [f"- {need.name}: {need.remedy}" for need in needs if not need.is_met()]
    if missing:
        raise DeploymentError("\n".join(["This is missing:", *missing]))


def carry_out(title: str, steps: Sequence[Step], *, confirmed: bool) -> None:
    """Print the plan, ask for consent unless it is ``confirmed``, and take the steps.

    Raises
    ------
    DeploymentError
        A step failed, the user declined, or there is no terminal to ask at.
    """
    print(title)
    for number, step in enumerate(steps, start=1):
        print(f"  {number}. {step.announcement}")
    sys.stdout.flush()
    if not confirmed:
        ask()
    for number, step in enumerate(steps, start=1):
        print(f"[{number}/{len(steps)}] {step.announcement}", flush=True)
        step.act()


def ask() -> None:
    # Deployments cost money and deletions are final: without an explicit yes nothing happens.
    if not sys.stdin.isatty():
        raise DeploymentError("Nothing was done: no terminal to ask at; YES=1 agrees in advance.")
    if input("Go ahead? [y/N] ").strip().lower() not in ("y", "yes"):
        raise DeploymentError("Nothing was done.")
