"""What every store promises."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product

import pytest

from ser.errors import InvalidInput
from ser.store import Store, Stored, open_store


def test_what_was_created_is_read_back_under_any_name(store: Store) -> None:
    for key in ("a/b/c.wav", "b/Ärger über 100 %?.wav", "c/a+b&c=d#e'f\"g", "日本/e\u0301"):
        assert store.create(key, data := f"\0{key}\r\n".encode())
        assert read(store, key).data == data
        folder, _, name = key.rpartition("/")
        assert store.names(folder) == [name]


def test_a_key_that_was_never_written_holds_nothing(store: Store) -> None:
    assert store.read("nothing") is None
    assert store.names() == []
    assert store.names("nothing") == []


def test_a_folder_is_no_file_and_a_file_no_folder(store: Store) -> None:
    store.create("folder/file", b"data")
    assert store.read("folder") is None
    assert store.read("folder/file/key") is None
    assert store.names("folder/file") == []


def test_what_is_there_is_known_without_reading_it(store: Store) -> None:
    store.create("folder/key", b"")
    keys = ("folder/key", "folder", "folder/other", "folder/key/more", "other")
    assert [store.holds(key) for key in keys] == [True, False, False, False, False]


def test_creation_leaves_alone_what_is_there(store: Store) -> None:
    assert store.create("key", b"first")
    assert not store.create("key", b"second")
    assert read(store, "key").data == b"first"


def test_replacement_needs_what_was_read(store: Store) -> None:
    store.create("key", b"first")
    first = read(store, "key")
    assert store.replace("key", first, b"second")
    assert not store.replace("key", first, b"third")
    assert read(store, "key").data == b"second"


def test_nothing_cannot_be_replaced(store: Store) -> None:
    store.create("key", b"data")
    data = read(store, "key")
    store.delete("key")
    assert not store.replace("key", data, b"more")
    assert store.read("key") is None


def test_what_was_deleted_is_gone_and_may_be_deleted_again(store: Store) -> None:
    store.create("a/b/key", b"data")
    store.delete("a/b/key")
    store.delete("a/b/key")
    assert store.read("a/b/key") is None
    assert store.names() == []


def test_names_are_those_directly_in_a_folder(store: Store) -> None:
    for key in ("b", "a/c", "a/d/e", "a/b", "ab/c"):
        store.create(key, b"")
    assert store.names() == ["a/", "ab/", "b"]
    assert store.names("a") == ["b", "c", "d/"]


NO_KEYS = ["..", "../a", "a/../../b", "/a", "a//b", "a/", ".a", "a\\b", "a\0b", "a\nb", "\udcff"]


def test_a_key_that_names_no_place_in_the_store_is_refused(store: Store) -> None:
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


def test_of_concurrent_creators_exactly_one_is_told_so(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        for turn in range(5):
            writers = [str(writer).encode() for writer in range(8)]
            won = list(pool.map(lambda data, key=f"key{turn}": store.create(key, data), writers))
            assert won.count(True) == 1
            assert read(store, f"key{turn}").data == writers[won.index(True)]


def test_of_concurrent_replacements_none_is_lost(store: Store) -> None:
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
def test_an_address_of_another_kind_is_refused_with_what_is_allowed(address: str) -> None:
    with pytest.raises(
        InvalidInput, match="allowed: a folder, file:///folder or s3://bucket/"
    ) as e:
        open_store(address)
    assert repr(address) in e.value.detail


def read(store: Store, key: str) -> Stored:
    stored = store.read(key)
    assert stored is not None
    return stored
