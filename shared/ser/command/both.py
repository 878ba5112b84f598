"""Both functions at one address, in one process, for ``ser serve`` without a gateway."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from ser.command import functions
from ser.service.serving.server import module_at

TRAIN_PATHS = ("train", "events")
"""The first segments of the paths that train answers, as in the configuration of the gateway."""


class Both:
    """Passes each request to the function that answers its path."""

    def __init__(self, predict: Path, train: Path) -> None:
        self._predict: WSGIApplication = module_at(predict).function.application
        self._train: WSGIApplication = module_at(train).function.application

    def application(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        first = environ.get("PATH_INFO", "").lstrip("/").partition("/")[0]
        chosen = self._train if first in TRAIN_PATHS else self._predict
        return chosen(environ, start_response)


function = Both(functions.source("predict"), functions.source("train"))
