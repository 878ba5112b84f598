"""A link that is swapped between the check of a path and its use leads nowhere."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ser.errors import InvalidInput
from ser.fetching import NOTHING, FolderPlace, StoredFile, opener_for
from ser.service.access import Access
from ser.service.settings import Settings

FILE = StoredFile("sub/a.wav", 6)
SWAPS = 300


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder that requests may read, beside one that they may not."""
    real = Path(os.path.realpath(tmp_path))
    for name, content in (("root", b"public"), ("outside", b"secret")):
        (real / name / "corpus" / "sub").mkdir(parents=True)
        (real / name / "corpus" / "sub" / "a.wav").write_bytes(content)
    return real / "root"


class Swapping(Access):
    """Access that replaces ``part`` by a link right after it was checked."""

    def __init__(self, root: Path, part: str) -> None:
        super().__init__(Settings(allowed_paths=(root,)))
        self.part, self.target = root / part, root.parent / "outside" / part

    def path(self, value: str) -> Path:
        checked = super().path(value)
        if not self.part.is_symlink():
            self.part.rename(self.part.with_name("before"))
            self.part.symlink_to(self.target)
        return checked


@pytest.mark.parametrize("part", ["corpus", "corpus/sub", "corpus/sub/a.wav"])
@pytest.mark.parametrize("method", ["read", "fingerprint", "open"])
def test_a_file_of_a_folder_is_opened_from_the_handles_of_its_folders(
    root: Path, part: str, method: str
) -> None:
    place = FolderPlace(root / "corpus", Swapping(root, part))
    arguments = (1,) if method == "open" else ()
    with pytest.raises(InvalidInput, match="cannot be read"):
        getattr(place, method)(FILE, *arguments)


@pytest.mark.parametrize("part", ["corpus", "corpus/sub", "corpus/sub/a.wav"])
def test_an_archive_is_opened_from_the_handles_of_its_folders(root: Path, part: str) -> None:
    class SwappingLater(Swapping):
        calls = 0

        def path(self, value: str) -> Path:
            self.calls += 1
            return super().path(value) if self.calls > 1 else Access.path(self, value)

    opener = opener_for(str(root / "corpus/sub/a.wav"), SwappingLater(root, part))
    with pytest.raises(InvalidInput, match="cannot be read"), opener(NOTHING):
        pass


def test_no_byte_from_outside_is_read_while_a_link_is_swapped(root: Path) -> None:
    place = FolderPlace(root / "corpus", Access(Settings(allowed_paths=(root,))))
    part, link = root / "corpus" / "sub", root / "link"
    link.symlink_to(root.parent / "outside" / "corpus" / "sub")
    done = threading.Event()

    def swap() -> None:
        for _ in range(SWAPS):
            for source, target in ((part, root / "kept"), (link, part), (part, link)):
                source.rename(target)
            (root / "kept").rename(part)
        done.set()

    thread = threading.Thread(target=swap)
    thread.start()
    found = set()
    while not done.is_set():
        try:
            found.add(place.read(FILE))
        except InvalidInput:
            found.add(b"")
    thread.join()
    assert found <= {b"public", b""}
    assert place.read(FILE) == b"public"


def test_a_link_to_an_allowed_folder_is_followed(root: Path) -> None:
    (root / "corpus" / "linked").symlink_to(root / "corpus" / "sub")
    place = FolderPlace(root / "corpus", Access(Settings(allowed_paths=(root,))))
    assert place.read(StoredFile("linked/a.wav", 6)) == b"public"


def test_a_pipe_is_not_opened(root: Path) -> None:
    os.mkfifo(root / "corpus" / "b.wav")
    place = FolderPlace(root / "corpus", Access(Settings(allowed_paths=(root,))))
    with pytest.raises(InvalidInput, match="it is not a file"):
        place.read(StoredFile("b.wav", 0))
