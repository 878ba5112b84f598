"""Files that several clients read at once."""

from __future__ import annotations

from functools import partial

from ser.service.contents import Contents


def test_clients_at_once_share_the_bytes_of_a_file_and_read_it_once() -> None:
    contents, reads = Contents(), []

    def read() -> bytes:
        reads.append(1)
        return b"content"

    readers = [contents.get("a", read).open() for _ in range(3)]
    assert len({id(reader.content.data) for reader in readers}) == len(reads) == 1
    assert [reader.read() for reader in readers] == [b"content"] * 3


def test_a_file_is_forgotten_when_its_last_client_has_read_it() -> None:
    contents = Contents()
    reader = contents.get("a", lambda: b"old").open()
    assert contents.get("a", lambda: b"new").data == b"old"
    reader.close()
    del reader
    assert contents.get("a", lambda: b"new").data == b"new"


def test_the_end_of_a_reader_is_announced_even_if_it_is_only_forgotten() -> None:
    content, ends = Contents().get("a", lambda: b"content"), list[str]()
    closed, forgotten = (content.open(partial(ends.append, name)) for name in "ab")
    assert ends == []
    closed.close()
    del forgotten
    assert {*ends} == {"a", "b"}
