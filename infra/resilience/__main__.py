"""Run one of the checks: ``python -m resilience fuzz``, ``faults`` or ``soak``."""

from __future__ import annotations

import sys
from importlib import import_module

CHECKS = ("fuzz", "faults", "soak")


def main() -> int:
    """Run the check that the first argument names; return its exit status."""
    match sys.argv[1:]:
        case [name] if name in CHECKS:
            status: int = import_module(f"resilience.{name}").main()
            return status
    sys.exit(f"{' '.join(sys.argv[1:]) or 'no check'}; allowed: one of {', '.join(CHECKS)}")


if __name__ == "__main__":
    sys.exit(main())
