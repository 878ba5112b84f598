"""The front door."""

from __future__ import annotations

import re
import subprocess

from stacks import ROOT


def test_bare_make_prints_every_rule_with_its_line_of_help() -> None:
    rules = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    assert rules
    run = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    helped = {line.split()[0]: line.split()[1:] for line in run.stdout.splitlines()}
    assert sorted(helped) == sorted(rules[1].split())
    assert all(helped.values())
