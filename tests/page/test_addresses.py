"""The page at other addresses than the root of a host that browsers trust."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pages import PLAIN, Served, answer, opened

Visit = Callable[..., Page]


@pytest.mark.usefixtures("onnxruntime_web")
def test_below_a_prefix_the_page_asks_for_nothing_outside_it(
    visit: Visit, prefixed: str, example: bytes, tmp_path: Path
) -> None:
    # `visit` refuses requests for other addresses.
    page = visit("", url=prefixed, permissions=["clipboard-read", "clipboard-write"])
    assert page.url == f"{prefixed}/"
    for place in ("server", "browser"):
        opened(page, example, place=place)
    page.get_by_role("button", name="Copy as curl").click()
    page.locator("#status", has_text="clipboard").wait_for()
    command = page.evaluate("navigator.clipboard.readText()")
    (tmp_path / "sound.wav").write_bytes(example)
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, check=True)
    assert b'"model_id":"ready"' in done.stdout
    page.get_by_role("button", name="Try an example").click()
    expect(page.locator("#sound-name")).to_have_text("example.flac")
    page.locator("nav").get_by_text("Models").click()
    expect(page.locator("#models tr").first).to_be_visible()
    with page.context.expect_page() as report:
        page.get_by_label("Report of ready").click(modifiers=["Control"])
    expect(report.value.locator("h1")).to_be_visible()
    page.locator("nav").get_by_text("API").click()
    expect(page.locator(".operation").first).to_be_visible()
    expect(page.locator("#about")).to_contain_text(f"at {prefixed}/")
    with page.expect_download():
        page.locator("a[download]").click()
    page.locator(".brand").click()
    expect(page.locator("h1")).to_have_text("Which emotions does a voice express?")
    page.goto(f"{prefixed}/models/")
    assert page.url == f"{prefixed}/models"
    expect(page.locator("#models tr").first).to_be_visible()


@pytest.mark.usefixtures("onnxruntime_web")
def test_over_plain_http_the_page_judges_and_says_what_browsers_refuse(
    visit: Visit, served: Served, example: bytes
) -> None:
    url = served.url.replace("127.0.0.1", PLAIN)
    page = visit(url=url)
    assert not page.evaluate("isSecureContext")
    by_server, by_browser = (
        answer(opened(page, example, place=place))["emotions"] for place in ("server", "browser")
    )
    assert by_server == by_browser
    page.get_by_role("button", name="Copy as curl").click()
    expect(page.locator("#status")).to_contain_text("does not let the page copy")
    expect(page.locator(".result pre")).to_have_text(re.compile(f"^curl -s '{url}/predict'"))
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_role("alert")).to_contain_text("only over HTTPS")
