"""Write the synthetic corpus to a zip archive: ``python -m ser.corpora.synthesis <path>``."""

from __future__ import annotations

import argparse
from pathlib import Path

from ser.corpora.synthesis import synthesise


def main() -> None:
    """Write the archive that the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m ser.corpora.synthesis", description="Write the synthetic corpus."
    )
    parser.add_argument("path", type=Path, help="archive to write; an earlier file is replaced")
    synthesise(parser.parse_args().path)


if __name__ == "__main__":
    main()
