"""The guarantees of every store."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from ser.errors import InvalidInput
from ser.store import Store, Stored, open_store


def test_a_created_value_is_read_back_under_any_name(store: Store) -> None:
    for key in ("a/b/c.wav", "b/Ärger über 100 %?.wav", "c/a+b&c=d#e'f\"g", "日本/e\u0301"):
        assert store.create(key, data := f"\0{key}\r\n".encode())
        assert read(store, key).data == data
        folder, _, name = key.rpartition("/")
        assert store.names(folder) == [name]


def test_a_key_that_was_never_written_is_empty(store: Store) -> None:
    assert store.read("nothing") is None
    assert store.names() == []
    assert store.names("nothing") == []


def test_folders_cannot_be_read_and_files_have_no_names_below(store: Store) -> None:
    store.create("folder/file", b"data")
    assert store.read("folder") is None
    assert store.read("folder/file/key") is None
    assert store.names("folder/file") == []


def test_a_store_reports_whether_a_key_has_a_value(store: Store) -> None:
    store.create("folder/key", b"")
    keys = ("folder/key", "folder", "folder/other", "folder/key/more", "other")
    assert [store.holds(key) for key in keys] == [True, False, False, False, False]


def test_creation_does_not_change_an_existing_value(store: Store) -> None:
    assert store.create("key", b"first")
    assert not store.create("key", b"second")
    assert read(store, "key").data == b"first"


def test_replacement_needs_the_value_that_was_read(store: Store) -> None:
    store.create("key", b"first")
    first = read(store, "key")
    assert store.replace("key", first, b"second")
    assert not store.replace("key", first, b"third")
    assert read(store, "key").data == b"second"


def test_an_empty_key_cannot_be_replaced(store: Store) -> None:
    store.create("key", b"data")
    data = read(store, "key")
    store.delete("key")
    assert not store.replace("key", data, b"more")
    assert store.read("key") is None


def test_a_deleted_key_is_empty_and_may_be_deleted_again(store: Store) -> None:
    store.create("a/b/key", b"data")
    store.delete("a/b/key")
    store.delete("a/b/key")
    assert store.read("a/b/key") is None
    assert store.names() == []


def test_only_names_directly_in_a_folder_are_listed(store: Store) -> None:
    for key in ("b", "a/c", "a/d/e", "a/b", "ab/c"):
        store.create(key, b"")
    assert store.names() == ["a/", "ab/", "b"]
    assert store.names("a") == ["b", "c", "d/"]


NO_KEYS = ["..", "../a", "a/../../b", "/a", "a//b", "a/", ".a", "a\\b", "a\0b", "a\nb", "\udcff"]


def test_a_key_outside_the_store_is_refused(store: Store) -> None:
    uses: list[Callable[[str], object]] = [
        store.read,
        store.holds,
        store.delete,
        store.names,
        lambda key: store.create(key, b""),
        lambda key: store.replace(key, Stored(b"", ""), b""),
    ]
    for use, key in product(uses, NO_KEYS):
        with pytest.raises(InvalidInput, match="allowed: a relative path") as error:
            use(key)
        assert repr(key) in error.value.detail
    assert store.names() == []


def test_exactly_one_of_concurrent_creators_succeeds(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        for turn in range(5):
            writers = [str(writer).encode() for writer in range(8)]
            won = list(pool.map(lambda data, key=f"key{turn}": store.create(key, data), writers))
            assert won.count(True) == 1
            assert read(store, f"key{turn}").data == writers[won.index(True)]


def test_no_concurrent_replacement_is_lost(store: Store) -> None:
    store.create("counter", b"0")

    def count(_: int) -> None:
        done = False
        while not done:
            old = read(store, "counter")
            done = store.replace("counter", old, str(int(old.data) + 1).encode())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(24)))
    assert read(store, "counter").data == b"24"


def test_the_check_for_writing_leaves_nothing_behind(store: Store) -> None:
    store.check_writable()
    assert store.names() == []


@pytest.mark.parametrize(
    "address",
    ["", "s3://", "s3:///key", "file://folder", "gs://bucket/key", "folder\0", "file:///%00"],
)
def test_an_unsupported_address_is_refused_with_the_supported_ones(address: str) -> None:
    with pytest.raises(
        InvalidInput, match="allowed: a folder, file:///folder or s3://bucket/"
    ) as e:
        open_store(address)
    assert repr(address) in e.value.detail


def read(store: Store, key: str) -> Stored:
    stored = store.read(key)
    assert stored is not None
    return stored
