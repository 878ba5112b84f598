"""The Python interpreter that other processes of the service run."""

from __future__ import annotations

import os
from pathlib import Path

import ser


def python_path() -> str:
    """Return the ``PYTHONPATH`` with which a process imports this same ``ser``, installed or
    vendored beside a handler."""
    here = str(Path(ser.__file__).parent.parent)
    return os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
