"""The installed size of the requirements of a function."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

MEGABYTE = 1_000_000


def installed_megabytes(requirements: Path, path: Sequence[str] = sys.path) -> float:
    """Return the installed size of ``requirements`` and all their dependencies, in MB.

    Parameters
    ----------
    requirements
        A requirements file, locked or not; lines with markers for other machines are ignored.
    path
        Folders with installed distributions.

    Raises
    ------
    ValueError
        A requirement is not installed.
    """
    found = {canonicalize_name(each.name): each for each in distributions(path=list(path))}
    return sum(map(size, closure(read(requirements), found))) / MEGABYTE


def read(requirements: Path) -> Iterator[Requirement]:
    """Yield the requirements of a file, without their hashes."""
    for line in requirements.read_text().replace("\\\n", "").splitlines():
        if wanted := line.partition("#")[0].partition(" --hash=")[0].strip():
            yield Requirement(wanted)


def closure(
    requirements: Iterable[Requirement], found: Mapping[NormalizedName, Distribution]
) -> Iterator[Distribution]:
    """Yield each distribution that ``requirements`` need, once."""
    waiting = [(requirement, "") for requirement in requirements]
    seen: set[tuple[str, str]] = set()
    while waiting:
        requirement, asked_extra = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": asked_extra}):
            continue
        name = canonicalize_name(requirement.name)
        if name not in found:
            raise ValueError(
                f"{requirement} is not installed; allowed: packages that `make init` installs"
            )
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            waiting += [(Requirement(each), extra) for each in found[name].requires or ()]
            if not extra:
                yield found[name]


def size(distribution: Distribution) -> int:
    """Return the size of the installed files of ``distribution`` in bytes."""
    paths = (Path(str(file.locate())) for file in distribution.files or ())
    return sum(path.stat().st_size for path in paths if path.is_file())
