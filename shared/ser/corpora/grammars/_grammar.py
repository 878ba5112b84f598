"""Grammars of file names that hold the labels of a corpus."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Grammar:
    """The grammar of a corpus's file names."""

    corpus: str
    """Name of the corpus as its makers write it."""
    shape: str
    """Parts of a name in their order, in words, with an example."""
    pattern: re.Pattern[str]
    allowed: Mapping[str, Collection[str]]
    """Values in the corpus, by group of ``pattern``."""

    def match(self, name: str) -> re.Match[str]:
        """Return the parts of a file name; raise ``ValueError`` with the first invalid one."""
        match = self.pattern.fullmatch(name)
        if match is None:
            raise ValueError(f"the name is not composed of {self.shape}")
        for part, values in self.allowed.items():
            if match[part] not in values:
                raise ValueError(
                    f"{self.corpus} has no {part} {match[part]!r}; allowed: {', '.join(values)}"
                )
        return match
