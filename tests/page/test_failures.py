"""What the page does if something fails: it says so, and goes on."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, Route, expect

import made
from pages import Served, answer, judged, opened, published

Visit = Callable[..., Page]
NO_STORAGE = """for (const name of ["localStorage", "sessionStorage"]) {
  const get = () => { throw new DOMException("Access is denied", "SecurityError"); };
  Object.defineProperty(window, name, { get });
}"""
"""Browsers do this to pages whose cookies are blocked."""
STREAMS = """const devices = navigator.mediaDevices;
const original = devices.getUserMedia.bind(devices);
window.streams = [];
devices.getUserMedia = async (options) => {
  const stream = await original(options);
  streams.push(stream);
  return stream;
};"""
NO_WORKLET = """const { prototype } = AudioWorklet;
const { addModule } = prototype;
prototype.addModule = async () => {
  prototype.addModule = addModule;
  throw new DOMException("Unable to load a worklet's module.", "AbortError");
};"""
"""As with a page whose server has been updated, once: tests cannot intercept such requests."""
TRACKS = "streams.flatMap(stream => stream.getTracks()).map(track => track.readyState)"


@pytest.fixture
def starting(visit: Visit, served: Served) -> Callable[..., Page]:
    """Return a function that opens the page once its argument has prepared the browser for it."""

    def start(prepare: Callable[[Page], object]) -> Page:
        page = visit("/docs")
        prepare(page)
        page.goto(served.url)
        return page

    return start


def chosen(page: Page, data: bytes, name: str = "sound.wav") -> Page:
    """Choose a file, and wait for nothing."""
    page.set_input_files("#file", {"name": name, "mimeType": "audio/wav", "buffer": data})
    return page


def test_a_sound_that_is_opened_before_the_models_are_known_waits_for_them(
    starting: Callable[..., Page], example: bytes
) -> None:
    held: list[Route] = []
    page = starting(lambda page: page.route("**/models?*", lambda route: held.append(route)))
    chosen(page, example)
    expect(page.locator("#status")).to_have_text("Reading sound.wav …")
    for route in held:
        route.continue_()
    judged(page)


@pytest.mark.parametrize("path", ["aliases", "models?*"])
def test_a_server_that_does_not_answer_at_the_start_is_an_error_that_stays(
    starting: Callable[..., Page], example: bytes, path: str
) -> None:
    page = starting(lambda page: page.route(f"**/{path}", lambda route: route.abort()))
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The server cannot be reached.")
    page.evaluate("document.querySelector('#error').textContent = ''")
    chosen(page, example)
    expect(alert).to_contain_text("The server cannot be reached.")


def test_details_that_are_missing_at_the_start_are_an_error_and_other_models_judge(
    starting: Callable[..., Page], served: Served, example: bytes
) -> None:
    page = starting(
        lambda page: page.route(f"**/models/{served.other}", lambda route: route.abort())
    )
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    opened(page, example)


def test_an_example_of_an_older_page_is_an_error(visit: Visit, served: Served) -> None:
    page = visit()
    old = f"{served.url}/assets/{'0' * 16}/example.flac"
    page.route("**/example.flac", lambda route: route.continue_(url=old))
    page.get_by_role("button", name="Try an example").click()
    expect(page.get_by_role("alert")).to_contain_text("reload the page")


@pytest.mark.usefixtures("onnxruntime_web")
def test_a_worker_of_an_older_page_is_an_error(visit: Visit, example: bytes) -> None:
    page = visit()
    page.wait_for_selector("#model option", state="attached")
    page.locator("input[value=browser]").check()
    page.context.route("**/worker-judge.js", lambda route: route.abort())
    chosen(page, example)
    expect(page.get_by_role("alert")).to_contain_text("Reload the page.")


def test_without_storage_the_page_works_and_says_that_voices_are_lost(
    starting: Callable[..., Page], example: bytes
) -> None:
    page = starting(lambda page: page.add_init_script(NO_STORAGE))
    expect(page.locator("#lost-voices")).to_be_visible()
    opened(page, example)
    enrolled(page, "Ann", 1)
    enrolled(page, "Ann", 2)
    for path in ("Models", "API"):
        page.locator("nav").get_by_text(path).click()
        expect(page.locator("#models tr, .operation").first).to_be_visible()


def test_voices_of_another_tab_appear_and_vanish(visit: Visit, example: bytes) -> None:
    page = opened(visit(), example)
    expect(page.locator("#lost-voices")).to_be_hidden()
    other = page.context.new_page()
    other.goto(page.url)
    enrolled(page, "Ann", 1)
    expect(other.locator("#voices")).to_contain_text("Ann 1 sound")
    other.get_by_role("button", name="Forget Ann").click()
    expect(page.locator("#no-voices")).to_be_visible()
    expect(page.locator("#voice")).to_have_value("")


def test_a_blank_name_is_no_voice(visit: Visit, example: bytes) -> None:
    page = opened(visit(), example)
    page.get_by_label("Name").fill("   ")
    page.get_by_role("button", name="Add this sound").click()
    expect(page.locator("#voice-name:invalid")).to_be_visible()
    expect(page.locator("#no-voices")).to_be_visible()


@pytest.mark.usefixtures("onnxruntime_web")
@pytest.mark.parametrize("place", ["server", "browser"])
def test_a_voice_of_other_features_is_neither_replaced_nor_used(
    visit: Visit, served: Served, example: bytes, place: str
) -> None:
    page = opened(visit(), example, place=place)
    enrolled(page, "Ann", 1)
    kept = page.evaluate("localStorage.getItem('ser-voices')")
    alert = page.get_by_role("alert")
    page.select_option("#model", served.other)
    expect(alert).to_contain_text("front-end")
    page.select_option("#voice", "")
    judged(page)
    page.get_by_label("Name").fill("Ann")
    page.get_by_role("button", name="Add this sound").click()
    expect(alert).to_contain_text("Ann was enrolled with a model that has other features")
    assert page.evaluate("localStorage.getItem('ser-voices')") == kept
    enrolled(page, "Ann by the other model", 1)


@pytest.mark.usefixtures("onnxruntime_web")
@pytest.mark.parametrize(
    "values",
    [[np.nan, np.inf, -np.inf], [20.0], []],
    ids=["not-finite", "loud", "short"],
)
def test_browser_and_server_refuse_the_same_samples_with_the_same_words(
    visit: Visit, values: list[float]
) -> None:
    samples = np.zeros((16_000 if values else 1_234, 2), np.float32)
    samples[100 : 100 + len(values)] = np.array(values)[:, np.newaxis]
    page = visit()
    page.wait_for_selector("#model option", state="attached")
    page.select_option("#model", "ready")
    chosen(page, made.sound(samples, subtype="FLOAT"))
    alert = page.get_by_role("alert")
    by_server = alert.inner_text(timeout=60_000)
    page.locator("input[value=browser]").check()
    expect(alert).not_to_have_text(by_server)
    assert alert.inner_text() in by_server


@pytest.mark.usefixtures("onnxruntime_web")
def test_wav_without_channels_is_an_error(visit: Visit) -> None:
    samples = bytes(3_200)
    form = struct.pack("<HHIIHH", 1, 0, 16_000, 0, 0, 16)
    parts = [(b"fmt ", form), (b"data", samples)]
    body = b"".join(name + struct.pack("<I", len(data)) + data for name, data in parts)
    wav = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body
    page = visit()
    page.wait_for_selector("#model option", state="attached")
    page.locator("input[value=browser]").check()
    chosen(page, wav)
    expect(page.get_by_role("alert")).to_contain_text("This browser cannot decode the file.")
    page.locator("input[value=server]").check()
    expect(page.get_by_role("alert")).to_contain_text("the WAV file cannot be opened")


def test_a_recording_that_cannot_start_turns_the_microphone_off(
    starting: Callable[..., Page],
) -> None:
    page = starting(lambda page: page.add_init_script(STREAMS + NO_WORKLET))
    page.wait_for_selector("#model option", state="attached")
    record = page.get_by_role("button", name="Record")
    record.click()
    expect(page.get_by_role("alert")).to_contain_text("The recording cannot start")
    assert page.evaluate(TRACKS) == ["ended"]
    record.click()
    page.locator("#recorded", has_text=re.compile("^[1-9]")).wait_for()
    assert page.evaluate(TRACKS) == ["ended", "live"]
    page.get_by_role("button", name="Stop").click()
    judged(page)
    assert page.evaluate(TRACKS) == ["ended", "ended"]


@pytest.mark.usefixtures("onnxruntime_web")
def test_a_third_model_takes_the_place_of_the_one_that_is_not_compared(
    visit: Visit, served: Served, example: bytes
) -> None:
    third = published(served.registry)
    page = opened(visit(), example, place="browser")
    for other in (served.other, third):
        page.select_option("#other", other)
        judged(page)
        assert page.locator(".emotion").count() == 2
    assert answer(page)["model_id"] == "ready"
    assert page.locator(".failed").count() == 1  # that of the dialog, which is empty


def test_an_answer_that_is_cut_off_is_an_error(visit: Visit, example: bytes) -> None:
    page = visit()
    page.wait_for_selector("#model option", state="attached")

    def cut(route: Route) -> None:
        response = route.fetch()
        lines = response.text().splitlines(keepends=True)
        route.fulfill(response=response, body="".join(lines[:2]))

    page.route("**/predict", cut)
    chosen(page, example)
    expect(page.get_by_role("alert")).to_contain_text("The server's answer was cut off.")
    page.unroute("**/predict")
    # The same settings are tried again.
    page.locator("input[value=server]").dispatch_event("change")
    judged(page)


def test_a_file_that_cannot_be_read_is_an_error(visit: Visit, tmp_path: Path) -> None:
    page = visit()
    page.evaluate("document.body.append(document.createElement('input'))")
    page.evaluate("document.querySelector('body > input').type = 'file'")
    file = tmp_path / "sound.wav"
    file.write_bytes(b"RIFF")
    page.set_input_files("body > input", file)
    file.unlink()
    transfer = page.evaluate_handle(
        """() => {
          const transfer = new DataTransfer();
          transfer.items.add(document.querySelector("body > input").files[0]);
          return transfer;
        }"""
    )
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    expect(page.get_by_role("alert")).to_contain_text("sound.wav cannot be read.")


def enrolled(page: Page, name: str, count: int) -> None:
    """Enrol the sound of the page for a voice, which then has this number of sounds."""
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Add this sound").click()
    noun = "sound" if count == 1 else "sounds"
    expect(page.locator("#status")).to_have_text(f"{name} is enrolled, with {count} {noun}.")
