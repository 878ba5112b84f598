"""Tar shards in the convention of webdataset: the files of a sample share their name up to a dot.

A shard is read once, to find the positions of its sounds; a sound is then read by its position.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import NamedTuple

from ser._progress import ProgressCallback
from ser.corpora._choice import StoredLabels
from ser.corpora._csv_files import Row
from ser.corpora._documents import DOCUMENTS
from ser.corpora._sidecars import (
    MAX_SIDECAR_BYTES,
    ORIGIN,
    SIDECARS,
    keys_of,
    read_sidecars,
)
from ser.corpora.contents._contents import Contents, Span
from ser.errors import InvalidInput, TooLarge
from ser.fetching import (
    Entry,
    Place,
    StoredFile,
    TarArchive,
    checked_entries,
    is_clutter,
    is_compressed,
)
from ser.limits import Limits
from ser.sounds import SUFFIXES

READ_AHEAD = 8 << 20
"""Number of bytes that one request asks for while the positions are looked up."""
BEGINNING = 512
"""Number of bytes that show whether a shard is compressed."""


class Member(NamedTuple):
    """A sound or document in a shard."""

    name: str
    shard: StoredFile
    start: int
    size: int


class TarShards(Contents):
    """The sounds in the tar archives among the ``files`` of a place.

    A sound has the path of its member; if two shards have members with the same path, all paths
    begin with the name of their shard.
    """

    def __init__(
        self,
        place: Place,
        files: Sequence[StoredFile],
        limits: Limits,
        on_progress: ProgressCallback,
    ) -> None:
        self.place = place
        shards = [file for file in files if file.path.suffix.lower() == ".tar"]
        self.files = [*shards, *(f for f in files if f.path.suffix.lower() in DOCUMENTS)]
        self._inside: list[Member] = []
        found: list[tuple[Member, Row | str]] = []
        for done, shard in enumerate(shards, start=1):
            samples, documents = read_shard(place, shard, limits)
            found += samples
            self._inside += documents
            if len(found) > limits.entries.value:
                raise TooLarge(f"{place.address} has too many sounds; allowed: {limits.entries}")
            on_progress(done / len(shards))
        several = max(Counter(member.name for member, _ in found).values(), default=0) > 1
        by_path = {
            PurePosixPath(member.shard.path.stem if several else "", member.name): (member, row)
            for member, row in found
        }
        self._members = {path: by_path[path][0] for path in sorted(by_path)}
        self.sounds = [*self._members]
        rows = {path: [row] for path, (_, row) in by_path.items() if not isinstance(row, str)}
        flaws = {path: row for path, (_, row) in by_path.items() if isinstance(row, str)}
        if any(row.get("emotion") for (row,) in rows.values()):
            self.labels = StoredLabels(rows, ORIGIN, flaws)

    def locate(self, sound: PurePosixPath) -> Span:
        member = self._members[sound]
        return Span(self.place, member.shard, member.start, member.size)

    def _documents(self) -> Mapping[PurePosixPath, Span]:
        inside = {
            PurePosixPath(each.name): Span(self.place, each.shard, each.start, each.size)
            for each in reversed(self._inside)
        }
        return {**inside, **super()._documents()}


def read_shard(
    place: Place, shard: StoredFile, limits: Limits
) -> tuple[list[tuple[Member, Row | str]], list[Member]]:
    """Return the sounds in ``shard``, each with its row or the reason why it has none, and the
    documents that belong to no sound.

    Raises
    ------
    InvalidInput
        The shard is compressed or broken, or has a forbidden entry.
    TooLarge
        The shard has more entries or bytes than ``limits`` allow.
    """
    sounds: list[Member] = []
    documents: list[Member] = []
    parts: dict[str, dict[str, bytes]] = defaultdict(dict)
    for entry in entries_of(place, shard, limits):
        suffix = entry.path.suffix.lower()
        member = Member(entry.name, shard, entry.start, entry.size)
        if suffix in SUFFIXES:
            sounds.append(member)
        elif suffix in SIDECARS:
            parts[keys_of(entry.name)[0]][suffix] = entry.open().read(MAX_SIDECAR_BYTES + 1)
        if suffix in DOCUMENTS:
            documents.append(member)
    samples: list[tuple[Member, Row | str]] = []
    for member in sounds:
        own = {
            suffix: part
            for key in reversed(keys_of(member.name))
            for suffix, part in parts.get(key, {}).items()
        }
        try:
            samples.append((member, read_sidecars(own)))
        except ValueError as error:
            samples.append((member, str(error)))
    keys = {key for member in sounds for key in keys_of(member.name)}
    return samples, [each for each in documents if keys_of(each.name)[0] not in keys]


def entries_of(place: Place, shard: StoredFile, limits: Limits) -> Iterator[Entry]:
    """Yield the files in ``shard``; an entry can be opened until the next one is read."""
    with place.open(shard, BEGINNING) as file:
        if is_compressed(file):
            raise InvalidInput(
                f"{place.address} has the compressed shard {shard.name!r}, in which no sound has a "
                "position; allowed: tar archives without compression"
            )
    archive = TarArchive(shard.name, partial(place.open, shard, READ_AHEAD), limits)
    for entry in checked_entries(archive, limits):
        if not entry.is_folder and not is_clutter(entry.path):
            yield entry
