"""Errors become problem documents, and problem documents become errors again."""

from __future__ import annotations

import msgspec
import pytest

from ser.errors import AlteredModel, Busy, Fault, InvalidInput, NotFound, SerError
from ser.service import problems
from ser.service.problems import MethodNotAllowed, TrainingLost, UnreadableRequest


@pytest.mark.parametrize(
    "error",
    [
        SerError("a defect"),
        UnreadableRequest("not JSON"),
        TrainingLost("killed by signal 9"),
        AlteredModel("model.onnx"),
        InvalidInput(Fault(("a", 0), "bad"), Fault(("b",), "worse")),
    ],
)
def test_an_error_survives_its_problem_document(error: SerError) -> None:
    sent = msgspec.json.decode(msgspec.json.encode(problems.document(error)))
    again = problems.from_document(sent)
    assert type(again) is type(error)
    assert problems.document(again) == problems.document(error)


def test_an_error_without_its_own_status_has_that_of_its_base() -> None:
    class NoSuchColour(NotFound):
        pass

    assert problems.status_of(NoSuchColour("blue")) == 404
    assert problems.document(NoSuchColour("blue"))["type"] == "urn:ser:problem:no-such-colour"


def test_refusals_carry_the_headers_that_http_requires() -> None:
    assert problems.headers_of(Busy("later")) == {"Retry-After": "5"}
    assert problems.headers_of(MethodNotAllowed("no", ("GET", "PUT"))) == {"Allow": "GET, PUT"}
    assert problems.headers_of(NotFound("no")) == {}
