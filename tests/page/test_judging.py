"""The page hears sounds and judges them, by the server and in the browser."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import urllib3
from playwright.sync_api import Page, expect

import made
from pages import Served, answer, downloaded, judged, opened, published, resampled
from ser import Label

Visit = Callable[..., Page]
TOLERANCE = 1e-4
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of cells that a spreadsheet would run."""
HOSTILE = (
    Label("=1+1", "N", '=HYPERLINK("http://x.example")'),
    Label("@T", "T", "+1\r\n\r\n00:01.000 --> 00:02.000\rsadness"),
    Label("\tW", "W", "-1 <b>\n\nanger"),
)
TEXT = b"This is a text, not a sound.\n" * 40


def test_a_recording_becomes_a_time_line(visit: Visit) -> None:
    page = visit()
    page.wait_for_selector("#model option", state="attached")
    page.select_option("#model", "ready")
    record = page.get_by_role("button", name="Record")
    record.click()
    stop = page.get_by_role("button", name="Stop")
    stop.wait_for()
    page.locator("#recorded", has_text=re.compile("^[4-9]")).wait_for()
    stop.click()
    judged(page)
    assert page.locator("#sound-name").inner_text() == "recording.wav"
    found = answer(page)
    assert found["segments"][0][-1]["end"] >= 4
    assert page.locator(".turn").count() == len(found["turns"][0]) > 0
    assert record.get_attribute("aria-pressed") == "false"


def test_a_click_on_a_segment_plays_and_shows_it(visit: Visit, example: bytes) -> None:
    page = opened(visit(), example)
    segments = answer(page)["segments"][0]
    wave = page.locator("#wave")
    box = wave.bounding_box()
    assert box is not None
    wave.click(position={"x": box["width"] * 0.5, "y": 40})
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.locator("#position")).to_be_visible()
    middle = segments[-1]["end"] / 2
    (chosen,) = [each for each in segments if each["begin"] + 0.75 <= middle < each["begin"] + 1.25]
    shown = page.locator(".bars").nth(1)
    for share in chosen["probabilities"].values():
        expect(shown).to_contain_text(f"{100 * share:.0f} %")
    # Playing ends with the segment.
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible(timeout=10_000)


def test_the_keyboard_moves_from_segment_to_segment(visit: Visit, example: bytes) -> None:
    page = opened(visit(), example)
    wave = page.locator("#wave")
    wave.focus()
    texts = []
    for key in ("Home", "ArrowRight", "PageUp", "End"):
        page.keyboard.press(key)
        texts.append(wave.get_attribute("aria-valuetext") or "")
    assert texts[0].startswith("0 s to 2 s: neutral")
    assert [text.partition(" s ")[0] for text in texts] == ["0", "0", "9.5", "14.5"]
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()


@pytest.mark.usefixtures("onnxruntime_web")
@pytest.mark.parametrize("windows", [(2, 0.5), (0.75, 1), (30, 1)], ids=str)
def test_browser_and_server_give_the_same_answer(
    visit: Visit, example: bytes, windows: tuple[float, float]
) -> None:
    page = visit()
    page.locator("summary", has_text="Windows").click()
    for name, value in zip(("#window", "#step"), windows, strict=True):
        page.fill(name, str(value))
    by_server = answer(opened(page, example))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator("input[value=browser]").check()
    page.locator("#status", has_text="This browser judged").wait_for()
    by_browser = answer(page)
    # The recording has not left the browser.
    assert not [url for url in asked if url.endswith("/predict")]
    by_server.pop("notes")
    by_server.pop("alias", None)
    require_equal(by_browser, by_server)


