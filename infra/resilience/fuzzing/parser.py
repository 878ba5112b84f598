"""A parser under test: its payloads, and the call that reads one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from resilience.fuzzing.mutations import Mutation, mutate_bytes

ALLOWED_STATUSES = (502, 503, 507)
"""Statuses of 500 or above that are no defects: another server, or the machine, is at fault."""
Read = Callable[[bytes, Path], None]
"""Reads a payload; the folder, which is empty and the working directory, is its own. It raises a
:class:`~ser.errors.SerError` for a payload that is refused."""


class InternalError(Exception):
    """A function answered with the status of a defect; the cause is the exception in its log."""


class Opened(NamedTuple):
    """A parser that is ready to read."""

    payloads: Sequence[bytes]
    """Payloads that it accepts, made by the writers of the project or of its libraries."""
    read: Read


class Parser(NamedTuple):
    """One parser of bytes from outside."""

    name: str
    open: Callable[[Path], Opened]
    """Prepares the parser, once for each process; the folder may keep files that all its cases
    read."""
    mutate: Mutation = mutate_bytes
    share: int = 4
    """Number of its cases, relative to those of the other parsers."""


class Case(NamedTuple):
    """One payload of a parser; the first ones are the payloads without a mutation."""

    parser: str
    number: int

    def payload(self, payloads: Sequence[bytes], mutate: Mutation) -> bytes:
        """Return the payload of this case: the same for the same ``payloads``."""
        if self.number < len(payloads):
            return payloads[self.number]
        seed = hashlib.sha256(f"{self.parser} {self.number}".encode()).digest()
        random = Random(int.from_bytes(seed))
        data, other = random.choice(payloads), random.choice(payloads)
        changed = mutate(random, data, other)
        return changed if len(changed) or random.random() < 0.1 else data


def plan(parsers: Sequence[Parser], cases: int) -> list[Case]:
    """Return ``cases`` cases of ``parsers``, in turns, each parser with its share."""
    turns = [parser.name for parser in parsers for _ in range(parser.share)]
    counts = dict.fromkeys(turns, 0)
    found: list[Case] = []
    for name in islice(cycle(turns), cases):
        found.append(Case(name, counts[name]))
        counts[name] += 1
    return found
