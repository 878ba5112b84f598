"""Where encoders come from."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ser.encoders._known import KNOWN, LAYERS
from ser.limits import NO_LIMITS, Limits

if TYPE_CHECKING:
    import onnx

    from ser.fetching import Access


@dataclass(frozen=True)
class EncoderSources:
    """The places where encoders are looked for, in their order."""

    folder: Path | None = None
    cache: Path | None = None
    """A folder that keeps files which were fetched; ``None``: they are not kept."""
    access: Access | None = None
    """Rules for the paths, buckets and hosts of encoders that are not known; ``None``: full
    access."""
    limits: Limits = NO_LIMITS
    """Limits on the size of an encoder that is not known."""

    def open(self, source: str, sha256: str | None = None) -> onnx.ModelProto:
        """Return the encoder ``source``: a name of :data:`KNOWN`, a path, or a URL."""
        if source not in KNOWN:
            from ser.encoders import _foreign
            from ser.fetching import FULL_ACCESS

            return _foreign.open_foreign(
                source,
                sha256,
                access=self.access or FULL_ACCESS,
                limit=self.limits.download_bytes,
                cache=self.cache,
            )
        from ser.encoders._ctranslate2 import encoder_tensors
        from ser.encoders._whisper import whisper_model

        parts = []
        for package, path in KNOWN[source].packages:
            spec = find_spec(package)
            assert spec
            assert spec.submodule_search_locations
            parts.append(Path(spec.submodule_search_locations[0], path).read_bytes())
        return whisper_model(encoder_tensors(b"".join(parts)), LAYERS)

    def check(self, source: str, sha256: str | None = None) -> None:
        """Raise an error if :meth:`open` would fail, as far as that is known without reading a file
        or asking a server."""
        if source not in KNOWN:
            from ser.encoders import _foreign
            from ser.fetching import FULL_ACCESS

            _foreign.check_foreign(source, sha256, access=self.access or FULL_ACCESS)


ENCODERS = EncoderSources()
