"""Parquet tables with sounds, as the library `datasets` of Hugging Face writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import PurePosixPath

from ser._progress import ProgressCallback
from ser.corpora._choice import StoredLabels
from ser.corpora._csv_files import Row
from ser.corpora._documents import DOCUMENTS
from ser.corpora.contents._contents import Contents, StoredSound
from ser.corpora.contents._row_groups import Position, RowGroups
from ser.errors import InvalidInput, TooLarge
from ser.fetching import Place, StoredFile
from ser.limits import Limits


class ParquetTables(Contents):
    """The sounds in the Parquet tables among the ``files`` of a place.

    If columns have the labels, a sound has the path ``table/number_name``, so that sorted paths are
    in the order of the rows. Else it has the path in its row, from which a grammar reads the label;
    if two rows have the same path, all paths begin with table and number.
    """

    def __init__(
        self,
        place: Place,
        files: Sequence[StoredFile],
        limits: Limits,
        on_progress: ProgressCallback,
    ) -> None:
        self.place = place
        tables = [file for file in files if file.path.suffix.lower() == ".parquet"]
        self.files = [*tables, *(f for f in files if f.path.suffix.lower() in DOCUMENTS)]
        self._groups = RowGroups(place, tuple(tables), limits)
        found: list[tuple[Position, str, Row]] = []
        for table in range(len(tables)):
            # What a table says about the number of its rows need not be true.
            with closing(self._groups.rows(table)) as rows_of_table:
                for each in rows_of_table:
                    if len(found) >= limits.entries.value:
                        raise TooLarge(
                            f"{place.address} has too many rows; allowed: {limits.entries}"
                        )
                    found.append(each)
            on_progress((table + 1) / len(tables))
        labelled = any(row.get("emotion") for *_, row in found)
        own = Counter(path for _, path, _ in found)
        unique = "" not in own and len(own) == len(found)
        self._positions: dict[PurePosixPath, Position] = {}
        rows: dict[PurePosixPath, list[Row]] = {}
        for position, path, row in found:
            folder = PurePosixPath(tables[position.table].path.stem)
            number = f"{position.number:06d}"
            if labelled:
                sound = folder / "_".join(filter(None, (number, PurePosixPath(path).name)))
            else:
                sound = PurePosixPath(path) if unique else folder / number / path
            self._positions[sound] = position
            rows[sound] = [row]
        self.sounds = sorted(self._positions)
        if labelled:
            self.labels = StoredLabels(rows, "the table")

    def locate(self, sound: PurePosixPath) -> TableCell:
        return TableCell(self._groups, self._positions[sound])


@dataclass(frozen=True)
class TableCell(StoredSound):
    """A sound in a row of a table."""

    groups: RowGroups
    position: Position

    def _content(self) -> bytes:
        content = self.groups.sound(self.position)
        if content is None:
            raise InvalidInput("its row has no bytes; allowed: tables with the bytes of the sounds")
        return content
