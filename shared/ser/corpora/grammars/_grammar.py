"""File names that say what a recording is, as the makers of a corpus agreed on them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Grammar:
    """How the files of a corpus are named."""

    corpus: str
    """The name of the corpus as its makers write it."""
    shape: str
    """What follows what in a name, in words, with an example."""
    pattern: re.Pattern[str]
    allowed: Mapping[str, Collection[str]]
    """By group of ``pattern``, the values that the corpus has."""

    def read(self, words: str) -> re.Match[str]:
        """Return the parts of a name; raise ``ValueError`` with the first that does not fit."""
        match = self.pattern.fullmatch(words)
        if match is None:
            raise ValueError(f"the name is not {self.shape}")
        for what, known in self.allowed.items():
            if match[what] not in known:
                raise ValueError(
                    f"{match[what]!r} is no {what} of {self.corpus}; allowed: {', '.join(known)}"
                )
        return match
