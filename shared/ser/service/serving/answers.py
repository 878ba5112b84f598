"""Answers to requests: those of the function, and refusals."""

from __future__ import annotations

import io
import uuid
from typing import Any

from waitress.task import WSGITask

from ser.service.environment import CLIENT_GONE, REFUSAL
from ser.service.http import problem_response


class FunctionAnswer(WSGITask):  # type: ignore[misc]
    """The answer of the function to a request."""

    def build_response_header(self) -> bytes:
        """Return the status line and the headers; the last answer of a connection announces that it
        is closed."""
        if self.channel.is_last_answer:
            self.set_close_on_finish()
        if self.content_length is not None:
            # The answer is complete, and its client may send the next request at once.
            self.request.claim.release()
        header: bytes = super().build_response_header()
        return header

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment of the request."""
        environment: dict[str, Any] = super().get_environment()
        if gone := environment.pop("waitress.client_disconnected", None):
            environment[CLIENT_GONE] = gone
        return environment


class Refusal(FunctionAnswer):
    """The answer to a request that was not received whole; the connection is closed after it."""

    def execute(self) -> None:
        """Let the function report the error, with the headers of its answers, if it can."""
        self.set_close_on_finish()
        if self.request.is_routable:
            super().execute()
            return
        request_id = str(uuid.uuid4())
        response = problem_response(self.request.problem(), request_id)
        response.headers["X-Request-Id"] = request_id
        body = response.get_data()
        self.complete, self.status = True, response.status
        self.content_length = len(body)
        self.response_headers += [
            (name, value) for name, value in response.headers if name != "Content-Length"
        ]
        self.write(body)

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment of a request without a body, with its error."""
        environment = super().get_environment()
        return environment | {
            REFUSAL: self.request.problem(),
            "CONTENT_LENGTH": "0",
            "wsgi.input": io.BytesIO(),
        }
