"""The files of both functions: in a clone those of ``functions/``, of which a wheel has copies."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).resolve().parent
CLONE = HERE.parents[2]
COPIES = HERE / "functions"


def source(name: str) -> Path:
    """Return the file of the function ``name``."""
    in_clone = CLONE / "functions" / name / "main.py"
    return in_clone if in_clone.is_file() else COPIES / f"{name}.py"


def stack() -> Path | None:
    """Return the script that serves both functions behind the gateway; ``None`` outside a clone."""
    script = CLONE / "infra" / "local" / "stack.py"
    return script if script.is_file() else None
