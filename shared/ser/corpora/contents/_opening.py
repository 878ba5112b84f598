"""The form in which a place keeps its sounds."""

from __future__ import annotations

from collections.abc import Sequence

from ser._progress import ProgressCallback
from ser.corpora._base import missing_sounds
from ser.corpora.contents._contents import Contents
from ser.corpora.contents._loose import LooseSounds
from ser.corpora.contents._parquet import ParquetTables
from ser.corpora.contents._tars import TarShards
from ser.errors import TooLarge
from ser.fetching import Place, StoredFile
from ser.limits import Limits
from ser.sounds import SUFFIXES


def open_contents(place: Place, limits: Limits, on_progress: ProgressCallback) -> Contents:
    """Return the sounds at ``place``: loose ones; else those in tar shards; else in Parquet tables.

    Raises
    ------
    InvalidInput
        There are no sounds; the message says which other files there are.
    TooLarge
        The files have more bytes than ``limits`` allow, or there are too many sounds.
    """
    files = place.files(limits.entries)
    found = {file.path.suffix.lower() for file in files}
    if SUFFIXES & found:
        contents: Contents = LooseSounds(place, files)
        require_small(contents.files, place, limits)
        for file in contents.files:
            require_file(file.name, file.size, limits)
        if (count := len(contents.sounds)) > limits.entries.value:
            raise TooLarge(f"{place.address} has {count:,} sounds; allowed: {limits.entries}")
        return contents
    for suffix, kind in ((".tar", TarShards), (".parquet", ParquetTables)):
        if suffix in found:
            shards = [file for file in files if file.path.suffix.lower() == suffix]
            require_small(shards, place, limits)
            contents = kind(place, files, limits, on_progress)
            if contents.sounds:
                return contents
    raise missing_sounds([file.path for file in files])


def require_file(name: str, size: int, limits: Limits) -> None:
    """Raise :class:`TooLarge` if a file has more bytes than ``limits`` allow."""
    if size > limits.file_bytes.value:
        raise TooLarge(f"{name} has {size:,} bytes; allowed: {limits.file_bytes}")


def require_small(files: Sequence[StoredFile], place: Place, limits: Limits) -> None:
    """Raise :class:`TooLarge` if ``files`` have more bytes than ``limits`` allow."""
    size, limit = sum(file.size for file in files), limits.extracted_bytes
    if size > limit.value:
        raise TooLarge(
            f"the sounds and tables in {place.address} have {size:,} bytes; allowed: {limit}"
        )
