"""The sounds at a place, by the form in which it keeps them."""

from __future__ import annotations

from ser.corpora.contents._contents import Contents, Span, StoredSound
from ser.corpora.contents._opening import open_contents, require_small

__all__ = ["Contents", "Span", "StoredSound", "open_contents", "require_small"]
