"""Inject faults and print the figures: ``make faults``.

``KILLS`` is the number of processes that are killed, ``RUNS`` that of jobs with jumping clocks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from resilience import choices
from resilience.faulty.clocks import jump_clocks
from resilience.faulty.disk import fill_disks
from resilience.faulty.injection import inject_into_buckets, inject_into_folders
from resilience.faulty.kills import kill_publishers
from resilience.faulty.network import cut_connections
from resilience.reports import Report, exit_status

KILLS, RUNS = 100, 50


def main() -> int:
    """Run all checks; return the exit status."""
    # The figures count the files that a publisher could not remove, and servers log each request.
    for name in ("ser", "werkzeug"):
        logging.getLogger(name).setLevel(logging.ERROR)
    kills, runs = choices.whole("KILLS", KILLS), choices.whole("RUNS", RUNS)
    checks: dict[str, Callable[[], Report]] = {
        "folder": inject_into_folders,
        "bucket": inject_into_buckets,
        "kills": lambda: kill_publishers(kills),
        "disk": fill_disks,
        "network": cut_connections,
        "clocks": lambda: jump_clocks(runs),
    }
    reports = []
    for name in choices.names("FAULTS", checks):
        reports.append(checks[name]())
        print(reports[-1], flush=True)
    return exit_status(reports)
