"""Grammars of file names that contain the labels of a corpus."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Grammar:
    """The grammar of the file names of a corpus."""

    corpus: str
    """Name of the corpus as its authors write it."""
    shape: str
    """Parts of a file name in their order, with an example."""
    pattern: re.Pattern[str]
    """Expression with a named group for each part that is checked or used."""
    allowed: Mapping[str, Collection[str]]
    """Allowed values of each group of ``pattern``."""

    def match(self, name: str) -> re.Match[str]:
        """Return the parts of a file name; raise ``ValueError`` with the first invalid part."""
        match = self.pattern.fullmatch(name)
        if match is None:
            raise ValueError(f"the name is not composed of {self.shape}")
        for part, values in self.allowed.items():
            if match[part] not in values:
                raise ValueError(
                    f"{self.corpus} has no {part} {match[part]!r}; allowed: {', '.join(values)}"
                )
        return match
