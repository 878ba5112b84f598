"""The colours of emotions differ for everyone, also for people who see fewer colours."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stacks import ROOT

STYLE = ROOT / "shared" / "ser" / "service" / "page" / "static" / "page.css"
EMOTIONS = (
    *("anger", "boredom", "calm", "disgust", "fear", "happiness", "neutral", "sadness"),
    *("surprise", "silence"),
)
# What people see of linear RGB (Machado, Oliveira and Fernandes 2009, table 1, severity 1.0).
VISIONS: dict[str, Any] = {
    "trichromacy": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# Linear RGB to the responses of cones, and their cube roots to Oklab (Ottosson 2020).
CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
LEAST = 0.1
"""Distance in Oklab, where black and white are 1 apart, and 0.02 is just noticeable."""


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_two_emotions_look_alike(scheme: str, vision: str) -> None:
    seen = np.clip(np.array(colours(scheme)) @ np.array(VISIONS[vision]).T, 0, 1)
    places = np.cbrt(seen @ CONES.T) @ OKLAB.T
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
    alike = [
        (EMOTIONS[one], EMOTIONS[other], round(float(distances[one, other]), 3))
        for one, other in zip(*np.triu_indices(len(EMOTIONS), 1), strict=True)
        if distances[one, other] < LEAST
    ]
    assert alike == []


def colours(scheme: str) -> list[list[float]]:
    """Return the colours of the emotions in linear RGB."""
    light, dark = Path(STYLE).read_text().split("@media (prefers-color-scheme: dark)")
    text = {"light": light, "dark": dark}[scheme]
    found = [re.search(rf"--{name}: #(\w{{6}});", text) for name in EMOTIONS]
    return [[linear(value) for value in bytes.fromhex(each[1])] for each in found if each]


def linear(value: int) -> float:
    """Return a value of sRGB, 0 to 255, as an intensity from 0 to 1."""
    share = value / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)
