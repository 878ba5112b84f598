"""The rules, variables and files that docs/deployment.md names exist."""

from __future__ import annotations

import re

from deployment.choices import Choices
from stacks import ROOT

GUIDE = ROOT / "docs" / "deployment.md"


def test_every_make_command_of_the_guide_is_a_rule_with_variables_that_are_read() -> None:
    makefile = (ROOT / "Makefile").read_text()
    rules = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    variables = set(re.findall(r"\$\(([A-Z_]+)\)", makefile))
    read = {name.upper() for name in Choices.__dataclass_fields__} | {"TARGET"} | variables
    commands = re.findall(r"\bmake ([a-z][a-z-]+)((?: [A-Z_]+=\S*)*)", GUIDE.read_text())
    assert commands
    for rule, given in commands:
        assert rule in rules
        assert set(re.findall(r"([A-Z_]+)=", given)) <= read


def test_every_file_the_guide_links_to_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", GUIDE.read_text())
    assert links
    assert [link for link in links if not (GUIDE.parent / link).exists()] == []
