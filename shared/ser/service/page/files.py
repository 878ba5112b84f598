"""The files of the page, with the headers under which browsers may use them."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from functools import cache, partial
from importlib.resources import files
from io import BytesIO
from pathlib import PurePosixPath
from typing import NamedTuple

from ser.errors import NotFound
from ser.service.http import File

POLICY = "; ".join(
    (
        "default-src 'none'",
        # WebAssembly is compiled only by the modules of the page itself.
        "script-src 'self' 'wasm-unsafe-eval'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "media-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""Allows the files of this server, and nothing from elsewhere: neither inline scripts and styles
nor ``eval``."""
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
}
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".flac": "audio/flac",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
}
"""Media types by suffix; other files are no assets."""
PACKED = ".gz"
"""Suffix of files that are stored, and sent, compressed by gzip."""
FOLDERS = ("static", "runtime")
IMPORT = re.compile(rb'from "\./([^"]+)";$', re.MULTILINE)
"""The import of a module, at the end of its statement."""
RUNTIME = "ort.wasm.bundle.min.mjs"


class Document(NamedTuple):
    """A document of the page."""

    path: str
    """Relative to all documents, which are in one folder, so that the server may have a prefix."""
    entry: str
    """Its name in the navigation."""
    title: str


DOCUMENTS = {
    "judge": Document("./", "Listen", "Emotions of a voice"),
    "models": Document("models", "Models", "Models"),
    "docs": Document("docs", "API", "API"),
}
"""The documents in the order of the navigation, each by the name of its main part and script."""


class Assets(NamedTuple):
    """What the documents load."""

    digest: str
    """SHA-256 of all assets, which is part of their paths: a path never changes its content."""
    files: dict[str, bytes]
    """Contents by name, as they are stored."""

    @property
    def has_runtime(self) -> bool:
        """Whether the page can run models in the browser."""
        return RUNTIME in self.files


@cache
def assets() -> Assets:
    """Return the assets of this package, read once."""
    found: dict[str, bytes] = {}
    for folder in FOLDERS:
        place = files("ser.service.page").joinpath(folder)
        if place.is_dir():
            found |= {
                each.name: each.read_bytes()
                for each in sorted(place.iterdir(), key=lambda each: each.name)
                if PurePosixPath(each.name.removesuffix(PACKED)).suffix in TYPES
            }
    digest = hashlib.sha256()
    for name, data in found.items():
        digest.update(f"{name}\0{len(data)}\0".encode() + data)
    return Assets(digest.hexdigest()[:16], found)


@cache
def document(name: str) -> File:
    """Return the document ``name`` with the paths and the integrity of what it loads."""
    found = assets()
    texts = files("ser.service.page").joinpath("static")
    script = f"{name}.js"
    parts = {
        "main": texts.joinpath(f"{name}.html").read_text("utf-8").strip(),
        "navigation": navigation(name),
        "preloads": "\n".join(
            f'<link rel="modulepreload" href="{{assets}}/{each}" '
            f'integrity="{integrity(found.files[each])}">'
            for each in modules(script)
        ),
        "title": DOCUMENTS[name].title,
        "name": name,
        "assets": f"assets/{found.digest}",
        "runtime": "yes" if found.has_runtime else "no",
        "style": integrity(found.files["page.css"]),
        "script": integrity(found.files[script]),
    }
    html = texts.joinpath("frame.html").read_text("utf-8")
    for part, text in parts.items():
        html = html.replace(f"{{{part}}}", text)
    data = html.encode()
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-cache",
        "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
    }
    return File(partial(BytesIO, data), {**HEADERS, **headers})


def navigation(name: str) -> str:
    """Return the links to all documents, of which ``name`` is the current one."""
    current = {name: ' aria-current="page"'}
    return "".join(
        f'<a href="{each.path}"{current.get(key, "")}>{each.entry}</a>'
        for key, each in DOCUMENTS.items()
    )


def modules(script: str) -> list[str]:
    """Return the modules that ``script`` imports, directly or not, so that the document can state
    their hashes."""
    found = [script]
    for name in found:  # which grows meanwhile
        imported = IMPORT.findall(assets().files[name])
        found += [each for each in map(bytes.decode, imported) if each not in found]
    return found[1:]


def asset(digest: str, name: str) -> File:
    """Return the asset ``name`` of the documents whose paths have ``digest``.

    Raises
    ------
    NotFound
        This version has no such asset.
    """
    found = assets()
    stored = next((each for each in (name, name + PACKED) if each in found.files), None)
    if stored is None or name.endswith(PACKED) or digest != found.digest:
        raise NotFound(f"There is no asset {name!r} of the page {digest!r}; reload the page.")
    headers = {
        "Content-Type": TYPES[PurePosixPath(name.removesuffix(PACKED)).suffix],
        "Cache-Control": "public, max-age=31536000, immutable",
    }
    if stored != name:
        headers["Content-Encoding"] = "gzip"
    return File(partial(BytesIO, found.files[stored]), {**HEADERS, **headers})


def integrity(data: bytes) -> str:
    """Return the hash of ``data`` as HTML states it (Subresource Integrity)."""
    return f"sha384-{b64encode(hashlib.sha384(data).digest()).decode()}"
