"""Names of sources and of their folders."""

from __future__ import annotations

import re
from itertools import chain, count
from pathlib import PurePosixPath

from ser.corpora._folder import sha256_of
from ser.fetching import redact_url


def folder_name(url: str) -> str:
    """Return the name of the folder that keeps the files at ``url``."""
    return f"{slug(stem(url))}-{sha256_of(url)[:12]}"


def new_name(base: str, taken: set[str]) -> str:
    """Return ``base``, with a number if it is among ``taken``, and add it to them."""
    numbered = (f"{base}-{number}" for number in count(2))
    name = next(name for name in chain([base], numbered) if name not in taken)
    taken.add(name)
    return name


def stem(url: str) -> str:
    """Return the name of the file or folder at ``url`` without its suffixes."""
    return PurePosixPath(redact_url(url).removesuffix("?...")).name.partition(".")[0]


def slug(name: str) -> str:
    """Return ``name`` with lower-case letters, digits and hyphens only."""
    return re.sub("[^a-z0-9]+", "-", name.lower())[:20].strip("-") or "corpus"
