"""Log lines and tracebacks without secrets."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ser.service.logs import SecretsFilter, keep_secrets_out_of_logs

URL = "https://me:hunter2hunter2@host/a.zip?X-Amz-Signature=0fe1c2"
SECRETS = ("hunter2hunter2", "0fe1c2", "model-key-of-the-operator")


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the logger ``ser`` writes."""
    monkeypatch.setenv("SER_MODEL_KEY", "model-key-of-the-operator")
    keep_secrets_out_of_logs()
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("ser")
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)


def test_messages_arguments_and_tracebacks_are_cleaned(written: io.StringIO) -> None:
    log = logging.getLogger("ser")
    log.warning("fetching %s with %r", URL, {"key": "model-key-of-the-operator"})
    try:
        raise OSError(f"cannot connect to {URL}")
    except OSError:
        log.exception("failed")
    text = written.getvalue()
    assert "fetching https://...@host/a.zip?..." in text
    assert "OSError: cannot connect to https://...@host/a.zip?..." in text
    assert not [secret for secret in SECRETS if secret in text]


def test_loggers_have_one_filter_however_many_functions_a_process_has() -> None:
    keep_secrets_out_of_logs()
    keep_secrets_out_of_logs()
    for name in ("ser", "gunicorn.error"):
        filters = logging.getLogger(name).filters
        assert sum(isinstance(each, SecretsFilter) for each in filters) == 1


PROGRAM = """
import logging
from ser.service.logs import keep_secrets_out_of_logs
keep_secrets_out_of_logs()
logging.getLogger("urllib3.connectionpool").warning("Retrying %s", {url!r})
raise RuntimeError("lost " + {url!r} + " and model-key-of-the-operator")
"""


def test_other_libraries_and_the_end_of_a_process_are_cleaned_too() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(url=URL)],
        capture_output=True,
        text=True,
        env={"SER_MODEL_KEY": "model-key-of-the-operator", "PYTHONPATH": ":".join(sys.path)},
    )
    assert ended.returncode == 1
    assert "Retrying https://...@host" in ended.stderr
    assert "RuntimeError: lost https://...@host" in ended.stderr
    assert not [secret for secret in SECRETS if secret in ended.stderr]
