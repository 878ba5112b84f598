"""The entry of the command, its exit statuses, and the errors that it reports.

The status is 0 if all was done, 1 if something failed, 2 if the arguments cannot be used, and 130
after Ctrl-C. Nothing is written about a pipe whose reader has gone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

FAILED, INTERRUPTED = 1, 130
NO_TYPER = "The command needs further packages: pip install 'ser[cli]'"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command with ``arguments``, or those of the process, and exit with its status."""
    try:
        status = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python writes what is left when it exits, and would complain about the pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = FAILED
    except KeyboardInterrupt:
        status = INTERRUPTED
    sys.exit(status)


def run(arguments: Sequence[str] | None) -> int:
    """Run the command and return its status."""
    try:
        from ser.command._application import application
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("rich", "typer"):
            raise
        return complain(NO_TYPER)
    try:
        application(arguments, prog_name="ser")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else FAILED
    except ImportError as error:
        return complain(advice_for(error))
    except Exception as error:
        # The classes are imported here, since most uses of the command fail for no such reason.
        from ser.errors import InvalidInput, SerError
        from ser.parallel import UnusableCluster

        if isinstance(error, InvalidInput):
            return complain(*map(str, error.faults))
        if isinstance(error, SerError):
            return complain(error.detail)
        if isinstance(error, UnusableCluster):
            return complain(str(error))
        raise
    return 0


def complain(*messages: str) -> int:
    """Write ``messages`` to standard error, and return the status of a failure."""
    for message in messages:
        sys.stderr.write(f"ser: {message}\n")
    return FAILED


def advice_for(error: ImportError) -> str:
    """Return a message about a package that is not installed, with the extra that contains it."""
    missing = (error.name or "").partition(".")[0]
    if error.name is None:
        # The library has written how to install it.
        return str(error)
    extra = {"httpx": "client", "sounddevice": "microphone", "av": "containers"}.get(missing)
    extra = extra or ("http" if missing in ("gunicorn", "waitress", "werkzeug") else "train")
    return f"The package {missing} is not installed: pip install 'ser[{extra}]'"
