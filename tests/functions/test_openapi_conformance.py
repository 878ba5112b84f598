"""Requests that the OpenAPI documents allow or forbid, and schemathesis' checks of the answers.

A training or a job that is accepted would begin, so POST /train asks for a job of a server that
keeps none.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from resilience.fuzzing.functions import FunctionClient
from ser.service.keys import line_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis.config import SchemathesisConfig
    from schemathesis.generation import GenerationMode

EXAMPLES = 8
UNKNOWN, KNOWN = "serkey_" + "0" * 43, "serkey_" + "1" * 43
"""A key that no server has, and one with the scope `observe` alone."""
DOES_NOT_FIT = ["2xx", 400, 401, 403, 404, 409, 413, 422, 502, 503]
"""Statuses of requests that fit the schema. It cannot state that a path exists, that a text is
base64 of a sound, or that of two fields one must be given."""
CONFIG = {"checks": {"positive_data_acceptance": {"expected-statuses": DOES_NOT_FIT}}}


@pytest.fixture(autouse=True)
def closed(bounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep requests from buckets and the network, and open the functions to callers without keys
    where they ask for keys."""
    monkeypatch.setenv("SER_ALLOWED_BUCKETS", "")
    monkeypatch.setenv("SER_OPEN", "1")
    monkeypatch.setenv("SER_JOBS_URI", "jobs")
    for name in ("SER_GATEWAY", "SER_API_KEYS"):
        monkeypatch.delenv(name, raising=False)


def schema_of(name: str) -> Any:
    """Return the document of the function ``name``, with the function to test."""
    application = FunctionClient(name).application
    config = SchemathesisConfig.from_dict(CONFIG)
    return schemathesis.openapi.from_wsgi("/openapi.json", application, config=config)


def operations(name: str) -> Iterator[Any]:
    for result in schema_of(name).get_all_operations():
        yield result.ok()


def check_answers(operation: Any, mode: Any, **options: Any) -> int:
    """Send requests of ``operation`` and check their answers; return the number of requests."""
    sent = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        nonlocal sent
        sent += 1
        case.headers.pop("Prefer", None)
        case.call_and_validate(**options)

    check()
    return sent


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize("name", ["train", "predict"])
def test_answers_are_as_documented_to_requests_of_any_kind(
    name: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for operation in operations(name):
        if mode == "negative" and not (operation.body or operation.query):
            continue  # any text fits the rest
        options: dict[str, Any] = {}
        if (operation.method, operation.path) == ("post", "/train"):
            monkeypatch.delenv("SER_JOBS_URI", raising=False)
            options["headers"] = {"Prefer": "respond-async"}
        assert check_answers(operation, GenerationMode(mode), **options)
        monkeypatch.setenv("SER_JOBS_URI", "jobs")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "key",
    [None, UNKNOWN, KNOWN],
    ids=["without a key", "with an unknown key", "with a key for another purpose"],
)
@pytest.mark.parametrize("name", ["train", "predict"])
def test_refused_callers_get_documented_answers(
    name: str, key: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = [*operations(name)]
    monkeypatch.setenv("SER_API_KEYS", line_of(KNOWN, "alice", "observe"))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    for operation in described:
        check_answers(operation, GenerationMode.POSITIVE, headers=headers)
