"""Loose sounds: one file for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from ser.corpora._documents import DOCUMENTS
from ser.corpora._sidecars import LABELS, keys_of
from ser.corpora.contents._contents import Contents, Span
from ser.fetching import Place, StoredFile
from ser.sounds import SUFFIXES


class LooseSounds(Contents):
    """The sounds among the ``files`` of a place, and the documents beside them."""

    def __init__(self, place: Place, files: Sequence[StoredFile]) -> None:
        self.place = place
        self._sounds = {each.path: each for each in files if each.path.suffix.lower() in SUFFIXES}
        self.sounds = [*self._sounds]
        keys = {key for sound in self._sounds for key in keys_of(str(sound))}

        def is_document(file: StoredFile) -> bool:
            suffix = file.path.suffix.lower()
            return suffix in DOCUMENTS or (suffix in LABELS and keys_of(file.name)[0] in keys)

        self.files = [*self._sounds.values(), *filter(is_document, files)]

    def locate(self, sound: PurePosixPath) -> Span:
        return Span(self.place, self._sounds[sound])
