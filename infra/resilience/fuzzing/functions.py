"""Both functions as applications in this process, and requests to them."""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from resilience.fuzzing.parser import ALLOWED_STATUSES, InternalError
from ser.errors import InvalidInput
from stack import ROOT

JSON = {"Content-Type": "application/json"}
SOUND = {"Content-Type": "audio/wav"}


class Cause(logging.Handler):
    """Keeps the last exception that was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.error = record.exc_info[1]


class Refusal(InvalidInput):
    """An answer with a status of 400 or above that is no defect."""


class FunctionClient:
    """Sends requests to one function without a server.

    Parameters
    ----------
    name
        ``train`` or ``predict``.
    """

    def __init__(self, name: str) -> None:
        source = ROOT / "functions" / name / "main.py"
        spec = spec_from_file_location(f"function_{name}", source)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        self.application = module.function.application
        self._cause = Cause()
        logging.getLogger("ser").addHandler(self._cause)

    def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the body of the answer.

        ``variables`` replace those of the WSGI environment.

        Raises
        ------
        Refusal
            The status is 400 or above.
        InternalError
            It is that of a defect.
        """
        builder = EnvironBuilder(
            method=method, path=path, input_stream=io.BytesIO(body), headers=Headers(headers)
        )
        environ: dict[str, Any] = builder.get_environ()
        environ |= {
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(body)),
            **(variables or {}),
        }
        self._cause.error = None
        chunks, status, _ = run_wsgi_app(self.application, environ, buffered=True)
        answer = b"".join(chunks)
        code = int(status.split()[0])
        if code >= 500 and code not in ALLOWED_STATUSES:
            raise InternalError(f"{status}: {answer.decode()}") from self._cause.error
        if code >= 400:
            raise Refusal(answer.decode())
        return answer


def settings(folder: Path, **others: str) -> None:
    """Make the settings of the functions in this process those of a case in ``folder``."""
    for name in [name for name in os.environ if name.startswith("SER_")]:
        del os.environ[name]
    os.environ |= {
        "SER_ALLOWED_PATHS": str(folder),
        # No bucket is allowed, and no connection leaves the process.
        "SER_ALLOWED_BUCKETS": "",
        # Callers need no keys.
        "SER_OPEN": "1",
        "SER_MAX_AUDIO_SECONDS": "60",
        "SER_MAX_EXTRACTED_MB": "20",
        "SER_MAX_DOWNLOAD_MB": "20",
        "SER_MAX_ENTRIES": "2000",
        **others,
    }
