"""Models as single files: zip archives of all files of a model, none of them compressed.

So what an archive holds is not larger than the archive itself. Its manifest has the digest of each
other file, and may be signed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from ser.errors import InvalidInput, NotFound, StorageFull, TooLarge
from ser.registry._documents import MANIFEST, REPORT_FILE, SIGNATURE
from ser.registry._model import PublishedModel
from ser.registry._publication import publish_again
from ser.registry._rules import MAX_SIGNATURE, Rules, read_manifest
from ser.store import FULL, Store, Stored

SUFFIX = ".zip"
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The time of all entries, so that equal models have equal archives."""
BROKEN = (BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError)
"""The exceptions of zipfile for a file of another kind."""


class ModelFiles(Mapping[str, bytes]):
    """The files of a model, each of which is read and verified when it is used."""

    def __init__(self, model: PublishedModel) -> None:
        self._model = model
        self._names: tuple[str, ...] = tuple(model.manifest["files"])

    def __getitem__(self, name: str) -> bytes:
        return self._model.read(name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class Archive:
    """The content of an archive, which is read like a store.

    Raises
    ------
    InvalidInput
        The file cannot be read, or has entries that no archive of a model has.
    """

    def __init__(self, path: Path) -> None:
        self.uri = str(path)
        with self._translated():
            self._zip = ZipFile(path)
        entries = self._zip.infolist()
        self._entries = {entry.filename: entry for entry in entries}
        size = sum(entry.file_size for entry in entries)
        if (
            len(self._entries) < len(entries)
            or any(entry.compress_type != ZIP_STORED or entry.flag_bits & 1 for entry in entries)
            or size > path.stat().st_size
        ):
            self.close()
            raise self._refusal("entries are repeated, compressed, encrypted or overlapping")

    def read(self, key: str, most: int | None = None) -> Stored | None:
        """Return the content of ``key``; raise :class:`TooLarge` above ``most`` bytes."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if most is not None and entry.file_size > most:
            raise TooLarge(f"{key!r} in {self.uri} is too large; allowed: {most:,} bytes")
        with self._translated():
            return Stored(self._zip.read(entry), tag="")

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except BROKEN as error:
            reason = getattr(error, "strerror", None) or str(error) or "it ends too early"
            raise self._refusal(reason) from error

    def _refusal(self, reason: str) -> InvalidInput:
        return InvalidInput(
            f"{self.uri!r} is not the archive of a model: {reason}; allowed: a file that the "
            "export of a model has written"
        )


def export_model(store: Store, model: PublishedModel, rules: Rules, path: Path) -> Path:
    """Write the archive of ``model``, as :meth:`ser.Registry.export` documents."""
    manifest = read_manifest(store, model.model_id, rules)
    if manifest is None:
        raise NotFound(f"model {model.model_id} has been deleted")
    signature = store.read(f"{model.model_id}/{SIGNATURE}", MAX_SIGNATURE)
    target = path / f"{model.model_id}{SUFFIX}" if path.is_dir() else path

    def entries() -> Iterator[tuple[str, bytes]]:
        yield MANIFEST, manifest
        if signature is not None:
            yield SIGNATURE, signature.data
        yield from ModelFiles(model).items()

    write_archive(target, entries())
    return target


def write_archive(target: Path, entries: Iterable[tuple[str, bytes]]) -> None:
    """Write ``entries`` to the file ``target``, which is complete as soon as it has its name."""
    draft = target.with_name(f".{os.urandom(8).hex()}")
    try:
        with draft.open("xb") as file:
            with ZipFile(file, "w", ZIP_STORED) as archive:
                for name, data in entries:
                    archive.writestr(ZipInfo(name, EARLIEST), data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except OSError as error:
        if error.errno in FULL:
            raise StorageFull(f"no space is left for {str(target)!r}") from error
        raise InvalidInput(
            f"{str(target)!r} cannot be written: {error.strerror}; allowed: a file in a folder "
            "that exists"
        ) from error
    finally:
        with suppress(OSError):
            draft.unlink()


def import_model(store: Store, path: Path, rules: Rules) -> str:
    """Publish the model in an archive, as :meth:`ser.Registry.import_` documents."""
    archive = Archive(path)
    try:
        manifest = read_manifest(archive, "", rules)
        if manifest is None:
            raise InvalidInput(f"{str(path)!r} has no {MANIFEST}; allowed: an exported model")
        model = PublishedModel(archive, "", manifest, rules.limits)
        model.load()
        files = ModelFiles(model)
        if REPORT_FILE in files:
            model.read_report()
        signature = archive.read(SIGNATURE, MAX_SIGNATURE)
        publish_again(store, model.model_id, files, manifest, signature and signature.data)
        return model.model_id
    finally:
        archive.close()
