"""Tar archives are read like zip archives, however they are compressed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser.errors import InvalidInput, SerError, TooLarge
from ser.fetching import _tars, archive_suffix
from ser.fetching._archives import extract
from ser.limits import Limit, Limits

ENTRIES = {"wav/03a01Fa.wav": b"RIFF" * 200, "wav/03a01Wa.wav": b"", "Ärger/ü.txt": b"read me"}
LIMIT = 1_000_000
MAX_ENTRIES = 100

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".tar": bytes,
    ".tar.gz": gzip.compress,
    ".tar.bz2": bz2.compress,
    ".tar.xz": lzma.compress,
}


def member(name: str, content: bytes = b"", **attributes: Any) -> tuple[tarfile.TarInfo, bytes]:
    """Return a member of an archive with these attributes of :class:`tarfile.TarInfo`."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info, content


def tar_of(members: Iterable[tuple[tarfile.TarInfo, bytes]], **options: Any) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **options) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


PLAIN = tar_of(member(name, content) for name, content in ENTRIES.items())


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder to extract to, with content of an earlier archive."""
    folder = tmp_path / "corpus" / "working"
    folder.mkdir(parents=True)
    (folder / "earlier").write_bytes(b"earlier")
    return folder


def extract_bytes(archive: bytes, folder: Path, limit: int = LIMIT) -> None:
    path = folder.parents[1] / "archive.tar"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive)
    limits = Limits(
        extracted_bytes=Limit(limit, "SER_MAX_EXTRACTED_MB"),
        entries=Limit(MAX_ENTRIES, "SER_MAX_ENTRIES"),
    )
    extract(path, folder, limits=limits)


def assert_refused(archive: bytes, folder: Path, reason: str, kind: type = InvalidInput) -> None:
    with pytest.raises(kind, match=reason):
        extract_bytes(archive, folder)
    assert contents(folder.parent) == {"working/earlier": b"earlier"}


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_an_archive_is_recognised_by_its_content_and_extracted(folder: Path, suffix: str) -> None:
    archive = COMPRESSIONS[suffix](PLAIN)
    extract_bytes(archive, folder)
    assert contents(folder) == ENTRIES
    assert archive_suffix(folder.parents[1] / "archive.tar") == suffix


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_all_formats_folders_and_clutter_of_macos_are_understood(folder: Path, form: int) -> None:
    members = [
        member(".", type=tarfile.DIRTYPE),
        member("./wav", type=tarfile.DIRTYPE),
        member("./wav", type=tarfile.DIRTYPE),
        member("./._wav", b"fork"),
        member("./wav/._a.wav", b"fork"),
        member("./wav/a.wav", b"a" * 511),
        member("win\\b.wav", b"b" * 512),
        member(f"{'n' * 90}/{'m' * 90}.wav", b"c"),
    ]
    extract_bytes(tar_of(members, format=form), folder)
    assert contents(folder) == {
        "wav/a.wav": b"a" * 511,
        "win/b.wav": b"b" * 512,
        f"{'n' * 90}/{'m' * 90}.wav": b"c",
    }


def test_names_in_latin_1_are_understood(folder: Path) -> None:
    extract_bytes(
        tar_of([member("Ärger.wav", b"a")], format=tarfile.USTAR_FORMAT, encoding="latin-1"), folder
    )
    assert contents(folder) == {"Ärger.wav": b"a"}


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (member("/etc/passwd"), "absolute path"),
        (member("../outside.wav"), r"'\.\.'"),
        (member("wav\\..\\..\\outside.wav"), r"'\.\.'"),
        (member("link", type=tarfile.SYMTYPE, linkname="/etc"), "is a link to '/etc'; .*--deref"),
        (member("link", type=tarfile.LNKTYPE, linkname="a"), "is a link to 'a'"),
        (member("pipe", type=tarfile.FIFOTYPE), "neither a file nor a folder"),
        (member("device", type=tarfile.CHRTYPE), "neither a file nor a folder"),
        (member("first", b"again"), "'first' in archive.tar clashes with 'first'"),
        (member("first/a"), "clashes with 'first'"),
    ],
)
def test_a_harmful_entry_is_refused_by_name(
    folder: Path, info: tuple[tarfile.TarInfo, bytes], reason: str
) -> None:
    assert_refused(tar_of([member("first", b"1"), info]), folder, reason)


@pytest.mark.parametrize("suffix", COMPRESSIONS)
def test_content_above_the_limit_is_refused_before_it_is_decompressed(
    folder: Path, suffix: str
) -> None:
    archive = COMPRESSIONS[suffix](tar_of([member("bomb.wav", bytes(LIMIT + 1))]))
    assert_refused(archive, folder, r"1,000,001 bytes or more; .*SER_MAX_EXTRACTED_MB", TooLarge)


def test_clutter_above_the_limit_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tars, "MAX_HEADER_BYTES", 1)
    archive = gzip.compress(tar_of([member("._bomb", bytes(LIMIT + 200_000))]))
    assert_refused(archive, folder, "bytes or more", TooLarge)


def test_attributes_that_need_much_memory_are_refused(folder: Path) -> None:
    info, content = member("a.wav", b"a", pax_headers={"comment": "c" * 2_000_000})
    assert_refused(tar_of([(info, content)]), folder, "names and attributes", TooLarge)


def test_xz_that_needs_much_memory_is_refused(folder: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}]
    with pytest.raises(InvalidInput, match="broken"):
        extract_bytes(lzma.compress(PLAIN, filters=filters), folder)


def test_too_many_entries_are_refused(folder: Path) -> None:
    archive = tar_of(member(str(number)) for number in range(MAX_ENTRIES + 1))
    reason = rf"too many entries; allowed: {MAX_ENTRIES} \(SER_MAX_ENTRIES\)"
    assert_refused(archive, folder, reason, TooLarge)


@pytest.mark.parametrize(
    "damaged",
    [
        PLAIN[: len(PLAIN) - 10_240],
        PLAIN[:1_000],
        # A damaged header in the middle, which tarfile takes for the end.
        PLAIN[:1_536] + b"X" + PLAIN[1_537:],
        PLAIN + PLAIN,
        gzip.compress(PLAIN)[:-4],
        gzip.compress(PLAIN)[:-8] + bytes(8),
        bz2.compress(PLAIN)[:-10],
        lzma.compress(PLAIN)[:-30],
    ],
    ids=["no end", "cut", "header", "two archives", "gz cut", "gz checksum", "bz2 cut", "xz cut"],
)
def test_a_damaged_archive_is_refused_whole(folder: Path, damaged: bytes) -> None:
    assert_refused(damaged, folder, r"archive\.tar'? is broken|'.*' in archive\.tar")


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_damage_raises_an_error_of_the_package_and_changes_nothing(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    compress = COMPRESSIONS[data.draw(st.sampled_from(sorted(COMPRESSIONS)))]
    archive = bytearray(compress(PLAIN[: -8 * 1_024]))
    for _ in range(data.draw(st.integers(1, 3))):
        archive[data.draw(st.integers(0, len(archive) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged") / "corpus" / "working"
    try:
        extract_bytes(bytes(archive), folder)
    except SerError:
        assert not contents(folder.parent)
