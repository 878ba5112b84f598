"""Text as people read it: spellings that look the same are the same."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from unicodedata import is_normalized, normalize


def folded(text: str) -> str:
    """Return a key that is equal for texts that differ only in case, in the encoding of accents, or
    in spaces at either end.

    This is the only comparison of labels, speakers, columns and file names.
    """
    # Folding may produce decomposed letters again (Unicode 15, section 3.13).
    return normalize("NFC", normalize("NFC", text.strip()).casefold())


@dataclass(frozen=True)
class Spellings:
    """The spellings of some words, and the one that is used for each word."""

    chosen: Mapping[str, str]
    """The used spelling by :func:`folded` word."""
    several: tuple[tuple[str, ...], ...]
    """The words that have more than one spelling, each with its spellings, sorted."""

    def __getitem__(self, spelling: str) -> str:
        return self.chosen[folded(spelling)]

    def notes(self, kind: str) -> tuple[str, ...]:
        """Return a note that names the spellings of each word; empty if each has only one.

        ``kind`` says what the words are, in the plural, such as ``labels``.
        """
        if not self.several:
            return ()
        groups = "; ".join(
            f"{' and '.join(map(shown_spelling, group))} as {self[group[0]]!r}"
            for group in self.several
        )
        return (f"{kind} that differ only in case, accents or spaces are the same: {groups}",)


def unite_spellings(words: Iterable[str]) -> Spellings:
    """Return the spellings of ``words``; for each word the most frequent one is used."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for word in words:
        counts[folded(word)][word] += 1
    chosen = {key: most_frequent(spellings) for key, spellings in counts.items()}
    several = tuple(tuple(sorted(counts[key])) for key in sorted(counts) if len(counts[key]) > 1)
    return Spellings(chosen, several)


def most_frequent(spellings: Counter[str]) -> str:
    """Return the most frequent spelling, the first in order of those, trimmed and composed."""
    spelling = min(spellings, key=lambda each: (-spellings[each], each))
    return normalize("NFC", spelling.strip())


def shown_spelling(spelling: str) -> str:
    """Return ``spelling`` in quotes; accents apart from their letters, which look the same, are
    mentioned."""
    return repr(spelling) + ("" if is_normalized("NFC", spelling) else " (decomposed, NFD)")
