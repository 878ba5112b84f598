"""The command ``ser``: predictions, trainings, evaluations and models in a terminal.

It is a part of its own beside the library and the service: it reads the environment, uses the
library and its client, and the service only to serve, to examine its settings, and to make keys.
"""

from __future__ import annotations

from ser.command._main import main

__all__ = ["main"]
