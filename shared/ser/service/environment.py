"""Keys of a WSGI environment by which the server speaks to the functions.

Only the server of :mod:`ser.service.serving` sets them; the functions do without them elsewhere.
"""

from __future__ import annotations

REFUSAL = "ser.refusal"
"""A :class:`~ser.errors.SerError` because of which the server has not read the whole request; the
function answers with it."""
CLIENT_GONE = "ser.client_gone"
"""A function without arguments that returns whether the client has closed its connection."""
