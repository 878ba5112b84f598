"""Names of several shards in one pattern, such as ``corpus-{000000..000009}.tar``.

These are the braces of shells, which webdataset takes as well. A library expands every pattern to
its end; that of a request must have a bounded number of names.
"""

from __future__ import annotations

import math
import re
from itertools import product, takewhile

from ser.errors import InvalidInput

MAX_SHARDS = 100_000
"""Maximum number of names in a pattern."""
BRACES = re.compile(r"\{([^{}]*)\}")
SPAN = re.compile(r"(\d{1,18})\.\.(\d{1,18})")


def expand(pattern: str) -> list[str]:
    """Return the names that ``pattern`` stands for: itself if it has no braces.

    Examples
    --------
    >>> from ser.corpora import expand
    >>> expand("corpus-{08..10}.tar")
    ['corpus-08.tar', 'corpus-09.tar', 'corpus-10.tar']
    >>> expand("{train,test}.tar")
    ['train.tar', 'test.tar']

    Raises
    ------
    InvalidInput
        Braces contain neither a span of numbers nor a comma, or there are too many names.
    """
    texts = BRACES.split(pattern)[::2]
    choices = [choices_of(content, pattern) for content in BRACES.findall(pattern)]
    if math.prod(map(len, choices)) > MAX_SHARDS:
        raise InvalidInput(f"{pattern!r} has too many names; allowed: {MAX_SHARDS:,}")
    return [
        "".join(text + part for text, part in zip(texts, (*chosen, ""), strict=True))
        for chosen in product(*choices)
    ]


def choices_of(content: str, pattern: str) -> list[str]:
    """Return the texts that the ``content`` of braces stands for."""
    if span := SPAN.fullmatch(content):
        first, last = int(span[1]), int(span[2])
        if not 0 <= last - first < MAX_SHARDS:
            raise InvalidInput(
                f"{{{content}}} in {pattern!r} has {max(0, last - first + 1):,} names; "
                f"allowed: 1 to {MAX_SHARDS:,}"
            )
        return [f"{number:0{len(span[1])}}" for number in range(first, last + 1)]
    if "," in content:
        return content.split(",")
    raise InvalidInput(
        f"{{{content}}} in {pattern!r} names nothing; allowed: {{000..009}}, {{train,test}}"
    )


def common_folder(urls: list[str]) -> tuple[str, tuple[str, ...]]:
    """Return the folder that all ``urls`` share, and the rest of each."""
    folders = [url.rpartition("/")[0].split("/") for url in urls]
    shared = takewhile(lambda parts: len({*parts}) == 1, zip(*folders, strict=False))
    folder = "/".join(parts[0] for parts in shared) + "/"
    return folder, tuple(url.removeprefix(folder) for url in urls)
