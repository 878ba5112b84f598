"""Serves one function over HTTP, with the options and variables of functions-framework."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ser.service.serving.plan import DEFAULT_PORT, ServingError, require_callers, serving_plan
from ser.service.serving.server import Server

# Containers publish ports of the functions, and processes of a machine name its loopback address.
EVERYWHERE = "0.0.0.0"  # noqa: S104


def main() -> None:
    """Serve until terminated."""
    env = os.environ
    parser = argparse.ArgumentParser(prog="python -m ser.service.serving", description=__doc__)
    parser.add_argument(
        "--source",
        type=Path,
        default=env.get("FUNCTION_SOURCE", "main.py"),
        help="file of the function; default: FUNCTION_SOURCE, or main.py",
    )
    parser.add_argument(
        "--target",
        default=env.get("FUNCTION_TARGET"),
        required="FUNCTION_TARGET" not in env,
        help="name of the function; default: FUNCTION_TARGET",
    )
    parser.add_argument(
        "--host", default=env.get("HOST", EVERYWHERE), help="address; default: HOST, or all"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=env.get("PORT", DEFAULT_PORT),
        help=f"port; default: PORT, or {DEFAULT_PORT}",
    )
    options = parser.parse_args()
    if not options.source.is_file():
        parser.error(f"--source is {str(options.source)!r}; allowed: a file")
    try:
        require_callers(options.host, env)
        plan = serving_plan(options.target, env)
    except ServingError as error:
        sys.exit(str(error))
    Server(options.source, f"{options.host}:{options.port}", plan).run()


if __name__ == "__main__":
    main()
