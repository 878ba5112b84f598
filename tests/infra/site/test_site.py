"""The documentation site: it builds without warnings, its links hold, and its commands run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

import commands
import examples
import makes
from stacks import ROOT, Client, serving

DOCS = ROOT / "docs"
PAGES = ("index.md", "requests.md", "python.md")
"""The pages whose commands run here. The guides of deployment and of the command have tests of
their own."""
EVERYWHERE = sorted(DOCS.rglob("*.md"))
CODE = re.compile(r"`([^`\n]+)`")
TREES = ("docs/", "functions/", "infra/", "requests/", "shared/", "tests/")


def console(page: str) -> list[str]:
    """Return the commands of a page."""
    blocks = re.findall(r"```console\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def beginning(word: str) -> list[str]:
    """Return the commands of all pages that begin with ``word``."""
    found = [command for page in EVERYWHERE for command in console(str(page.relative_to(DOCS)))]
    return sorted({command for command in found if command.split()[0] == word})


class Links(HTMLParser):
    """The identifiers of a page, its links, and what it loads."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.identifiers: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.identifiers |= {
            attributes[name] or "" for name in ("id", "name") if name in attributes
        }
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"] or "")
        self.loaded += [attributes[name] or "" for name in ("src", "srcset") if name in attributes]
        if tag == "link" and attributes.get("rel") != "canonical":
            self.loaded.append(attributes.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built by MkDocs in an environment with the locked requirements."""
    environment = tmp_path_factory.mktemp("environment") / "docs"
    run = makes.make("docs", SITE=str(environment), PYTHON=sys.executable)
    # With --strict, a warning of MkDocs is an error; pip may have warnings of its own.
    assert run.returncode == 0, run.stderr
    return ROOT / "build" / "site"


@pytest.mark.slow
def test_internal_links_and_anchors_lead_somewhere_and_nothing_foreign_is_loaded(
    site: Path,
) -> None:
    pages = {page: Links(page) for page in site.rglob("*.html") if page.name != "404.html"}
    assert len(pages) > len(EVERYWHERE)
    for page, found in pages.items():
        assert [each for each in found.loaded if urlsplit(each).netloc] == [], page
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            assert target.exists(), f"{page.name}: {link}"
            if parts.fragment and target in pages:
                identifiers = pages[target].identifiers
                assert unquote(parts.fragment) in {*identifiers, "__skip"}, f"{page.name}: {link}"
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(url\(|@import\s+[\"'])\s*[\"']?https?:", sheet.read_text())


def test_files_that_the_pages_for_contributors_name_exist() -> None:
    pages = [
        *(DOCS / "contributing").glob("*.md"),
        DOCS / "architecture.md",
        DOCS / "evaluation.md",
    ]
    named = {
        code for page in pages for code in CODE.findall(page.read_text()) if code.startswith(TREES)
    }
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_names_that_contributors_are_to_extend_are_in_the_file() -> None:
    for page in (DOCS / "contributing").glob("*.md"):
        for name, file in re.findall(r"`([A-Z_]{5,})` in `([^`]+)`", page.read_text()):
            assert re.search(rf"^{name}\b", (ROOT / file).read_text(), re.MULTILINE), (name, file)


@pytest.mark.parametrize("command", beginning("make"))
def test_make_has_the_rule_and_knows_the_variables(command: str) -> None:
    words = shlex.split(command.partition("#")[0])
    makefile = (ROOT / "Makefile").read_text()
    deployment = "".join(file.read_text() for file in (ROOT / "infra").rglob("*.py"))
    for word in words[1:]:
        variable, is_variable, _ = word.partition("=")
        if is_variable:
            assert variable in makefile or variable in deployment, word
        elif not word.startswith("-"):
            assert re.search(rf"^{word}:", makefile, re.MULTILINE), word


@pytest.mark.parametrize("command", beginning("pip"))
def test_extras_of_an_installation_exist(command: str) -> None:
    project = tomllib.loads((ROOT / "shared" / "pyproject.toml").read_text())["project"]
    for extras in re.findall(r"\[([\w,]+)\]", command):
        assert {*extras.split(",")} <= {*project["optional-dependencies"]}


@pytest.fixture
def folder(bounds: Path) -> Path:
    """A working directory with a corpus and a sound."""
    examples.prepare(bounds)
    return bounds


@pytest.mark.slow
def test_commands_of_the_first_page_run_one_after_the_other(folder: Path) -> None:
    ran = 0
    for command in console("index.md"):
        words = shlex.split(command)
        if words[0] == "ser" and words[1] != "serve":
            run = commands.run(*words[1:])
            # ser doctor says what is missing by its status.
            assert run.returncode == 0 or words[1] == "doctor", run.stderr.decode()
            ran += 1
    assert ran == 5
    card = [*folder.glob("model/*/model_card.md")]
    assert card


@pytest.mark.slow
def test_the_script_of_the_python_page_runs(folder: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "python.md").read_text(), re.DOTALL)
    assert len(blocks) == 3
    script = "\n".join(blocks)
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env=commands.environment(),
    )
    assert run.returncode == 0, run.stderr
    assert (folder / "report.html").is_file()


@pytest.fixture
def client(folder: Path) -> Iterator[Client]:
    places = {"SER_MODEL_SAVE_PATH": "model", "SER_JOBS_URI": "jobs"}
    settings = {name: str(folder / place) for name, place in places.items()}
    with serving(SER_ALLOWED_PATHS=str(folder), **settings) as stack:
        yield stack


@pytest.mark.slow
def test_requests_of_the_pages_are_answered(folder: Path, client: Client) -> None:
    ran: list[Any] = []
    for page in ("index.md", "requests.md"):
        for command in console(page):
            if command.startswith("curl") and "requests/" not in command:
                words = shlex.split(command.replace("localhost:5000", client.stack.url))
                run = subprocess.run(
                    [*words, "-w", "\n%{http_code}"], capture_output=True, text=True, check=True
                )
                status = run.stdout.rpartition("\n")[2]
                assert status == ("422" if "colour" in command else "200"), run.stdout
                ran.append(command)
    assert len(ran) == 8
