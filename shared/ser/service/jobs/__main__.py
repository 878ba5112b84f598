"""The background process that runs the jobs of one function in a folder; it outlives the process
that starts it. Its argument is the name of the function: ``train`` (the default) or ``predict``."""

from __future__ import annotations

import logging
import os
import sys


def main() -> None:
    """Fork into the background and run the waiting jobs."""
    if os.fork():
        return
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    # Imported in the child only, so that the parent returns without delay.
    from ser.service.jobs.handover import run_waiting_jobs
    from ser.service.jobs.work import work_named
    from ser.service.logs import keep_secrets_out_of_logs
    from ser.service.settings import Settings

    keep_secrets_out_of_logs()
    work = work_named("predict" if sys.argv[1:] == ["predict"] else "train")
    run_waiting_jobs(Settings.from_environment(), work)


if __name__ == "__main__":
    main()
