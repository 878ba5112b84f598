"""The files of all sources of a training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import msgspec

from ser._addresses import printable
from ser._progress import ProgressCallback, ignore_share
from ser.corpora._base import Table, Utterance, is_utf8, recognise
from ser.corpora._choice import CorpusChoice
from ser.corpora._files import CorpusFiles
from ser.corpora._folder import CorpusFolder, Provenance
from ser.corpora._inventory import (
    CorpusPart,
    Inventory,
    apply_rule,
    keep_common,
    merge,
    require_few,
    require_utterances,
)
from ser.corpora._names import folder_name, new_name, slug, stem
from ser.corpora._opening import corpus_files
from ser.corpora._source import COMMON, LabelRule, SourcesLike, read_sources
from ser.corpora.contents import StoredSound
from ser.errors import Fault, InvalidInput, within
from ser.fetching import ANY, FULL_ACCESS, Access, Version, redact_url
from ser.limits import NO_LIMITS, Limits


class OpenFiles(Protocol):
    """A function that returns the files of one place, without reading or fetching them."""

    def __call__(self, place: str, data_path: Path, /) -> CorpusFiles:
        """Return the files at ``place``; those that are fetched are kept in ``data_path``."""


NAMELESS = ("folder", "table")
"""Names of corpora that say nothing about their content; the name of the place is used instead."""


class Sources:
    """The files of all sources of a training, which are read as one corpus.

    A single source is kept in ``data_path`` itself, each of several in a folder below
    ``data_path/sources``. Faults have the location ``source``, followed by the index of the source
    if a list was given. The limits on sizes are for all sources together.

    Parameters
    ----------
    sources
        One source, or a list of sources.
    data_path
        A folder that keeps archives, their content, and extracted features.
    open_files
        Function that returns the files of one place, without reading or fetching them.
    """

    def __init__(
        self,
        sources: SourcesLike,
        data_path: Path,
        open_files: OpenFiles,
        limits: Limits = NO_LIMITS,
    ) -> None:
        with within("source"):
            self._sources = read_sources(sources)
        self._listed = isinstance(sources, list | tuple)
        self._data_path, self._open_files, self._limits = data_path, open_files, limits
        self._files = [self._open(index) for index in range(len(self._sources))]
        self._corpus_files: dict[str, CorpusFiles] = {}

    def _open(self, index: int) -> CorpusFiles:
        """Return the files of a source."""
        url, folder = self._sources[index].remote_url, self._data_path
        if len(self._sources) > 1:
            folder = folder / "sources" / folder_name(url)
        with self._fault_of(index):
            return self._open_files(url, folder)

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The sources as in a request, without the parts that may be secret; empty unless a list
        was given."""
        return [
            msgspec.to_builtins(source) | {"remote_url": printable(redact_url(source.remote_url))}
            for source in self._sources[: len(self._sources) * self._listed]
        ]

    @property
    def features(self) -> tuple[Path | None, ...]:
        """The folder that keeps the features of each source; ``None``: they are not kept."""
        return tuple(files.features for files in self._files)

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Lock the files against changes by other processes while the context is open.

        Raises
        ------
        Busy
            Another process has locked them.
        InvalidInput
            ``data_path`` cannot be created or written.
        """
        with ExitStack() as stack:
            if len(self._files) > 1:
                stack.enter_context(CorpusFolder(self._data_path).exclusively())
            for files in self._files:
                stack.enter_context(files.exclusively())
            yield

    def obtain(
        self, *, force: bool = False, on_progress: ProgressCallback = ignore_share
    ) -> tuple[Provenance, ...]:
        """Make the files available on this machine, and return their provenance by source.

        If ``force``, files that are kept are fetched again, and kept features are removed.
        """
        found: list[Provenance] = []
        for index, files in enumerate(self._files):
            limits = self._limits.less(sum(each.size for each in found), 0)
            share = self._share(index, on_progress)
            with self._fault_of(index):
                found.append(files.obtain(force=force, limits=limits, on_progress=share))
        return tuple(found)

    def inventory(
        self,
        provenance: Sequence[Provenance],
        *,
        corpus: CorpusChoice,
        labels: LabelRule | None = None,
        on_progress: ProgressCallback = ignore_share,
    ) -> Inventory:
        """Return the utterances of all sources, whose files must be available.

        Parameters
        ----------
        provenance
            The result of :meth:`obtain`.
        corpus
            Grammar of the sources without a grammar of their own.
        labels
            The labels to use, after those of the sources have been applied.
        """
        tables = self._tables(corpus, on_progress)
        inventories = [Inventory.of(part, table) for part, table in self._parts(tables, provenance)]
        for each in inventories:
            with self._fault_of(each.parts[0].source), within("source"):
                require_few(each, self._limits)
        mapped: list[Inventory] = []
        by_rule: list[bool] = []
        for index, source in enumerate(self._sources):
            found = [each for each in inventories if each.parts[0].source == index]
            if isinstance(source.labels, dict | list):
                with self._fault_of(index), within("labels"):
                    found = apply_rule(source.labels, found)
            mapped += found
            by_rule += [COMMON in (labels, source.labels)] * len(found)
        with within("labels"):
            merged = merge(keep_common(mapped, by_rule))
            if isinstance(labels, dict | list):
                (merged,) = apply_rule(labels, [merged])
            require_utterances(merged)
        self._corpus_files = {part.name: self._files[part.source] for part in merged.parts}
        return replace(merged, notes=(*notes_on_several(inventories), *merged.notes))

    def _tables(self, corpus: CorpusChoice, on_progress: ProgressCallback) -> list[list[Table]]:
        """Return the tables of the corpora in each source."""
        found: list[list[Table]] = []
        taken = 0
        for index, (source, files) in enumerate(zip(self._sources, self._files, strict=True)):
            with self._fault_of(index):
                choice = files.choice(CorpusChoice.parse(source.corpus or corpus))

                def inspect(
                    folder: Path, sounds: list[PurePosixPath], choice: CorpusChoice = choice
                ) -> tuple[Table, ...]:
                    names = [*filter(is_utf8, sounds)]
                    return recognise(sounds, choice.corpora(folder, names, self._limits))

                limits = self._limits.less(0, taken)
                share = self._share(index, on_progress)
                found.append([*files.inspect(inspect, limits=limits, on_progress=share)])
                taken += files.size if index + 1 < len(self._files) else 0
        return found

    def _parts(
        self, tables: Sequence[Sequence[Table]], provenance: Sequence[Provenance]
    ) -> list[tuple[CorpusPart, Table]]:
        """Return all corpora with their tables; each has a name of its own."""
        found = [
            (CorpusPart(table.corpus.name, table.corpus.name, index, provenance[index]), table)
            for index, in_source in enumerate(tables)
            for table in in_source
        ]
        if len(found) == 1:
            return found
        taken: set[str] = set()
        return [
            (replace(part, name=new_name(self._base_name(part), taken)), table)
            for part, table in found
        ]

    def _base_name(self, part: CorpusPart) -> str:
        nameless = part.corpus in NAMELESS
        return slug(stem(self._sources[part.source].remote_url) if nameless else part.corpus)

    def read(self, utterance: Utterance) -> bytes:
        """Return the content of the file of ``utterance``, which :meth:`inventory` returned.

        Several threads may call it at the same time.
        """
        return self.locate(utterance).read()

    def locate(self, utterance: Utterance) -> StoredSound:
        """Return the address of the file of ``utterance``, which :meth:`inventory` returned.

        It can be pickled, and read on another machine that reaches the place.
        """
        if not utterance.corpus:
            return self._files[0].locate(utterance.file)
        file = utterance.file.relative_to(utterance.corpus)
        return self._corpus_files[utterance.corpus].locate(file)

    def clean(self, *, archive: bool) -> None:
        """Remove the files kept on this machine, and, if ``archive``, the archives too."""
        for files in self._files:
            files.clean(archive=archive)

    def _share(self, index: int, on_progress: ProgressCallback) -> ProgressCallback:
        """Return a callback that reports the share of one source as one of all sources."""
        return lambda share: on_progress((index + share) / len(self._files))

    @contextmanager
    def _fault_of(self, index: int) -> Iterator[None]:
        """Name the source in the locations of faults if a list of sources was given."""
        own = {"source": (), "labels": ("labels",), "corpus": ("corpus",)}
        if self._sources[index].corpus is None:
            del own["corpus"]
        try:
            yield
        except InvalidInput as error:
            if not self._listed:
                raise
            raise InvalidInput(
                *(
                    Fault(("source", index, *own[str(loc[0])], *loc[1:]), message)
                    if loc and loc[0] in own
                    else Fault(loc, message)
                    for loc, message in error.faults
                )
            ) from error


def open_sources(
    sources: SourcesLike,
    data_path: Path,
    *,
    keep_features: bool = True,
    access: Access = FULL_ACCESS,
    limits: Limits = NO_LIMITS,
    version: Version = ANY,
) -> Sources:
    """Return the files of ``sources``, without reading or fetching them.

    Parameters
    ----------
    data_path, keep_features, access, limits, version
        As for :func:`corpus_files`.

    Raises
    ------
    InvalidInput
        A source is invalid, or ``access`` refuses it.
    """

    open_files = partial(corpus_files, keep_features=keep_features, access=access, version=version)
    return Sources(sources, data_path, open_files, limits)


def notes_on_several(inventories: Sequence[Inventory]) -> Iterator[str]:
    """Yield a note for each source with several corpora; each inventory has one corpus."""
    for _, group in groupby(inventories, key=lambda each: each.parts[0].source):
        found = [*group]
        if len(found) > 1:
            place = found[0].parts[0].provenance.remote_url
            counts = ", ".join(f"{each.name} ({len(each.utterances)})" for each in found)
            yield f"{place} contains {len(found)} corpora, each with its own speakers: {counts}"
