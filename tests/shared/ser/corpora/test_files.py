"""The files of a corpus in archives and folders."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

import made
from ser.corpora import open_sources
from ser.dataset import LoadedCorpus, load_corpus
from ser.errors import InvalidInput, TooLarge
from ser.limits import NO_LIMITS, Limit, Limits

NAMES = made.names(speakers=["03"], versions="a")
SOUNDS = {name: made.sound(made.signal(name)) for name in NAMES}


def load(source: str, *, force: bool = False, limits: Limits = NO_LIMITS) -> LoadedCorpus:
    return load_corpus(open_sources(source, Path("data"), limits=limits), force=force)


def tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def written(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_archives_of_all_formats_and_folders_hold_the_same_corpus(bounds: Path) -> None:
    made.archive(bounds / "corpus.zip", SOUNDS)
    tar(bounds / "corpus.tgz", SOUNDS)
    written(bounds / "corpus", SOUNDS)
    first = load("corpus.zip")
    for source in ("corpus.tgz", "corpus"):
        again = load(source, force=True)
        assert again.utterances == first.utterances
        assert all((a == b).all() for a, b in zip(again.signals, first.signals, strict=True))


def test_an_archive_of_another_format_replaces_the_former_one(bounds: Path) -> None:
    made.archive(bounds / "corpus.zip", SOUNDS)
    tar(bounds / "corpus.tgz", SOUNDS)
    for source, name in (("corpus.zip", "archive.zip"), ("corpus.tgz", "archive.tar.gz")) * 2:
        load(source, force=True)
        archives = [*(bounds / "data" / "pristine").glob("*.[zt]*")]
        assert [each.name for each in archives] == [name]
        # The kept archive is unpacked again if its content is lost.
        (bounds / "data" / "working.json").unlink()
        assert len(load(source).utterances) == len(NAMES)


def test_a_refused_archive_of_another_format_leaves_the_former_one(bounds: Path) -> None:
    made.archive(bounds / "corpus.zip", SOUNDS)
    tar(bounds / "corpus.tgz", {"readme.txt": b""})
    load("corpus.zip")
    with pytest.raises(InvalidInput, match=r"no sounds \(.*\.wav.*\); it contains readme\.txt"):
        load("corpus.tgz", force=True)
    assert len(load("corpus.zip").utterances) == len(NAMES)


@pytest.mark.parametrize("source", ["corpus.zip", "corpus"])
def test_clutter_of_macos_is_passed_over_everywhere(bounds: Path, source: str) -> None:
    clutter = {f"{folder}/._{NAMES[0]}": b"fork" for folder in ("wav", "a/__MACOSX/wav", ".")}
    files = {f"wav/{name}": sound for name, sound in SOUNDS.items()}
    made.archive(bounds / "corpus.zip", files | clutter | {"wav/__MACOSX/a.wav": b"fork"})
    written(bounds / "corpus", files | clutter)
    loaded = load(source)
    assert len(loaded.utterances) == len(NAMES)
    assert loaded.rejected == ()


@pytest.mark.parametrize(
    ("pointer", "reason"),
    [
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 71234\n",
            "it is a Git LFS pointer, not the sound; run `git lfs pull`",
        ),
        (b"/annex/objects/SHA256E-s71234--00.wav\n", "it is a git-annex pointer"),
    ],
)
def test_pointers_to_sounds_are_rejected_with_the_remedy(
    bounds: Path, pointer: bytes, reason: str
) -> None:
    written(bounds / "corpus", SOUNDS | {"08a01Wa.wav": pointer})
    (rejected,) = load("corpus").rejected
    assert rejected.file == "08a01Wa.wav"
    assert reason in rejected.reason


@pytest.mark.parametrize("source", ["corpus.zip", "corpus"])
def test_archives_in_an_archive_or_folder_are_named(bounds: Path, source: str) -> None:
    files = {f"set/Actor_{number:02}.ZIP": b"PK" for number in range(12)} | {"__MACOSX/a.zip": b""}
    made.archive(bounds / "corpus.zip", files)
    written(bounds / "corpus", files)
    with pytest.raises(InvalidInput) as caught:
        load(source)
    assert "(set/Actor_00.ZIP, " in caught.value.detail
    assert "set/Actor_09.ZIP, ...); allowed: one of them, or an" in caught.value.detail
    assert "__MACOSX" not in caught.value.detail


def test_a_file_that_cannot_be_read_is_named(bounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(bounds / "corpus", SOUNDS)

    def fail(path: Path, mode: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(InvalidInput, match=rf"source: .*{NAMES[0]} cannot be read: Permission"):
        load("corpus")


def test_the_limits_hold_for_folders(bounds: Path) -> None:
    written(bounds / "corpus", SOUNDS)
    (bounds / "corpus" / "labels.csv").write_bytes(bytes(100))
    size = sum(map(len, SOUNDS.values())) + 100
    exact = Limits(extracted_bytes=Limit(size), entries=Limit(len(SOUNDS), "SER_MAX_ENTRIES"))
    assert len(load("corpus", limits=exact).utterances) == len(NAMES)
    with pytest.raises(TooLarge, match=f"have {size:,} bytes; allowed: "):
        load("corpus", limits=exact._replace(extracted_bytes=Limit(size - 1)))
    with pytest.raises(TooLarge, match=r"has 7 sounds; allowed: 6 \(SER_MAX_ENTRIES\)"):
        load("corpus", limits=exact._replace(entries=Limit(6, "SER_MAX_ENTRIES")))
