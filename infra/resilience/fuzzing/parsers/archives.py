"""Archives of corpora: zip and tar in every compression."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import made
import shards
from resilience.fuzzing.parser import Opened, Parser
from ser.fetching import extract
from ser.limits import Limit, Limits

LIMITS = Limits(
    extracted_bytes=Limit(20_000_000, "SER_MAX_EXTRACTED_MB"),
    entries=Limit(2_000, "SER_MAX_ENTRIES"),
)


def files() -> dict[str, bytes]:
    """Return the files of a small corpus, with a name that is not ASCII."""
    sounds = {f"wav/{name}": made.sound(made.signal(name)[:1600]) for name in ("03a01Wa.wav",)}
    return {**sounds, "wav/Ärger.txt": b"text " * 40, "labels.csv": b"file,emotion\na.wav,joy\n"}


def zips() -> list[bytes]:
    """Return zip archives: stored, compressed in each way, with links and with long names."""
    found = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", method) as archive:
            for name, data in files().items():
                archive.writestr(zipfile.ZipInfo(name), data, method)
        found.append(content.getvalue())
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("../escaped.txt", "/tmp/escaped.txt", "wav/../../x", "C:\\x", "a" * 300):
            archive.writestr(zipfile.ZipInfo(name), b"outside")
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/tmp")
    return [*found, content.getvalue()]


def tars() -> list[bytes]:
    """Return tar archives in each compression and format, and one with links and devices."""
    found = [shards.tar(files(), compression) for compression in ("", "bz2", "xz")]
    found.append(gzip.compress(shards.tar(files()), mtime=0))
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w", format=form) as archive:
            for name in (*files(), "../escaped.txt", "/tmp/escaped.txt"):
                info = tarfile.TarInfo(name)
                info.size = 4
                archive.addfile(info, io.BytesIO(b"data"))
            for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
                info = tarfile.TarInfo("link")
                info.type, info.linkname = kind, "../escaped.txt"
                archive.addfile(info)
        found.append(content.getvalue())
    return found


def read(data: bytes, folder: Path) -> None:
    archive = folder / "corpus.archive"
    archive.write_bytes(data)
    extract(archive, folder / "content" / "working", limits=LIMITS)


PARSERS = (
    Parser("zip archives", lambda _: Opened(zips(), read), share=8),
    Parser("tar archives", lambda _: Opened(tars(), read), share=8),
)
