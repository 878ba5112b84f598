"""Cross-origin requests: the headers by which browsers let pages of other origins read answers.

Source: the section "CORS protocol" of the Fetch Standard. Answers allow no credentials: callers
send keys themselves.
"""

from __future__ import annotations

from werkzeug.wrappers import Request, Response

from ser.service.settings import ANY_ORIGIN

REQUEST_HEADERS = (
    "Accept, Authorization, Content-Type, If-None-Match, Prefer, Traceparent, X-Request-Id"
)
"""Headers that pages may send."""
RESPONSE_HEADERS = (
    "ETag, Location, Preference-Applied, Retry-After, Server-Timing, X-Request-Id, X-Ser-Version"
)
"""Headers that pages may read, beside those that they always may."""
PREFLIGHT_SECONDS = 7200
"""Time for which browsers keep the answer to a preflight: the longest that Chromium accepts."""


def share(request: Request, response: Response, origins: frozenset[str]) -> None:
    """Let pages of ``origins`` read ``response``; other origins are not mentioned."""
    if not origins:
        return
    if ANY_ORIGIN not in origins:
        # Caches must not give the answer for one origin to another.
        response.vary.add("Origin")
    origin = request.headers.get("Origin", "")
    if not origin or not {origin.lower(), ANY_ORIGIN} & origins:
        return
    headers = response.headers
    headers["Access-Control-Allow-Origin"] = ANY_ORIGIN if ANY_ORIGIN in origins else origin
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        headers["Access-Control-Allow-Methods"] = headers.get("Allow", "")
        headers["Access-Control-Allow-Headers"] = REQUEST_HEADERS
        headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    else:
        headers["Access-Control-Expose-Headers"] = RESPONSE_HEADERS
