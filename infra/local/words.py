"""The arguments of ``ser evaluate`` that the variables ``CORPUS`` and ``LABELS`` of make name.

Corpora and labels are separated by spaces or commas; a path with spaces is put in quotes, or
separated by commas alone. The arguments are printed as words of a shell.
"""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

USAGE = 'Name a corpus: make evaluate CORPUS=<zip, folder or CSV table> (or several: "a.zip b.zip")'


def main() -> None:
    """Print the arguments, or exit with the reason why there are none."""
    corpus, labels = os.environ.get("CORPUS", ""), os.environ.get("LABELS", "")
    if not corpus.strip(" ,"):
        sys.exit(USAGE)
    found = places(corpus)
    for place in found:
        if not exists(place):
            sys.exit(f"CORPUS={place} does not exist. A path with spaces needs quotes.")
    if labels and not labels.startswith(("{", "[")):
        labels = ",".join(words_of("LABELS", labels))
    sys.stdout.write(shlex.join([*([f"--labels={labels}"] if labels else []), "--", *found]))


def places(corpus: str) -> list[str]:
    """Return the places of the corpora in ``corpus``; no name of an existing file is split."""
    if Path(corpus).exists():
        return [corpus]
    between_commas = [place for each in corpus.split(",") if (place := each.strip())]
    return between_commas if all(map(exists, between_commas)) else words_of("CORPUS", corpus)


def exists(place: str) -> bool:
    """Return whether ``place`` is an existing path; a URL counts as one."""
    return ("://" in place and " " not in place) or Path(place).exists()


def words_of(variable: str, text: str) -> list[str]:
    """Return the words of ``text``, separated by spaces or commas unless quoted."""
    lexer = shlex.shlex(text, posix=True)
    lexer.whitespace += ","
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        return [*lexer]
    except ValueError as error:
        sys.exit(f"{variable}={text} cannot be split: {error}")


if __name__ == "__main__":
    main()
