"""Serves live time lines until terminated."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from ser.service.listening.server import serve
from ser.service.logs import keep_secrets_out_of_logs
from ser.service.serving.plan import ServingError, require_callers

# As the functions do: containers publish ports.
EVERYWHERE = "0.0.0.0"  # noqa: S104
DEFAULT_PORT = 8090


def main() -> None:
    """Serve until terminated."""
    env = os.environ
    parser = argparse.ArgumentParser(prog="python -m ser.service.listening", description=__doc__)
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
    try:
        require_callers(options.host, env)
    except ServingError as error:
        sys.exit(str(error))
    keep_secrets_out_of_logs()
    asyncio.run(serve(options.host, options.port))


if __name__ == "__main__":
    main()
