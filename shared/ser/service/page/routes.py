"""Routes of the page, which predict answers."""

from __future__ import annotations

from ser.service.routes import Html, Route


def page(path: str, name: str) -> Route:
    """Return the route of a part of the page."""
    return Route(
        method="GET",
        path=path,
        is_page=True,
        operation=f"get_{name}_page",
        tag="predict",
        summary=f"Get the page {name}",
        answer=Html("The page."),
    )


JUDGE = page("/", "judge")
MODELS = page("/models", "models")
DOCS = page("/docs", "docs")
ASSET = page("/assets/{digest}/{name}", "asset")

ROUTES = (JUDGE, MODELS, DOCS, ASSET)
