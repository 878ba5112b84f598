"""The files at a path or URL."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from ser._addresses import scheme
from ser.corpora._csv_files import TABLE_SUFFIXES
from ser.corpora._files import ArchiveFiles, CorpusFiles, PlacedFiles
from ser.corpora._shard_names import common_folder, expand
from ser.errors import within
from ser.fetching import ANY, FULL_ACCESS, Access, Version, open_place, opener_for

IN_PLACE = (".parquet",)
"""Suffixes of single files that are read where they are."""


def corpus_files(
    source: str,
    data_path: Path,
    *,
    keep_features: bool = True,
    access: Access = FULL_ACCESS,
    version: Version = ANY,
) -> CorpusFiles:
    """Return the files at ``source``, without reading or fetching them.

    Parameters
    ----------
    source
        Files that are read where they are: a folder, ``s3://bucket/prefix/`` or
        ``gs://bucket/prefix/``, a CSV table beside its sounds, a Parquet table, or several shards
        by a pattern such as ``corpus-{000000..000009}.tar``. Or an archive, which is copied: a
        path, ``file://``, ``http(s)://``, ``s3://bucket/key`` or ``gs://bucket/key``.
    data_path
        A folder that keeps the archive, its content, and extracted features.
    keep_features
        Whether features of files on this machine that are read in place are kept in ``data_path``.
    version
        Required version of an archive. Files that are read in place have the version in which they
        are listed.

    Raises
    ------
    InvalidInput
        ``source`` cannot be fetched, or ``access`` refuses it.
    """
    with within("source"):
        check_source(source, access)
        placed = placed_files(source, data_path, keep_features, access)
    return placed or ArchiveFiles(source, data_path, access=access, version=version)


def check_source(source: str, access: Access) -> None:
    """Raise :class:`InvalidInput` if ``source`` cannot be fetched, or ``access`` refuses it."""
    if placed_files(source, Path(), keep_features=False, access=access) is None:
        opener_for(source, access)


def placed_files(
    source: str, data_path: Path, keep_features: bool, access: Access
) -> PlacedFiles | None:
    """Return the files at ``source`` if they are read where they are; ``None`` for an archive."""
    local = scheme(source) in ("", "file")
    if not local and scheme(source) not in ("s3", "gs"):
        return None
    kept = None if local and not keep_features else data_path
    path = access.path(source) if local else None
    if path is not None and path.exists():
        source, urls = str(path), [str(path)]
    else:
        urls = [str(access.path(url)) if local else url for url in expand(source)]
    name = PurePosixPath(source).name
    suffix = PurePosixPath(name.lower()).suffix
    if path.is_dir() if path else source.endswith("/"):
        return PlacedFiles(open_place(source, access), source, data_path=kept)
    if len(urls) > 1 or suffix in IN_PLACE:
        folder, names = common_folder(urls)
        return PlacedFiles(open_place(folder, access, names=names), source, data_path=kept)
    if suffix in TABLE_SUFFIXES and (path is None or path.is_file()):
        folder = source.removesuffix(name)
        return PlacedFiles(open_place(folder, access), source, data_path=kept, table=name)
    return None
