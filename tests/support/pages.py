"""Steps of users on the page."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import soundfile
import soxr
from playwright.sync_api import Page

import graphs
import made
from ser import Label

PLAIN = "ser.example"
"""A name of the server of the tests that browsers do not trust over plain HTTP, unlike
localhost."""
SECONDS = 60
"""Time-out of a step: a busy machine judges slowly."""


class Served(NamedTuple):
    """The stack of the tests."""

    url: str
    other: str
    """Id of a small model of three emotions, to which the alias ``production`` points."""
    registry: Path


def published(registry: Path, labels: Sequence[Label] = graphs.LABELS, **options: Any) -> str:
    """Publish a small model with the facts that the page shows; return its id."""
    facts = {
        "corpus": {"name": "emodb"},
        "request": {"preset": "light", "model_type": "DiscriminantClassifier"},
        "metrics": {"uar": 0.85, "wa": 0.86},
        "classes": [str(label) for label in labels],
        "labels": msgspec.to_builtins(labels),
    }
    return graphs.publish(registry, graphs.model(labels=labels, **options), **facts)


def opened(
    page: Page,
    data: bytes,
    name: str = "sound.wav",
    *,
    model: str = "ready",
    place: str = "server",
) -> Page:
    """Let the page judge a sound, and wait for the answer."""
    page.wait_for_selector("#model option", state="attached")
    page.select_option("#model", model)
    page.locator(f"input[value={place}]").check()
    page.set_input_files("#file", {"name": name, "mimeType": "audio/wav", "buffer": data})
    return judged(page)


def judged(page: Page) -> Page:
    """Wait until the page has judged its sound."""
    page.locator("#status", has_text="judged").wait_for()
    return page


def resampled(data: bytes, rate: int) -> bytes:
    """Return a sound at another rate."""
    samples, original = soundfile.read(io.BytesIO(data), dtype="float32")
    return made.sound(np.asarray(soxr.resample(samples, original, rate), np.float32), rate)


def downloaded(page: Page, name: str) -> str:
    """Return what a button of the page saves."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).first.click()
    # As it is: reading as text would change carriage returns.
    return Path(download.value.path()).read_bytes().decode()


def answer(page: Page) -> dict[str, Any]:
    """Return the answer that the page saves as JSON."""
    found: dict[str, Any] = json.loads(downloaded(page, "JSON"))
    return found
