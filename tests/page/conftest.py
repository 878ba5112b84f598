"""The page in Debian's Chromium, served by the real stack behind Caddy."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import soundfile
import urllib3
from playwright.sync_api import Browser, Page, sync_playwright

import browsers
import made
from pages import PLAIN, SECONDS, Served, published
from ser.registry import open_registry
from ser.service.page import files
from stack import free_port, gateway_command, process
from stacks import ROOT, serving

EXAMPLE = ROOT / "shared" / "ser" / "service" / "page" / "static" / "example.flac"
PAGE = ROOT / "docs" / "page.md"
OPTIONS = (
    "--no-sandbox",  # which needs rights that containers lack
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    f"--host-resolver-rules=MAP {PLAIN} 127.0.0.1",
)


@pytest.fixture(scope="module")
def example() -> bytes:
    """The example of the page as WAV at 16 kHz: three emotions, with silence between."""
    samples, rate = soundfile.read(EXAMPLE, dtype="float32")
    assert rate == 16_000
    return made.sound(samples, rate)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if browsers.CHROMIUM is None:
        pytest.skip("Chromium is missing; Debian's package chromium has it")
    folder = tmp_path_factory.mktemp("page")
    registry = open_registry(folder / "model")
    other = published(folder / "model")
    registry.move("production", other)
    settings = {
        "SER_MODEL_SAVE_PATH": str(folder / "model"),
        "SER_ALLOWED_PATHS": str(folder),
        "SER_ALLOWED_HOSTNAMES": PLAIN,
    }
    with serving(**settings) as client:
        yield Served(client.stack.url, other, folder / "model")


@pytest.fixture(scope="module")
def prefixed(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the server below a prefix: a proxy before it, as docs/page.md describes it."""
    address, folder = f"http://127.0.0.1:{free_port()}", tmp_path_factory.mktemp("proxy")
    site = re.search(r"^```caddyfile\n(.+?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert site
    config = site[1].replace("ser.example.org", address)
    config = config.replace("localhost:5000", served.url.removeprefix("http://"))
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n}}\n{config}")
    command = [*gateway_command()[:-1], str(folder / "Caddyfile")]
    with process(command, {**os.environ, "XDG_DATA_HOME": str(folder)}):
        retries = urllib3.Retry(20, backoff_factor=0.1)
        assert urllib3.request("GET", f"{address}/ser/healthz", retries=retries).status == 200
        yield f"{address}/ser"


@pytest.fixture
def onnxruntime_web() -> None:
    """Skip a test of judging in the browser where its runtime could not be downloaded."""
    if not files.assets().has_runtime:
        pytest.skip("onnxruntime-web is missing; make page downloads it")


@pytest.fixture(scope="module")
def browser(
    example: bytes, tmp_path_factory: pytest.TempPathFactory, served: Served
) -> Iterator[Browser]:
    """Chromium, whose microphone hears the example, again and again."""
    heard = tmp_path_factory.mktemp("microphone") / "example.wav"
    heard.write_bytes(example)
    with sync_playwright() as playwright:
        options = [*OPTIONS, f"--use-file-for-fake-audio-capture={heard}"]
        launched = playwright.chromium.launch(executable_path=browsers.CHROMIUM, args=options)
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Browser, served: Served) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a path in a profile of its own. In the end, no page has broken
    the policy, or has asked another server for anything."""
    contexts, faults = [], []

    def visit_path(path: str = "/", url: str = served.url, **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(1000 * SECONDS)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if is_fault(line) else None)
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith((url, "blob:")) else faults.append(request.url)
            ),
        )
        page.goto(url + path)
        return page

    yield visit_path
    for context in contexts:
        context.close()
    assert not faults


def is_fault(line: Any) -> bool:
    """Return whether a line of the console is an error; refusals of the server are none, nor are
    policies that browsers ignore over plain HTTP."""
    known = ("Failed to load resource", "Cross-Origin-Opener-Policy header has been ignored")
    return line.type == "error" and not any(each in line.text for each in known)
