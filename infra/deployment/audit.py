"""Known vulnerabilities of the packages in the images: ``make audit``.

pip-audit asks OSV (https://osv.dev) about each package of the locks. ``ADVISORIES`` is the address
of a copy of OSV on a network without it; if neither answers, the audit is skipped and says so.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from deployment.bill import Contents
from deployment.errors import DeploymentError

SERVICE = "https://api.osv.dev/v1/query"
TIMEOUT_SECONDS = "15"


class Finding(NamedTuple):
    """A known vulnerability of a package."""

    package: str
    version: str
    identifier: str
    fixed_in: list[str]

    def __str__(self) -> str:
        fixed = ", ".join(self.fixed_in) or "no version"
        return f"{self.package} {self.version}: {self.identifier}, fixed in {fixed}"


def audit(lock: Path, service: str) -> list[Finding] | None:
    """Return the known vulnerabilities of the packages in ``lock``.

    ``None``: no connection to ``service``.

    Raises
    ------
    DeploymentError
        pip-audit fails for another reason.
    """
    asked = ["--vulnerability-service", "osv", "--osv-url", service, "--timeout", TIMEOUT_SECONDS]
    read = ["--requirement", str(lock), "--require-hashes", "--disable-pip"]
    shown = ["--format", "json", "--progress-spinner", "off"]
    run = subprocess.run(
        [sys.executable, "-m", "pip_audit", *asked, *read, *shown], capture_output=True, text=True
    )
    try:
        packages: list[dict[str, Any]] = json.loads(run.stdout)["dependencies"]
    except ValueError as error:
        if "ConnectionError" in run.stderr or "Could not connect" in run.stderr:
            return None
        raise DeploymentError(f"pip-audit cannot read {lock}: {run.stderr}") from error
    return [
        Finding(package["name"], package["version"], each["id"], each["fix_versions"])
        for package in packages
        for each in package.get("vulns", [])
    ]


def main() -> int:
    """Audit the locks of both functions; return 1 if a vulnerability is known."""
    service = os.environ.get("ADVISORIES") or SERVICE
    contents = Contents(encoders=False)  # the weights are data
    locks = [lock for function in ("train", "predict") for lock in contents.locks(function)]
    found: set[str] = set()
    for lock in locks:
        findings = audit(lock, service)
        if findings is None:
            print(f"Skipped: pip-audit, since {service} does not answer. ADVISORIES= names a copy.")
            return 0
        found |= {*map(str, findings)}
    print("\n".join(sorted(found)) or "No vulnerability of a package in the images is known.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
