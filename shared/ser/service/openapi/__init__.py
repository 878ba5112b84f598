"""OpenAPI 3.1 documents of the functions."""

from __future__ import annotations

from ser.service.openapi._document import openapi_document, routes_of_all_functions

__all__ = ["openapi_document", "routes_of_all_functions"]
