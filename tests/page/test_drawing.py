"""What is drawn again and again with each segment is measured once."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from pages import Served, answer, judged

Visit = Callable[..., Page]
COUNT = """const { prototype } = OffscreenCanvasRenderingContext2D;
const original = prototype.getImageData;
window.measured = 0;
prototype.getImageData = function (...area) {
  measured += 1;
  return original.apply(this, area);
};"""
DRAW = """async (source) => {
  const { draw } = await import(source);
  let reads = 0;
  const get = (samples, name) => {
    reads += 1;
    return samples[name];
  };
  const signal = new Proxy(new Float32Array(16_000), { get });
  const canvas = document.querySelector("#wave canvas");
  const counts = [];
  for (let n = 0; n < 2; n += 1) {
    draw(canvas, signal, 1, [], { window: 2, step: 0.5 });
    counts.push(reads);
  }
  return counts;
}"""


def test_colours_and_peaks_are_measured_once(visit: Visit, served: Served) -> None:
    page = visit("/docs")
    page.add_init_script(COUNT)
    page.goto(served.url)
    page.wait_for_selector("#model option", state="attached")
    page.select_option("#model", "ready")
    page.get_by_role("button", name="Try an example").click()
    judged(page)
    emotions = {turn["emotion"] for turn in answer(page)["turns"][0]}
    turn = page.locator(".turn").first
    light = str(turn.get_attribute("style"))
    page.emulate_media(color_scheme="dark")
    expect(turn).not_to_have_attribute("style", light)
    page.emulate_media(color_scheme="light")
    expect(turn).to_have_attribute("style", light)
    assert page.evaluate("measured") == 2 * len(emotions)
    source = page.locator("link[href$='/waveform.js']").evaluate("link => link.href")
    first, second = page.evaluate(DRAW, source)
    assert first > 16_000
    assert second == first
