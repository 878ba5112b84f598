"""Publish models until the process is killed: ``python -m resilience.faulty.publisher FOLDER``."""

from __future__ import annotations

import sys

from resilience.faulty.models import publish
from ser.registry import open_registry


def main() -> None:
    """Publish one model after another; a line on the output announces the first one."""
    registry = open_registry(sys.argv[1])
    print("begins", flush=True)
    while True:
        publish(registry)


if __name__ == "__main__":
    main()
