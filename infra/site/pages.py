"""Hook of MkDocs: files outside docs/ that are pages, and links to files that are not.

README.md, SECURITY.md and CHANGELOG.md are pages of the site, too. A link from a page to another
file of the repository becomes the path of that file; the build fails if the file does not exist.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"README.md": "overview.md", "SECURITY.md": "security.md", "CHANGELOG.md": "changelog.md"}
"""Paths in the site by paths in the repository."""
SOURCES = {page: source for source, page in PAGES.items()}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
CODE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def on_files(files: Any, config: Any) -> Any:
    """Add the pages outside docs/ to the files of the site."""
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the page with the links of the site."""
    return with_links_of_site(markdown, page.file.src_uri)


def with_links_of_site(markdown: str, page: str) -> str:
    """Return the text of ``page``, whose links lead to pages of the site alone.

    >>> with_links_of_site("[costs](../README.md#what-it-costs)", "operations.md")
    '[costs](overview.md#what-it-costs)'
    >>> with_links_of_site("[the proxy](../infra/gateway/Caddyfile)", "deployment.md")
    'the proxy (`infra/gateway/Caddyfile`)'
    """
    source = SOURCES.get(page, f"docs/{page}")
    parts = CODE.split(markdown)
    # The odd parts are blocks of code.
    parts[::2] = [
        LINK.sub(lambda link: link_of_site(link, source, page), part) for part in parts[::2]
    ]
    return "".join(parts)


def link_of_site(link: re.Match[str], source: str, page: str) -> str:
    """Return a link of the file ``source`` as it is on ``page``."""
    mark, text, target = link.groups()
    path, _, anchor = target.partition("#")
    if "://" in target or not path:
        return link.group()
    file = normpath(str(PurePosixPath(source).parent / path))
    if not (ROOT / file).exists():
        raise FileNotFoundError(f"{source} links to {file}, which does not exist")
    if file in PAGES or file.startswith("docs/"):
        there = PAGES.get(file, file.removeprefix("docs/"))
        near = relpath(there, str(PurePosixPath(page).parent))
        return f"{mark}[{text}]({near}{'#' + anchor if anchor else ''})"
    return f"`{file}`" if text.strip("`") == file else f"{text} (`{file}`)"
