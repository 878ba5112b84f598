"""Archives are extracted whole, or refused with the name of the faulty entry."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unicodedata import normalize
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser.errors import InvalidInput, SerError, StorageFull, TooLarge
from ser.fetching._archives import extract
from ser.limits import Limit, Limits

from .servers import full_disk

LIMIT = 1_000_000
MAX_ENTRIES = 1_000
ENTRIES = {"wav/03a01Fa.wav": b"RIFF" * 100, "wav/03a01Wa.wav": b"", "readme.txt": b"read me"}


def zip_of(entries: dict[str, bytes], compression: int = ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", compression) as zipped:
        for name, content in entries.items():
            zipped.writestr(ZipInfo(name), content, compression)
    return buffer.getvalue()


def zip_with(name: str, **attributes: Any) -> bytes:
    """Return a zip whose one entry has these attributes of :class:`ZipInfo`."""
    buffer, info = io.BytesIO(), ZipInfo(name)
    with ZipFile(buffer, "w") as zipped:
        zipped.writestr(info, b"content")
        for attribute, value in attributes.items():
            setattr(info, attribute, value)
    return buffer.getvalue()


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


def save(archive: bytes, folder: Path) -> Path:
    path = folder.parents[1] / "archive.zip"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(archive)
    return path


def extract_bytes(archive: bytes, folder: Path, max_bytes: int = LIMIT) -> None:
    limits = Limits(
        extracted_bytes=Limit(max_bytes, "SER_MAX_EXTRACTED_MB"),
        entries=Limit(MAX_ENTRIES, "SER_MAX_ENTRIES"),
    )
    extract(save(archive, folder), folder, limits=limits)


def assert_untouched(folder: Path) -> None:
    assert contents(folder.parent) == {"working/earlier": b"earlier"}


def test_new_content_replaces_the_old(folder: Path) -> None:
    extract_bytes(zip_of(ENTRIES), folder)
    assert contents(folder.parent) == {f"working/{name}": ENTRIES[name] for name in ENTRIES}


def test_missing_parent_folders_are_made(tmp_path: Path) -> None:
    extract_bytes(zip_of(ENTRIES), tmp_path / "new" / "corpus" / "working")
    assert contents(tmp_path / "new" / "corpus" / "working") == ENTRIES


def test_folders_may_be_listed_as_entries_even_twice(folder: Path) -> None:
    entries = {"./": b"", "wav/": b"", "vaw/": b"", "empty/": b"", "wav/a.wav": b"a"}
    extract_bytes(zip_of(entries).replace(b"vaw", b"wav"), folder)
    assert contents(folder) == {"wav/a.wav": b"a"}
    assert (folder / "empty").is_dir()


def test_entries_added_by_macos_are_left_out(folder: Path) -> None:
    names = "__MACOSX/wav/._a.wav", ".DS_Store", "wav/.DS_Store", "wav/._a.wav", "a/__MACOSX/b.wav"
    clutter = dict.fromkeys(names, b"fork")
    extract_bytes(zip_of(ENTRIES | clutter), folder)
    assert contents(folder) == ENTRIES


def test_progress_rises_to_one(tmp_path: Path) -> None:
    (tmp_path / "archive.zip").write_bytes(zip_of(ENTRIES))
    shares: list[float] = []
    extract(
        tmp_path / "archive.zip",
        tmp_path / "to",
        limits=Limits(extracted_bytes=Limit(LIMIT)),
        on_progress=shares.append,
    )
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_leftovers_of_a_crash_are_removed(folder: Path) -> None:
    for leftover in (".working.extracting", ".working.replaced"):
        (folder.parent / leftover / "wav").mkdir(parents=True)
        (folder.parent / leftover / "wav" / "half.wav").write_bytes(b"half")
    extract_bytes(zip_of(ENTRIES), folder)
    assert contents(folder.parent) == {f"working/{name}": ENTRIES[name] for name in ENTRIES}


def test_a_symbolic_link_at_the_folder_is_replaced_and_not_followed(
    folder: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    extract_bytes(zip_of(ENTRIES), link)
    assert contents(link) == ENTRIES
    assert_untouched(folder)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("/etc/passwd", "absolute path"),
        ("//server/share", "absolute path"),
        ("C:/autoexec.bat", "absolute path"),
        ("c:autoexec.bat", "absolute path"),
        ("../outside.wav", r"'\.\.'"),
        ("wav/../../outside.wav", r"'\.\.'"),
        ("..", r"'\.\.'"),
        ("wav\\..\\..\\outside.wav", r"'\.\.'"),
        ("C:\\autoexec.bat", "absolute path"),
        ("\\\\server\\share", "absolute path"),
        (".", "no name"),
        ("a" * 1_025, "above 1,024 characters"),
    ],
)
def test_an_entry_outside_of_the_folder_is_refused_by_name(
    folder: Path, name: str, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason) as error:
        extract_bytes(zip_of(ENTRIES | {name: b""}), folder)
    assert repr(name[:1_024]) in error.value.detail
    assert_untouched(folder)


def test_a_name_with_nul_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="NUL"):
        extract_bytes(zip_of({"aXb": b""}).replace(b"aXb", b"a\0b"), folder)


def test_an_empty_name_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match="no name"):
        extract_bytes(zip_of({"": b""}), folder)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK])
def test_special_entries_are_refused_by_name(folder: Path, kind: int) -> None:
    with pytest.raises(InvalidInput, match=r"'link' in archive\.zip is neither"):
        extract_bytes(zip_with("link", external_attr=(kind | 0o777) << 16), folder)
    assert_untouched(folder)


def test_an_encrypted_entry_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"'secret' in archive\.zip is encrypted"):
        extract_bytes(zip_with("secret", flag_bits=0x1), folder)


def test_a_compression_method_without_a_memory_bound_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"'a' in archive\.zip is compressed by method 12"):
        extract_bytes(zip_of({"a": b"content"}, ZIP_BZIP2), folder)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("wav/a.wav", "wav/./a.wav"),
        ("wav\\a.wav", "wav/a.wav"),
        ("wav", "wav/a.wav"),
        ("wav/a.wav", "wav"),
        ("wav/", "wav"),
    ],
)
def test_two_entries_of_the_same_path_are_refused(folder: Path, first: str, second: str) -> None:
    with pytest.raises(InvalidInput, match="clashes with"):
        extract_bytes(zip_of({first: b"", second: b""}), folder)
    assert_untouched(folder)


ALIKE = {
    "Angry/a.wav": b"1",
    "angry/a.wav": b"2",
    "angry/A.wav": b"3",
    "\u00e4.wav": b"4",
    "a\u0308.wav": b"5",
}


def test_names_that_differ_in_case_or_accents_are_kept_apart(folder: Path) -> None:
    extract_bytes(zip_of(ALIKE), folder)
    assert contents(folder) == ALIKE


def test_names_that_are_the_same_on_the_disk_here_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_it_is = Path.__truediv__
    monkeypatch.setattr(Path, "__truediv__", lambda base, name: as_it_is(base, str(name).lower()))
    with pytest.raises(InvalidInput, match=r"'angry/a\.wav' in .* clashes with another entry on"):
        extract_bytes(zip_of(ALIKE), folder)
    assert_untouched(folder)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("CON", "device"),
        ("wav/nul.wav", "device"),
        ("Aux/a.wav", "device"),
        ("wav/com1", "device"),
        ("LPT².txt", "device"),
        ("wav/a.wav ", "ends with a dot or a space"),
        ("wav./a.wav", "ends with a dot or a space"),
        ("wav/-rf", "begins with a hyphen"),
        ("--help/a.wav", "begins with a hyphen"),
        ("wav/a:b.wav", "not allowed in names"),
        ("wav/a\nb.wav", "not allowed in names"),
        ("wav/\x1b[2J.wav", "not allowed in names"),
        ("wav/\x7f.wav", "not allowed in names"),
        ("wav/what?.wav", "not allowed in names"),
        ('wav/"a".wav', "not allowed in names"),
        ("wav/a|b.wav", "not allowed in names"),
    ],
    ids=repr,
)
def test_a_name_that_systems_or_commands_take_otherwise_is_refused(
    folder: Path, name: str, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        extract_bytes(zip_of({name: b"a"}), folder)
    assert_untouched(folder)


@pytest.mark.parametrize(
    "name",
    [
        *("console.wav", "wav/com.wav", "com10.wav", "nullen.wav", "a-b/c-.wav", "ä ö/ü.wav"),
        *("wav/.hidden", "03a01Fa.wav", "Actor_01/03-01-05-01-02-01-18.wav", "(1) [a] & b's.wav"),
    ],
)
def test_a_usual_name_is_kept(folder: Path, name: str) -> None:
    extract_bytes(zip_of({name: b"a"}), folder)
    assert contents(folder) == {name: b"a"}


def test_entries_that_share_bytes_are_refused(folder: Path) -> None:
    archive = zip_of({"a.wav": bytes(1_000), "b.wav": bytes(1_000)}, ZIP_STORED)
    at = archive.index(b"PK\3\4", 10)
    # The header of the first entry in the directory leads to the second one.
    begin = archive.index(b"PK\1\2") + 42
    shared = archive[:begin] + struct.pack("<I", at) + archive[begin + 4 :]
    with pytest.raises(InvalidInput, match=r"'b\.wav' in .* begins inside of 'a\.wav'"):
        extract_bytes(shared.replace(b"b.wav", b"a.wav", 1), folder)
    assert_untouched(folder)


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_an_archive_that_expands_too_much_is_refused_with_the_setting(
    folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ser.fetching._entries.FREE_BYTES", 10_000)
    limits = Limits(expansion=Limit(20, "SER_MAX_EXPANSION"))
    content = {"a.wav": bytes(100_000), "b.wav": bytes(100_000)}
    archive = zip_of(content) if kind == "zip" else tar_gz_of(content)
    message = r"extracts to \d+,\d+ or more; allowed: 10,000, and 20 \(SER_MAX_EXPANSION\)"
    with pytest.raises(TooLarge, match=message):
        extract(save(archive, folder), folder, limits=limits)
    assert_untouched(folder)
    extract(save(archive, folder), folder, limits=Limits(expansion=Limit(2_000)))
    assert contents(folder) == content


def tar_gz_of(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def test_a_file_above_the_limit_is_refused_with_the_setting(folder: Path) -> None:
    limits = Limits(file_bytes=Limit(99, "SER_MAX_FILE_MB"))
    archive = save(zip_of({"a.wav": bytes(99), "b.wav": bytes(100)}), folder)
    with pytest.raises(TooLarge, match=r"'b\.wav' .* 100 bytes; allowed: 99 \(SER_MAX_FILE_MB\)"):
        extract(archive, folder, limits=limits)
    assert_untouched(folder)


def test_backslashes_of_powershell_separate_folders(folder: Path) -> None:
    extract_bytes(zip_of({"set\\empty\\": b"", "set\\wav\\a.wav": b"a"}), folder)
    assert contents(folder) == {"set/wav/a.wav": b"a"}
    assert (folder / "set" / "empty").is_dir()


def without_flags(archive: bytes) -> bytes:
    """Return ``archive`` without the flag that its names are in UTF-8."""
    changed = bytearray(archive)
    for magic, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = changed.find(magic)
        while place >= 0:
            changed[place + offset + 1] &= ~0x08
            place = changed.find(magic, place + 4)
    return bytes(changed)


def test_names_in_utf8_without_the_flag_are_read_and_others_as_code_page_437(folder: Path) -> None:
    utf8 = normalize("NFD", "Ärger/müde.wav")
    # zipfile writes names with other letters than those of ASCII in UTF-8.
    old = without_flags(zip_of({"xx/m.wav": b"b"})).replace(b"xx", "Ä".encode("cp437") + b"r")
    extract_bytes(old, folder)
    assert contents(folder) == {"Är/m.wav": b"b"}
    extract_bytes(without_flags(zip_of({utf8: b"a"})), folder)
    assert contents(folder) == {utf8: b"a"}


def test_the_same_name_twice_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"'b' in archive\.zip clashes with 'b'"):
        extract_bytes(zip_of({"a": b"", "b": b""}).replace(b"a", b"b"), folder)


def test_a_size_above_the_limit_is_refused_with_the_setting(folder: Path) -> None:
    size = sum(map(len, ENTRIES.values()))
    with pytest.raises(TooLarge, match=f"{size} bytes or more; .*SER_MAX_EXTRACTED_MB"):
        extract_bytes(zip_of(ENTRIES), folder, max_bytes=size - 1)
    assert_untouched(folder)
    extract_bytes(zip_of(ENTRIES), folder, max_bytes=size)


def test_an_entry_larger_than_declared_does_not_exceed_the_limit(
    folder: Path,
) -> None:
    archive = save(zip_with("bomb", file_size=1), folder)
    # If more than the declared byte were written, the disk would be full.
    with full_disk(1), pytest.raises(InvalidInput, match=r"'bomb' in archive\.zip is broken"):
        extract(archive, folder, limits=Limits(extracted_bytes=Limit(1)))
    assert_untouched(folder)


def directory_of(names: Iterable[str]) -> bytes:
    """Return an archive that consists of a directory only."""
    directory = b"".join(
        struct.pack("<4s24xH16x", b"PK\1\2", len(name)) + name.encode() for name in names
    )
    return directory + struct.pack("<4s8xL6x", b"PK\5\6", len(directory))


@pytest.mark.parametrize(
    "names",
    [map(str, range(MAX_ENTRIES + 1)), (f"{n}/a" for n in range(MAX_ENTRIES // 2 + 1))],
    ids=["files", "files and folders"],
)
def test_too_many_entries_are_refused(folder: Path, names: Iterable[str]) -> None:
    with pytest.raises(TooLarge, match=r"too many entries; allowed: 1,000 \(SER_MAX_ENTRIES\)"):
        extract_bytes(directory_of(names), folder)
    assert_untouched(folder)


def test_a_disproportionate_directory_is_refused_before_it_is_loaded(folder: Path) -> None:
    names = ["a" * 65_535] * (256 * MAX_ENTRIES // 65_535 + 1)
    with pytest.raises(
        TooLarge, match=r"directory of [0-9,]+ bytes; allowed: 256 .* 1,000 \(SER_MAX_ENTRIES\)"
    ):
        extract_bytes(directory_of(names), folder)


def test_a_changed_byte_is_detected_and_its_entry_named(folder: Path) -> None:
    archive = zip_of({"wav/a.wav": bytes(range(256))}, compression=0)
    with pytest.raises(InvalidInput, match=r"'wav/a\.wav' in archive\.zip is broken.*CRC"):
        extract_bytes(archive.replace(b"\x10\x11", b"\x10\x10"), folder)
    assert_untouched(folder)


def test_a_stream_that_ends_early_is_detected_and_its_entry_named(folder: Path) -> None:
    packed = zlib.compressobj(wbits=-15).compress(b"")
    archive = zip_with("a", compress_type=ZIP_DEFLATED).replace(b"content", packed.ljust(7, b"\3"))
    with pytest.raises(InvalidInput, match=r"'a' in archive\.zip is broken"):
        extract_bytes(archive, folder)


def test_an_entry_beyond_the_end_of_the_archive_is_named(folder: Path) -> None:
    archive = zip_with("a", file_size=10_000, compress_size=10_000)
    with pytest.raises(InvalidInput, match=r"'a' in archive\.zip is broken"):
        extract_bytes(archive, folder)


def test_an_entry_before_the_beginning_of_the_archive_is_refused(folder: Path) -> None:
    archive = zip_of(ENTRIES)
    with pytest.raises(InvalidInput, match=r"begins outside of the archive|zip is broken"):
        extract_bytes(archive[:-6] + struct.pack("<L", len(archive)) + archive[-2:], folder)
    assert_untouched(folder)


def test_a_name_declared_as_utf8_that_is_not_is_refused(folder: Path) -> None:
    with pytest.raises(InvalidInput, match=r"archive\.zip is broken"):
        extract_bytes(zip_of({"ä": b""}).replace("ä".encode(), b"\xff\xff"), folder)


@pytest.mark.parametrize("archive", [b"", b"<html>", zip_of(ENTRIES)[:-30]])
def test_a_file_that_is_not_a_whole_archive_is_refused(folder: Path, archive: bytes) -> None:
    with pytest.raises(InvalidInput, match=r"archive\.zip is broken"):
        extract_bytes(archive, folder)
    assert_untouched(folder)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_damage_raises_an_error_of_the_package_and_changes_nothing(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    archive = bytearray(zip_of(ENTRIES))
    for _ in range(data.draw(st.integers(1, 3))):
        position = data.draw(st.integers(0, len(archive) - 1))
        archive[position] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("damaged") / "corpus" / "working"
    try:
        extract_bytes(bytes(archive), folder)
    except SerError:
        assert not contents(folder.parent)


def test_a_full_disk_is_reported_and_leaves_the_old_content(folder: Path) -> None:
    archive = save(zip_of({"small": b"small", "large": bytes(10_000)}), folder)
    with full_disk(1_000), pytest.raises(StorageFull, match="cannot be written"):
        extract(archive, folder, limits=Limits(extracted_bytes=Limit(LIMIT)))
    assert_untouched(folder)


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidInput, match="Not a directory"):
        extract(
            save(zip_of(ENTRIES), tmp_path / "a" / "b"),
            tmp_path / "file" / "to",
            limits=Limits(extracted_bytes=Limit(1_000)),
        )
