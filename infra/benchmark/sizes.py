"""How much room the requirements of a function take once they are installed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

MEGABYTE = 1_000_000


def installed_megabytes(requirements: Path, path: Sequence[str] = sys.path) -> float:
    """Return the size of all that ``requirements`` ask for, directly and through each other.

    Parameters
    ----------
    requirements
        A requirements file, locked or not; lines whose markers speak of other machines are left
        out.
    path
        Folders in which distributions are installed.

    Raises
    ------
    ValueError
        One of them is not installed.
    """
    found = {canonicalize_name(each.name): each for each in distributions(path=list(path))}
    return sum(map(size, closure(read(requirements), found))) / MEGABYTE


def read(requirements: Path) -> Iterator[Requirement]:
    for line in requirements.read_text().splitlines():
        if wanted := line.partition("#")[0].strip():
            yield Requirement(wanted)


def closure(
    requirements: Iterable[Requirement], found: Mapping[NormalizedName, Distribution]
) -> Iterator[Distribution]:
    """Yield each distribution that ``requirements`` lead to, once."""
    waiting = [(requirement, "") for requirement in requirements]
    met: set[tuple[str, str]] = set()
    while waiting:
        requirement, asked_with = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": asked_with}):
            continue
        name = canonicalize_name(requirement.name)
        if name not in found:
            raise ValueError(f"{requirement} is not installed; allowed: what `make init` installs")
        for extra in ("", *requirement.extras):
            if (name, extra) in met:
                continue
            met.add((name, extra))
            waiting += [(Requirement(each), extra) for each in found[name].requires or ()]
            if not extra:
                yield found[name]


def size(distribution: Distribution) -> int:
    """Return the size in bytes of the files that ``distribution`` has installed."""
    places = (Path(str(file.locate())) for file in distribution.files or ())
    return sum(place.stat().st_size for place in places if place.is_file())
