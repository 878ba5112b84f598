"""Rows of comma-separated values (RFC 4180) that spreadsheets show as they are.

Labels, speakers and names of files come from corpora, which anyone may have made: a spreadsheet
would run one that begins like a formula (https://owasp.org/www-community/attacks/CSV_Injection).
``static/exports.js`` of the page has the same rule; a test compares both.
"""

from __future__ import annotations

from collections.abc import Iterable

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Characters by which spreadsheets recognise a formula, or skip to one."""


def row(values: Iterable[object]) -> str:
    """Return a row, with its line feed. ``None`` is an empty cell, and a text that a spreadsheet
    would run begins with an apostrophe instead."""
    return ",".join(map(cell, values)) + "\n"


def cell(value: object) -> str:
    """Return ``value`` as a cell, in quotes if need be."""
    text = "" if value is None else str(value)
    # A sign alone is no formula: "-" is the name of standard input.
    if isinstance(value, str) and len(value) > 1 and value.startswith(FORMULA):
        text = f"'{text}"
    # Not by csv.writer, which before Python 3.13 leaves a carriage return without quotes.
    if any(each in text for each in ',"\r\n'):
        text = '"' + text.replace('"', '""') + '"'
    return text
