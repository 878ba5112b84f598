"""The background process that runs the jobs in a folder; it outlives the process that starts it."""

from __future__ import annotations

import logging
import os


def main() -> None:
    """Fork into the background and run the waiting jobs."""
    if os.fork():
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # Imported in the child only, so that the parent returns without delay.
    from ser.service.jobs.handover import run_waiting_jobs
    from ser.service.settings import Settings

    run_waiting_jobs(Settings.from_environment())


if __name__ == "__main__":
    main()
