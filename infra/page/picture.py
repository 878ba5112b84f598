"""Takes the picture of the page that README.md shows: its example, judged by the model ``ready``.

PYTHONPATH=infra:infra/local:tests/support .venv/bin/python infra/page/picture.py
"""

from __future__ import annotations

import io
import tempfile

from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

import browsers
from stacks import ROOT, serving

TARGET = ROOT / "docs" / "page.png"
SIZE: ViewportSize = {"width": 1120, "height": 900}


def main() -> None:
    """Write the picture."""
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(SER_ALLOWED_PATHS=folder) as client,
        sync_playwright() as playwright,
    ):
        launched = playwright.chromium.launch(
            executable_path=browsers.CHROMIUM, args=["--no-sandbox"]
        )
        page = launched.new_page(viewport=SIZE, reduced_motion="reduce")
        page.goto(client.stack.url)
        Image.open(io.BytesIO(picture(page))).convert("RGB").save(TARGET, optimize=True)
        launched.close()


def picture(page: Page) -> bytes:
    """Return the page down to the bars of the example."""
    page.wait_for_selector("#model option", state="attached")
    page.get_by_role("button", name="Try an example").click()
    page.locator("#status", has_text="judged").wait_for()
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    end = page.evaluate("document.querySelector('.columns').getBoundingClientRect().bottom + 16")
    clip = {"x": 0, "y": 0, "width": SIZE["width"], "height": end}
    return page.screenshot(clip=clip, full_page=True)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
