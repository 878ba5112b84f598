"""The documents of the page: accessible, with a key, with models, aliases and the API."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from page import runtime
from pages import Served, opened
from ser.service.keys import line_of, new_key
from stacks import serving

Visit = Callable[..., Page]
SIZES = {
    "desk": {"width": 1280, "height": 900},
    "phone": {"width": 390, "height": 844},
}
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="module")
def axe() -> str:
    """The source of axe-core."""
    try:
        (source,) = runtime.read("axe-core", "axe.min.js")
    except (OSError, subprocess.SubprocessError):
        pytest.skip("npm, which has axe-core, is missing or reaches no registry")
    return source.decode()


@pytest.mark.parametrize(("size", "scheme"), [("desk", "light"), ("phone", "dark")])
def test_axe_finds_nothing_serious(
    visit: Visit, axe: str, served: Served, example: bytes, size: str, scheme: str
) -> None:
    for path in ("/", "/models", "/docs"):
        page = visit(path, viewport=SIZES[size], color_scheme=scheme, reduced_motion="reduce")
        if path == "/":
            page.wait_for_selector("#model option", state="attached")
            page.select_option("#other", served.other)
            opened(page, example)
        elif path == "/models":
            expect(page.locator("#models tr")).to_have_count(2)
            for box in page.locator("input[type=checkbox]").all():
                box.check()
            page.locator("#comparison").wait_for()
        else:
            page.locator("#predict > summary").click()
        # As a debugger, since the policy lets no foreign script in.
        page.evaluate(axe)
        found = page.evaluate("axe.run()")
        assert len(found["passes"]) > 10
        serious = [
            (each["id"], [where["html"] for where in each["nodes"]][:5])
            for each in found["violations"]
            if each["impact"] in SERIOUS
        ]
        assert not serious, path
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= SIZES[size]["width"], path


def test_models_show_figures_aliases_history_and_a_comparison(visit: Visit, served: Served) -> None:
    page = visit("/models")
    rows = page.locator("#models tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text(f"{served.other} production")
    expect(rows.nth(0)).to_contain_text("0.850")
    page.get_by_label("Compare ready").check()
    page.get_by_label(f"Compare {served.other}").check()
    facts = page.locator("#facts")
    expect(facts).to_contain_text("Recall of boredom, held-out utterances")
    expect(page.locator("#compared th")).to_have_text(["ready", served.other])
    page.locator("#aliases summary").click()
    expect(page.locator("#aliases li")).to_contain_text(f"{served.other} since")
    with page.context.expect_page() as report:
        page.get_by_label("Report of ready").click(modifiers=["Control"])
    expect(report.value.locator("h1")).to_be_visible()


def test_the_api_is_described_from_its_document(visit: Visit) -> None:
    page = visit("/docs")
    operation = page.locator("#predict")
    operation.locator("> summary").click()
    expect(operation).to_contain_text("Asks for the emotions over time")
    page.get_by_label("Search").fill("/train/{job_id}")
    shown = page.locator(".operation:visible")
    expect(shown).to_have_count(2)
    expect(shown.first).to_contain_text("job")


def test_without_onnxruntime_web_the_page_says_why_the_server_judges(visit: Visit) -> None:
    page = visit("/docs")

    def without_runtime(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, body=response.text().replace('="yes"', '="no"'))

    page.route("**/", without_runtime)
    page.goto(page.url.removesuffix("docs"))
    expect(page.locator("#no-runtime")).to_contain_text("make page")
    expect(page.locator("input[value=browser]")).to_be_disabled()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a server that wants keys, and a key."""
    key, folder = new_key(), tmp_path_factory.mktemp("guarded")
    (folder / "keys").write_text(line_of(key, "ann", "predict"))
    with serving(SER_API_KEYS=str(folder / "keys"), SER_ALLOWED_PATHS=str(folder)) as client:
        yield client.stack.url, key


@pytest.mark.usefixtures("onnxruntime_web")
def test_a_key_is_asked_for_and_kept_until_the_tab_is_closed(
    visit: Visit, guarded: tuple[str, str], example: bytes, axe: str
) -> None:
    url, key = guarded
    page = visit(url=url)
    dialog = page.locator("#key-dialog")
    for given in ("wrong", key):
        field = page.get_by_label("Key", exact=True)
        field.fill(given)
        page.evaluate(axe)
        found = page.evaluate("axe.run('#key-dialog')")
        assert not [each for each in found["violations"] if each["impact"] in SERIOUS]
        page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    for place in ("server", "browser"):
        opened(page, example, place=place)
    assert key not in page.content()
    assert page.evaluate("JSON.stringify(localStorage)").find(key) == -1
    page.reload()
    expect(page.locator("#key")).to_have_text("Key set")
    page.wait_for_selector("#model option", state="attached")
    for path in ("/models", "/docs"):
        page.goto(url + path)
        expect(page.locator("#models tr, .operation").first).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="openapi.json").click()
    assert "/predict" in json.loads(Path(download.value.path()).read_text())["paths"]
    page.goto(f"{url}/models")
    with page.expect_download() as download:
        page.get_by_label("Report of ready").click()
    assert "<h1" in Path(download.value.path()).read_text()
    other = page.context.new_page()
    other.goto(url)
    expect(other.locator("#key-dialog")).to_be_visible()
