"""The places where the weights of known encoders are looked for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from ser.encoders._ctranslate2 import encoder_tensors
from ser.encoders._known import KnownEncoder
from ser.encoders._weights import (
    Weights,
    digest_of,
    read_safetensors,
    selected,
    stated_digest,
    write_safetensors,
)
from ser.errors import InvalidInput, NotFound, RemoteFailed

SAFETENSORS = "model.safetensors"
CTRANSLATE2 = "model.bin"


def files_in(folder: Path, name: str) -> list[Path]:
    """Return the files of the encoder ``name`` in ``folder``."""
    possible = (
        folder / f"{name}.safetensors",
        folder / name / SAFETENSORS,
        folder / name / CTRANSLATE2,
    )
    return [path for path in possible if path.is_file()]


def read_folder(folder: Path, name: str, known: KnownEncoder) -> Weights:
    """Return the weights in the first file of the encoder ``name`` in ``folder``.

    Raises
    ------
    NotFound
        There is none.
    InvalidInput
        The file is damaged, or holds other weights.
    OSError
        It cannot be read.
    """
    files = files_in(folder, name)
    if not files:
        raise NotFound(
            f"neither {name}.safetensors nor {name}/{SAFETENSORS} nor {name}/{CTRANSLATE2}"
        )
    if files[0].name == CTRANSLATE2:
        return checked(selected(encoder_tensors(files[0].read_bytes())), known)
    return read_checked_safetensors(files[0], known)


def read_checked_safetensors(path: Path, known: KnownEncoder) -> Weights:
    """Return the weights in ``path`` if they are those of ``known``."""
    if known.tensors:
        return checked(read_safetensors(path), known)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != known.file:
        raise InvalidInput(f"the SHA-256 of {path.name} is {found}; allowed: {known.file}")
    return read_safetensors(path)


def checked(weights: Weights, known: KnownEncoder) -> Weights:
    """Return ``weights`` if they are those of ``known``, else raise :class:`InvalidInput`."""
    if known.tensors is None:
        raise InvalidInput(
            f"the weights of {known.repository} are known by their file; allowed: {SAFETENSORS}"
        )
    if (found := digest_of(weights)) != known.tensors:
        raise InvalidInput(f"the digest of its weights is {found}; allowed: {known.tensors}")
    return weights


class WeightsCache:
    """The weights that the graphs need, in a file for each encoder.

    A damaged file counts as missing.
    """

    def __init__(self, folder: Path, name: str, known: KnownEncoder) -> None:
        pin = known.tensors or known.file
        self._file = folder / f"{name}-{pin[:16]}.safetensors"
        self._tensors = known.tensors

    @property
    def is_filled(self) -> bool:
        """Whether there is a file, damaged or not."""
        return self._file.is_file()

    def read(self) -> Weights:
        """Return the weights.

        Raises
        ------
        NotFound
            They are missing.
        InvalidInput
            The file is damaged.
        """
        if not self.is_filled:
            raise NotFound(f"no {self._file.name}")
        weights = read_safetensors(self._file)
        if digest_of(weights) != (self._tensors or stated_digest(self._file)):
            raise InvalidInput(f"{self._file.name} is damaged")
        return weights

    def write(self, weights: Weights) -> None:
        """Keep ``weights``; an error is ignored, since it only makes later trainings slower."""
        unfinished = self._file.with_suffix(f".{os.getpid()}.part")
        with suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            try:
                write_safetensors(unfinished, weights)
                unfinished.replace(self._file)
            finally:
                unfinished.unlink(missing_ok=True)


def package_files(known: KnownEncoder) -> Iterator[Path | None]:
    """Yield the file of each part of ``known``; ``None`` if its package is not installed.

    The packages are not imported.
    """
    for distribution, path in known.parts:
        spec = find_spec(distribution.replace("-", "_"))
        folders = spec.submodule_search_locations if spec else None
        file = Path(folders[0], path) if folders else None
        yield file if file and file.is_file() else None


def read_packages(known: KnownEncoder) -> Weights:
    """Return the weights in the installed packages of ``known``.

    Raises
    ------
    NotFound
        A package is not installed, or there is none that holds these weights.
    InvalidInput
        The packages hold other weights.
    OSError
        A file cannot be read.
    """
    if not known.parts:
        raise NotFound("no package holds these weights")
    data = bytearray()
    for (distribution, _), file in zip(known.parts, package_files(known), strict=True):
        if file is None:
            raise NotFound(f"{distribution} is not installed")
        data += file.read_bytes()
    return checked(selected(encoder_tensors(data)), known)


def read_hub(endpoint: str | None, known: KnownEncoder) -> Weights:
    """Return the weights in the repository of ``known`` on the hub.

    The file stays in the cache of ``huggingface_hub``. If it is damaged there, it is fetched again.

    Parameters
    ----------
    endpoint
        URL of the hub; ``None``: that of ``huggingface_hub``.

    Raises
    ------
    NotFound
        ``huggingface_hub`` is not installed.
    RemoteFailed
        The hub does not answer, does not have the file, or may not be asked; or the file cannot be
        kept.
    InvalidInput
        The file holds other weights.
    """
    path, is_new = fetch(endpoint, known)
    try:
        return read_checked_safetensors(path, known)
    except InvalidInput:
        if is_new:
            raise
    path, _ = fetch(endpoint, known, again=True)
    return read_checked_safetensors(path, known)


def fetch(endpoint: str | None, known: KnownEncoder, *, again: bool = False) -> tuple[Path, bool]:
    """Return the file of ``known`` in the cache of ``huggingface_hub``, and whether it was
    downloaded now; ``again``: even if it is there."""
    try:
        import httpx2
        import huggingface_hub as hub
        from huggingface_hub.errors import XetDownloadError
    except ImportError as error:
        raise NotFound(f"{error.name} is not installed") from error
    place = (known.repository, SAFETENSORS)
    revision = known.revision
    try:
        is_new = again or not isinstance(hub.try_to_load_from_cache(*place, revision=revision), str)
        if is_new:
            # The download itself would repeat its first request for half a minute.
            url = hub.hf_hub_url(*place, revision=revision, endpoint=endpoint)
            hub.get_hf_file_metadata(url, token=False, endpoint=endpoint)
        path = hub.hf_hub_download(
            *place, revision=revision, endpoint=endpoint, token=False, force_download=again
        )
    except (httpx2.HTTPError, XetDownloadError, OSError) as error:
        raise RemoteFailed(str(error).split("\n")[0]) from error
    return Path(path), is_new
