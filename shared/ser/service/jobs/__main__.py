"""The process that runs the jobs in a folder. It leaves whoever started it behind."""

from __future__ import annotations

import logging
import os


def main() -> None:
    """Go into the background and run what waits."""
    if os.fork():
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # Imported by the child alone: nobody waits for it.
    from ser.service.jobs.handover import work
    from ser.service.settings import Settings

    work(Settings.from_environment())


if __name__ == "__main__":
    main()
