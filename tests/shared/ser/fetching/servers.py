"""A hostile environment: an HTTP server that misbehaves on request, and a full disk."""

from __future__ import annotations

import resource
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Site:
    """The content of the server at every path that has no special meaning in :class:`Handler`."""

    content: bytes
    url: str = ""
    validators: dict[str, str] = field(default_factory=lambda: {"ETag": '"first"'})
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/zip"})
    ranges: bool = True
    """Whether the server honours ``Range``."""
    lie: dict[str, str] = field(default_factory=dict)
    """Headers that replace the correct ones of a 206."""
    chunked: bool = False
    cuts: list[int] = field(default_factory=list)
    """Bytes after which the connection breaks, for the first answers; later ones are whole."""
    redirects: dict[str, str] = field(default_factory=dict)
    """Path -> ``Location``."""
    requests: list[dict[str, str]] = field(default_factory=list)
    """Headers of every request, in lower case, and its ``path``."""
    released: threading.Event = field(default_factory=threading.Event)
    """Set to end stalled answers."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.site.requests.append({"path": self.path, **headers})
        if self.path in self.site.redirects:
            self.send_response(302)
            self.send_header("Location", self.site.redirects[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path.startswith("/status/"):
            self.send_error(int(self.path.removeprefix("/status/").partition("?")[0]))
        elif self.path == "/silent":
            self.site.released.wait()
        elif self.path == "/dripping":
            # A header that never ends: each byte comes before any time-out.
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            with suppress(OSError):
                while not self.site.released.wait(0.02):
                    self.wfile.write(b"x")
        else:
            self.site.released.wait(0.5 if self.path == "/slow" else 0.0)
            self.send_content(headers)

    def send_content(self, headers: dict[str, str]) -> None:
        site, size = self.site, len(self.site.content)
        fresh = headers.get("if-range") in (None, *site.validators.values())
        start = 0
        if site.ranges and fresh and "range" in headers:
            start = int(headers["range"].removeprefix("bytes=").removesuffix("-"))
        if headers.get("if-match") not in (None, *site.validators.values()):
            self.send_error(412)
            return
        if start >= size > 0:
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        described = site.validators | site.headers
        if start:
            described |= {"Content-Range": f"bytes {start}-{size - 1}/{size}"} | site.lie
        if site.chunked:
            described |= {"Transfer-Encoding": "chunked"}
        else:
            described |= {"Content-Length": str(size - start)}
        for name, value in described.items():
            self.send_header(name, value)
        self.end_headers()
        self.send_body(site.content[start:])

    def send_body(self, body: bytes) -> None:
        cut = self.site.cuts.pop(0) if self.site.cuts else None
        sent = body[:cut]
        self.wfile.write(b"%x\r\n%b\r\n" % (len(sent), sent) if self.site.chunked else sent)
        if cut is not None:
            self.close_connection = True
        elif self.site.chunked:
            self.wfile.write(b"0\r\n\r\n")
        if self.path.endswith("/stalling"):
            self.site.released.wait()
        if self.path.endswith("/trickling"):
            with suppress(OSError):
                while not self.site.released.wait(0.02):
                    self.wfile.write(b"x")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, the base's name
        pass


@contextmanager
def serve(content: bytes, certificate: Path | None = None) -> Iterator[Site]:
    """Serve ``content`` on the loopback, over TLS with ``certificate`` (PEM, with key)."""
    site = Site(content)
    handler = type("SiteHandler", (Handler,), {"site": site})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}"
        if certificate:
            site.url = f"https://127.0.0.1:{server.server_port}"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield site
        finally:
            site.released.set()
            server.shutdown()
            thread.join()


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Have the system refuse to write more than ``room`` bytes to a file, as a quota does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