def require_equal(found: Any, expected: Any, at: str = "") -> None:
    """Check that two answers have the same fields, and numbers that differ by 1e-4 at most."""
    if isinstance(expected, dict):
        assert {*found} == {*expected}, at
        for name in expected:
            require_equal(found[name], expected[name], f"{at}.{name}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), at
        for index, pair in enumerate(zip(found, expected, strict=True)):
            require_equal(*pair, f"{at}[{index}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=TOLERANCE), at
    else:
        assert found == expected, at


@pytest.mark.usefixtures("onnxruntime_web")
@pytest.mark.parametrize("rate", [8_000, 44_100])
def test_other_rates_differ_little(visit: Visit, example: bytes, rate: int) -> None:
    sound = resampled(example, rate)
    page = opened(visit(), sound)
    expect(page.locator("#resampled")).to_be_hidden()
    by_server = answer(page)
    page.locator("input[value=browser]").check()
    page.locator("#status", has_text="This browser judged").wait_for()
    expect(page.locator("#resampled")).to_be_visible()
    by_browser = answer(page)
    assert by_browser["emotions"] == by_server["emotions"]
    gap = differences(by_browser, by_server)
    print(f"{rate} Hz: {gap.max():.4f} at most, {gap.mean():.4f} on average")
    assert gap.max() < 0.1


def differences(one: dict[str, Any], other: dict[str, Any]) -> Any:
    first, second = ([*each["probabilities"][0].values()] for each in (one, other))
    return np.abs(np.subtract(first, second))


@pytest.mark.usefixtures("onnxruntime_web")
def test_a_sound_without_speech_has_no_emotion_in_either_place(visit: Visit) -> None:
    time = np.arange(3 * 16_000) / 16_000
    tone = made.sound((0.1 * np.sin(2 * np.pi * 440 * time)).astype(np.float32))
    page = opened(visit(), tone)
    for place in ("The server", "This browser"):
        page.get_by_role("radio", name=place).check()
        page.locator("#status", has_text=f"{place} judged").wait_for()
        expect(page.locator(".headline")).to_have_text("no emotion: the sound contains no speech")
        assert page.locator(".turn").count() == 0


@pytest.mark.usefixtures("onnxruntime_web")
def test_models_are_switched_and_compared(visit: Visit, served: Served, example: bytes) -> None:
    page = opened(visit(), example)
    assert answer(page)["model_id"] == "ready"
    page.select_option("#model", served.other)
    expect(page.locator("#about-model")).to_contain_text("Trained on emodb, preset light")
    page.locator(".result h3", has_text="production · the server").wait_for()
    judged(page)
    assert answer(page)["model_id"] == served.other
    page.select_option("#other", "ready")
    for place in ("The server", "This browser"):
        page.get_by_role("radio", name=place).check()
        page.locator("#status", has_text=f"{place} judged").wait_for()
        titles = [f"{name} · {place[0].lower()}{place[1:]}" for name in ("production", "ready")]
        expect(page.locator(".result h3")).to_have_text(titles)
        expect(page.locator(".caption")).to_have_text(titles)
        assert page.locator(".emotion").count() == 2


@pytest.mark.usefixtures("onnxruntime_web")
@pytest.mark.parametrize("place", ["server", "browser"])
def test_a_voice_is_enrolled_and_kept_in_the_browser(
    visit: Visit, example: bytes, place: str
) -> None:
    page = opened(visit(), example, place=place)
    before = answer(page)
    for count in (1, 2):
        page.get_by_label("Name").fill("Ann O'Neil")
        page.get_by_role("button", name="Add this sound").click()
        page.locator("#status", has_text=f"is enrolled, with {count}").wait_for()
    after = answer(page)
    assert differences(after, before).max() > 0.01
    stored = page.evaluate("localStorage.getItem('ser-voices')")
    profile = json.loads(stored)["Ann O'Neil"]
    assert profile["count"] == 2
    other = {"server": "browser", "browser": "server"}[place]
    page.locator(f"input[value={other}]").check()
    page.locator("#status", has_text=f"{other} judged").wait_for()
    assert differences(answer(page), after).max() < TOLERANCE
    page.reload()
    expect(page.locator("#voices")).to_contain_text("Ann O'Neil 2 sounds")
    page.get_by_role("button", name="Forget Ann O'Neil").click()
    expect(page.locator("#no-voices")).to_be_visible()


def test_hostile_names_are_plain_text(visit: Visit, example: bytes) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    page = visit()
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    opened(page, example, name=f"{hostile}.wav")
    expect(page.locator("#sound-name")).to_have_text(f"{hostile}.wav")
    for name in (hostile, "constructor"):
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Add this sound").click()
        page.locator("#status", has_text=f"{name} is enrolled, with 1").wait_for()
    expect(page.locator("#voices li")).to_contain_text([hostile, "constructor"])
    assert page.locator("main img").count() == 0


@pytest.mark.parametrize("labels", [None, HOSTILE], ids=["ready", "hostile"])
def test_exports_equal_the_forms_of_the_server(
    visit: Visit, served: Served, example: bytes, labels: tuple[Label, ...] | None
) -> None:
    model_id = published(served.registry, labels) if labels else "ready"
    page = opened(visit(), example, model=model_id)
    fields: dict[str, Any] = {
        "audio": ("a.wav", example, "audio/wav"),
        "model_id": model_id,
        "timeline": "2.0,0.5",
    }

    def form(accept: str) -> str:
        response = urllib3.request(
            "POST", f"{served.url}/predict", fields=fields, headers={"Accept": accept}
        )
        assert response.status == 200
        return response.data.decode()

    exported, expected = (
        list(csv.reader(io.StringIO(text, newline="")))
        for text in (downloaded(page, "CSV"), form("text/csv"))
    )
    assert exported[0] == expected[0]
    for row, other in zip(exported[1:], expected[1:], strict=True):
        assert [*map(value_of, row)] == [*map(value_of, other)]
    assert not [cell for row in exported for cell in row if cell.startswith(FORMULA)]
    subtitles = downloaded(page, "VTT")
    assert subtitles == form("text/vtt")
    assert len(subtitles.split("\n\n")) == 1 + len(answer(page)["turns"][0])


def test_the_copied_command_gives_the_answer_of_the_page(
    visit: Visit, example: bytes, tmp_path: Any
) -> None:
    name = 'it\'s "my" sound.wav'
    page = visit(permissions=["clipboard-read", "clipboard-write"])
    opened(page, example, name=name)
    page.get_by_role("button", name="Copy as curl").click()
    page.locator("#status", has_text="clipboard").wait_for()
    command = page.evaluate("navigator.clipboard.readText()")
    (tmp_path / name).write_bytes(example)
    shell = ["bash", "-c", command]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, check=True)
    assert json.loads(done.stdout) == answer(page)


def value_of(cell: str) -> str | float:
    """Return the number in a cell, of which JavaScript and Python write the same in two ways."""
    try:
        return float(cell)
    except ValueError:
        return cell


@pytest.mark.usefixtures("onnxruntime_web")
@pytest.mark.parametrize(
    ("place", "message"),
    [("server", "are not a readable sound"), ("browser", "This browser cannot decode the file")],
)
def test_a_text_file_is_an_error(visit: Visit, place: str, message: str) -> None:
    page = visit()
    page.wait_for_selector("#model option", state="attached")
    page.locator(f"input[value={place}]").check()
    page.set_input_files("#file", {"name": "a.txt", "mimeType": "text/plain", "buffer": TEXT})
    expect(page.get_by_role("alert")).to_contain_text(message)


def test_a_dropped_file_is_judged(visit: Visit, example: bytes) -> None:
    page = visit()
    page.wait_for_selector("#model option", state="attached")
    transfer = page.evaluate_handle(
        """bytes => {
          const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "dropped.wav"));
          return transfer;
        }""",
        list(example),
    )
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    judged(page)
    expect(page.locator("#sound-name")).to_have_text("dropped.wav")
