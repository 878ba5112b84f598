"""The files of the page, with the headers under which browsers may use them."""

from __future__ import annotations

import hashlib
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
COMMON = ("service.js", "elements.js")
MODULES = {
    "judge": (
        *COMMON,
        *("answers.js", "browser-judge.js", "emotions.js", "exports.js", "player.js"),
        *("recorder.js", "results.js", "server-judge.js", "sounds.js", "timeline.js"),
        *("voices.js", "waveform.js"),
    ),
    "models": COMMON,
    "docs": COMMON,
}
"""The modules that the script of each document imports, so that browsers check their hashes."""
RUNTIME = "ort.wasm.bundle.min.mjs"


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
    preloads = "\n".join(
        f'<link rel="modulepreload" href="/assets/{found.digest}/{each}" '
        f'integrity="{integrity(found.files[each])}">'
        for each in MODULES[name]
    )
    html = (
        texts.joinpath(f"{name}.html")
        .read_text("utf-8")
        .replace("{dialog}", texts.joinpath("dialog.html").read_text("utf-8"))
        .replace("{preloads}", preloads)
        .replace("{assets}", f"/assets/{found.digest}")
        .replace("{runtime}", "yes" if found.has_runtime else "no")
        .replace("{style}", integrity(found.files["page.css"]))
        .replace("{script}", integrity(found.files[f"{name}.js"]))
    )
    data = html.encode()
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-cache",
        "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
    }
    return File(partial(BytesIO, data), {**HEADERS, **headers})


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
