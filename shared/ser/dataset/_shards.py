"""Features on disk, in files of a bounded size that are read one at a time.

The files have numpy's own format: features are dense float32 that hardly compresses, a file is read
in one piece without decoding, and a part of it at an offset, all without a further dependency. They
are read, not mapped, because the pages of a mapped file count as memory of the process.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser.errors import Conflict

SHARD_BYTES = 2**23
"""Size after which a shard ends. Products of larger matrices are not faster."""
SHARD_ROWS = 4096
"""Number of rows after which a shard ends, if they have few columns."""
INDEX = "index.npz"
"""File with the numbers of rows and utterances, and a checksum of each shard."""

FeatureMatrix = NDArray[np.float32]
"""Features of one signal, shape (chunks, features)."""


class TemporaryFolder:
    """A folder that is removed with the last reference to this object."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="ser-features-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        # Another process reads the folder, but must not remove it.
        return type(None), ()


@dataclass(frozen=True, eq=False)
class Shards:
    """The features of utterances and of their copies, in the files of a folder.

    Rows have the order of the utterances; the rows of an utterance precede those of its copies, and
    all of them are in the same shard. Reading raises :class:`Conflict` if a file was removed.
    """

    folder: Path
    columns: int
    """Number of features."""
    counts: NDArray[np.int64] = field(repr=False)
    """Number of rows of each utterance and variant, shape (utterances, variants)."""
    sizes: NDArray[np.int64] = field(repr=False)
    """Number of utterances of each shard."""
    owner: TemporaryFolder | None = field(default=None, repr=False)
    """The folder, if it is to be removed with this object."""

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Index of the first utterance of each shard, followed by the number of utterances."""
        return np.concatenate([[0], np.cumsum(self.sizes)])

    @cached_property
    def _first_rows(self) -> NDArray[np.int64]:
        """Index of the first row of each utterance in its shard."""
        ends = np.cumsum(self.counts.sum(axis=1))
        before_shard = np.concatenate([[0], ends])[self.starts[:-1]]
        first = ends - self.counts.sum(axis=1) - np.repeat(before_shard, self.sizes)
        return np.asarray(first, np.int64)

    def utterances_in(self, shard: int) -> slice:
        """Return the utterances of a shard."""
        return slice(int(self.starts[shard]), int(self.starts[shard + 1]))

    def read(self, shard: int) -> FeatureMatrix:
        """Return all rows of a shard, float32 of shape (rows, features)."""
        try:
            with (self.folder / file_name(shard)).open("rb") as opened:
                rows: FeatureMatrix = np.lib.format.read_array(opened, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise removed(self.folder) from error
        return rows

    def each_utterance(self, shard: int) -> Iterator[list[FeatureMatrix]]:
        """Yield the features of each utterance of a shard, followed by those of its copies."""
        rows = self.read(shard)
        rows.setflags(write=False)
        counts = self.counts[self.utterances_in(shard)]
        ends = np.cumsum(counts.ravel())
        variants = iter(np.split(rows, ends[:-1]))
        for _ in counts:
            yield [next(variants) for _ in range(counts.shape[1])]

    def read_utterance(self, utterance: int, variants: slice) -> list[FeatureMatrix]:
        """Return the features of the ``variants`` of one utterance."""
        shard = int(np.searchsorted(self.starts, utterance, side="right")) - 1
        file = self.folder / file_name(shard)
        counts = self.counts[utterance]
        first = self._first_rows[utterance] + counts[: variants.start or 0].sum()
        of_shard = self.counts[self.utterances_in(shard)].sum()
        try:
            # The file ends with its rows.
            header = file.stat().st_size - 4 * of_shard * self.columns
            flat = np.fromfile(
                file,
                np.float32,
                counts[variants].sum() * self.columns,
                offset=header + 4 * first * self.columns,
            )
            rows = flat.reshape(counts[variants].sum(), self.columns)
        except (OSError, ValueError) as error:
            raise removed(self.folder) from error
        rows.setflags(write=False)
        return np.split(rows, np.cumsum(counts[variants])[:-1])


def removed(place: object) -> Conflict:
    """Return the error for features that are not where they were written."""
    return Conflict(
        f"the features in {str(place)!r} were removed or altered while they were in use; "
        "allowed: one training at a time that forces or cleans a data_path."
    )


def file_name(shard: int) -> str:
    """Return the name of the file of a shard."""
    return f"{shard:06}.npy"


def write_shards(folder: Path, features: Iterable[Sequence[FeatureMatrix]], columns: int) -> Shards:
    """Write the features of utterances to an empty folder while they are computed.

    ``features`` has the features of each utterance, followed by those of its copies. The index is
    written last.
    """
    counts: list[NDArray[np.int64]] = []
    sizes: list[int] = []
    checksums: list[int] = []
    for shard in in_shards(features):
        rows = np.concatenate([matrix for each in shard for matrix in each])
        np.save(folder / file_name(len(sizes)), rows, allow_pickle=False)
        counts.append(np.array([[len(matrix) for matrix in each] for each in shard]))
        sizes.append(len(shard))
        checksums.append(zlib.crc32(rows.data))
    shards = Shards(folder, columns, np.concatenate(counts), np.array(sizes))
    np.savez(
        folder / INDEX,
        columns=np.array(columns),
        counts=shards.counts,
        sizes=shards.sizes,
        checksums=np.array(checksums),
    )
    return shards


def in_shards(
    features: Iterable[Sequence[FeatureMatrix]],
) -> Iterator[list[Sequence[FeatureMatrix]]]:
    """Yield the utterances of each shard."""
    shard: list[Sequence[FeatureMatrix]] = []
    rows = size = 0
    for each in features:
        shard.append(each)
        rows += sum(len(matrix) for matrix in each)
        size += sum(matrix.nbytes for matrix in each)
        if size >= SHARD_BYTES or rows >= SHARD_ROWS:
            yield shard
            shard, rows, size = [], 0, 0
    if shard:
        yield shard


def open_shards(folder: Path) -> Shards | None:
    """Return the shards in ``folder``; ``None`` if a file is missing or damaged."""
    try:
        with (folder / INDEX).open("rb") as opened, np.load(opened, allow_pickle=False) as index:
            shards = Shards(folder, int(index["columns"]), index["counts"], index["sizes"])
            checksums = index["checksums"]
        for shard, checksum in enumerate(checksums):
            if zlib.crc32(np.ascontiguousarray(shards.read(shard)).data) != checksum:
                return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, Conflict):
        return None
    return shards
