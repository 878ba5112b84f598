"""Every guard in SECURITY.md is tested by a test that exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
HEADER = "| attack | guard | test |"


class Row(NamedTuple):
    """A row of a table of attacks."""

    attack: str
    guard: str
    test: str


def rows(text: str) -> Iterator[Row]:
    """Yield the rows of all tables with the columns attack, guard and test."""
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
        elif line == HEADER:
            inside = True
        elif inside and not line.startswith("|---"):
            yield Row(*(cell.strip() for cell in line.strip("|").split(" | ")))


def references(cell: str) -> Iterator[tuple[str, str]]:
    """Yield the file and the name of each test in a cell; the name is empty for a whole file, and
    the file is that before it in ``::name``."""
    file = ""
    for text in re.findall(r"`([^`]+)`", cell):
        named, _, name = text.partition("::")
        file = named or file
        yield file, name.partition("[")[0]


def names_in(file: Path) -> set[str]:
    """Return the names of the tests in ``file``, those of a class after its name."""
    tree = ast.parse(file.read_text())
    found = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {
                f"{node.name}::{each.name}"
                for each in node.body
                if isinstance(each, ast.FunctionDef)
            }
    return {name for name in found if name.rpartition("::")[2].startswith("test_")}


ROWS = [*rows((ROOT / "SECURITY.md").read_text())]


def test_the_tables_are_found() -> None:
    assert len(ROWS) > 10


@pytest.mark.parametrize("row", ROWS, ids=lambda row: re.sub(r"\W+", "-", row.attack))
def test_a_guard_names_a_test_that_exists(row: Row) -> None:
    assert row.attack
    assert row.guard
    named = [*references(row.test)]
    assert named
    for file, name in named:
        assert re.fullmatch(r"tests/.*test_\w+\.py", file), file
        assert (ROOT / file).is_file(), file
        assert not name or name in names_in(ROOT / file), f"{file}::{name}"


def test_a_missing_test_is_noticed() -> None:
    text = f"{HEADER}\n|---|---|---|\n| a | b | `tests/test_security.py::test_no`, `::test_yes` |\n"
    (row,) = rows(text)
    assert [*references(row.test)] == [
        ("tests/test_security.py", "test_no"),
        ("tests/test_security.py", "test_yes"),
    ]
    assert "test_no" not in names_in(ROOT / "tests" / "test_security.py")
