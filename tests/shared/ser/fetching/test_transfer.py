"""Archives arrive whole and checked; otherwise the destination does not change."""

from __future__ import annotations

import base64
import datetime
import hashlib
import io
import ipaddress
import os
import random
import socket
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from zipfile import ZipFile

import boto3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.server import ThreadedMotoServer

from applications import served
from ser._progress import ProgressCallback, ignore_share
from ser.errors import InvalidInput, RemoteFailed, StorageFull, TooLarge
from ser.fetching import MAX_REDIRECTS, Download, Patience, _buckets, _ranges, fetch
from ser.limits import Limit, Pace
from ser.service.access import Access
from ser.service.settings import Settings

from .servers import Site, full_disk, serve


def zip_of(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as zipped:
        zipped.writestr("wav/03a01Fa.wav", content)
    return buffer.getvalue()


CORPUS = zip_of(random.Random(0).randbytes(200_000))
WHOLE = Download(hashlib.sha256(CORPUS).hexdigest(), len(CORPUS))


@pytest.fixture
def site() -> Iterator[Site]:
    with serve(CORPUS) as site:
        yield site


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    """The path to fetch to, with an earlier archive."""
    destination = tmp_path / "pristine" / "archive.zip"
    destination.parent.mkdir()
    destination.write_bytes(b"earlier")
    return destination


def get(
    remote_url: str,
    destination: Path,
    *,
    buckets: tuple[str, ...] | None = None,
    max_bytes: int = 1_000_000,
    on_progress: ProgressCallback = ignore_share,
    connect: float = 10.0,
    read: float = 10.0,
) -> Download:
    access = Access(
        Settings(
            allowed_paths=(destination.parents[1],),
            allowed_buckets=buckets,
            allowed_hosts=frozenset({"127.0.0.1"}),
        )
    )
    return fetch(
        remote_url,
        destination,
        access=access,
        limit=Limit(max_bytes, "SER_MAX_DOWNLOAD_MB"),
        on_progress=on_progress,
        patience=Patience(connect, read, retries=2, pause=0.0),
    )


def assert_arrived(download: Download, destination: Path) -> None:
    assert download == WHOLE
    assert destination.read_bytes() == CORPUS
    assert list(destination.parent.iterdir()) == [destination]


def assert_kept(destination: Path) -> None:
    """Assert that there is only the earlier archive."""
    assert destination.read_bytes() == b"earlier"
    assert list(destination.parent.iterdir()) == [destination]


def ranges(site: Site) -> list[str | None]:
    return [request.get("range") for request in site.requests]


def leave_part(site: Site, destination: Path, size: int) -> None:
    """Fetch only the first ``size`` bytes."""
    site.cuts = [size, 0, 0]
    with pytest.raises(RemoteFailed):
        get(f"{site.url}/corpus.zip", destination)
    site.requests.clear()


# Whole archives


def test_an_archive_arrives_with_its_digest_and_size(site: Site, destination: Path) -> None:
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)


def test_missing_parent_folders_are_made(site: Site, tmp_path: Path) -> None:
    destination = tmp_path / "new" / "pristine" / "archive.zip"
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)


def test_an_archive_of_unknown_size_arrives(site: Site, destination: Path) -> None:
    shares: list[float] = []
    site.chunked = True
    assert_arrived(
        get(f"{site.url}/corpus.zip", destination, on_progress=shares.append), destination
    )
    assert shares[-1] == 1.0


def test_a_server_may_take_longer_to_answer_than_to_connect(site: Site, destination: Path) -> None:
    assert_arrived(get(f"{site.url}/slow", destination, connect=0.25), destination)


def test_bytes_are_kept_as_they_are_sent(site: Site, destination: Path) -> None:
    site.headers = {"Content-Encoding": "gzip"}
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)


def test_progress_never_falls_and_ends_at_one(site: Site, destination: Path) -> None:
    shares: list[float] = []
    site.cuts, site.ranges = [100_000], False
    get(f"{site.url}/corpus.zip", destination, on_progress=shares.append)
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] == 1.0


# Interruptions


def test_a_cut_connection_is_continued_where_it_broke(site: Site, destination: Path) -> None:
    site.cuts = [1_000, 50_000]
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)
    assert ranges(site) == [None, "bytes=1000-", "bytes=51000-"]
    assert site.requests[1]["if-range"] == '"first"'


def test_a_cut_connection_of_unknown_size_is_continued(site: Site, destination: Path) -> None:
    site.chunked, site.cuts = True, [1_000]
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)
    assert ranges(site) == [None, "bytes=1000-"]


def test_an_answer_that_ends_before_the_announced_size_is_continued(
    site: Site, destination: Path
) -> None:
    site.chunked, site.cuts = True, [1_000, 0]
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)
    assert ranges(site) == [None, "bytes=1000-", "bytes=1000-"]


def test_a_stalled_connection_is_continued(site: Site, destination: Path) -> None:
    site.cuts = [1_000]
    assert_arrived(get(f"{site.url}/stalling", destination, read=0.5), destination)
    assert ranges(site) == [None, "bytes=1000-"]


def test_the_last_failure_states_the_bytes_received_and_a_later_call_continues_them(
    site: Site, destination: Path
) -> None:
    site.cuts = [1_000, 2_000, 3_000]
    with pytest.raises(RemoteFailed, match=f"failed after 6,000 of {len(CORPUS):,} bytes"):
        get(f"{site.url}/corpus.zip", destination)
    assert destination.read_bytes() == b"earlier"
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)
    assert ranges(site)[3:] == ["bytes=6000-"]


def test_without_an_etag_the_date_of_the_last_change_identifies_the_version(
    site: Site, destination: Path
) -> None:
    site.validators = {"Last-Modified": "Sun, 22 Nov 2026 14:31:05 GMT", "ETag": 'W/"weak"'}
    site.cuts = [1_000]
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)
    assert site.requests[1]["if-range"] == "Sun, 22 Nov 2026 14:31:05 GMT"


@pytest.mark.parametrize("validators", [{}, {"ETag": 'W/"weak"'}])
def test_without_a_strong_validator_the_download_begins_again(
    site: Site, destination: Path, validators: dict[str, str]
) -> None:
    site.validators, site.cuts = validators, [1_000]
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)
    assert ranges(site) == [None, None]


def test_on_a_server_without_ranges_the_download_begins_again(
    site: Site, destination: Path
) -> None:
    site.ranges, site.cuts = False, [1_000]
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)
    assert ranges(site) == [None, "bytes=1000-"]


def test_after_a_change_of_version_the_download_begins_again(site: Site, destination: Path) -> None:
    site.content = bytes(len(CORPUS))
    leave_part(site, destination, 1_000)
    site.content, site.validators = CORPUS, {"ETag": '"second"'}
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)
    assert ranges(site) == ["bytes=1000-"]


@pytest.mark.parametrize(
    "lie",
    [
        {"ETag": '"second"'},
        {"Content-Range": "bytes 999-1999/2000"},
        {"Content-Range": "bytes 1000-1999/*"},
        {"Content-Range": f"bytes 1000-1999/{'9' * 5_000}"},
        {"Content-Range": "items"},
    ],
)
def test_after_a_range_that_does_not_continue_the_download_begins_again(
    site: Site, destination: Path, lie: dict[str, str]
) -> None:
    site.cuts, site.lie = [1_000], lie
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)
    assert ranges(site) == [None, "bytes=1000-", None]


def test_after_more_bytes_than_the_archive_has_the_download_begins_again(
    site: Site, destination: Path
) -> None:
    leave_part(site, destination, 1_000)
    with (destination.parent / "archive.zip.part").open("ab") as part:
        part.write(CORPUS)
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)
    assert ranges(site) == [f"bytes={1_000 + len(CORPUS)}-", None]


def test_the_part_of_another_url_is_not_continued(site: Site, destination: Path) -> None:
    leave_part(site, destination, 1_000)
    with pytest.raises(RemoteFailed, match="failed after 0 of"):
        get(f"{site.url}/silent", destination, read=0.2)
    assert_arrived(get(f"{site.url}/other.zip", destination), destination)
    assert ranges(site) == [None, None]


@pytest.mark.parametrize("note", [b"", b'{"url": "ht'])
def test_after_a_crash_amid_writing_the_note_the_download_begins_again(
    site: Site, destination: Path, note: bytes
) -> None:
    leave_part(site, destination, 1_000)
    (destination.parent / "archive.zip.part.json").write_bytes(note)
    assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)
    assert ranges(site) == [None]


def test_the_note_of_an_interrupted_download_has_no_secrets_of_the_url(
    site: Site, destination: Path
) -> None:
    site.cuts = [1_000] * 9
    with pytest.raises(RemoteFailed):
        get(f"{site.url}/corpus.zip?X-Amz-Signature=0fe1c2", destination)
    (note,) = destination.parent.glob("*.part.json")
    assert "0fe1c2" not in note.read_text()
    assert destination.with_name(f"{destination.name}.part").exists()


# Refusals and failures


def test_error_messages_contain_no_secrets_of_the_url(site: Site, destination: Path) -> None:
    site.content = b"no archive"
    urls = {
        f"{site.url}/status/403?signature=SECRET": "answered 403",
        f"{site.url}/a.zip?signature=SECRET": "is not an archive",
        "http://host.invalid/a.zip?signature=SECRET": "failed after 0 of",
        "ftp://user:SECRET@host.invalid/a.zip": "cannot be fetched",
    }
    for url, reason in urls.items():
        with pytest.raises((InvalidInput, RemoteFailed), match=reason) as caught:
            get(url, destination)
        assert "SECRET" not in str(caught.value)
    with pytest.raises(TooLarge) as too_large:
        get(f"{site.url}/a.zip?signature=SECRET", destination, max_bytes=1)
    assert "SECRET" not in str(too_large.value)


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_the_status_of_a_failure_is_reported(site: Site, destination: Path, status: int) -> None:
    with pytest.raises(RemoteFailed, match=f"/status/{status} answered {status} "):
        get(f"{site.url}/status/{status}", destination)
    assert_kept(destination)


def test_addresses_that_do_not_answer_take_no_longer_than_the_whole_download(
    destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve, connect, tried = socket.getaddrinfo, socket.socket.connect, []

    def many(host: str, port: int, *rest: Any, **named: Any) -> Any:
        return resolve("127.0.0.1", port, *rest, **named) * (50 if host == "many.example" else 1)

    def noted(self: socket.socket, address: Any) -> None:
        tried.append(address)
        connect(self, address)

    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as stack:
        address = full.getsockname()
        for _ in range(2):  # Further connections wait for a place.
            client = stack.enter_context(closing(socket.socket()))
            client.setblocking(False)
            client.connect_ex(address)
        monkeypatch.setattr(socket, "getaddrinfo", many)
        monkeypatch.setattr(socket.socket, "connect", noted)
        with pytest.raises(RemoteFailed, match="was not received in time"):
            fetch(
                f"http://many.example:{address[1]}/",
                destination,
                access=Access(Settings(allowed_hosts=frozenset({"many.example"}))),
                pace=Pace(Limit(0.5, "SER_MAX_DOWNLOAD_SECONDS")),
                patience=Patience(connect=0.2),
            )
    # Other connections of this process, to other ports, do not count.
    assert 1 <= tried.count(address) <= 3


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_time_of_a_download_includes_every_step_of_its_connection(
    destination: Path, scheme: str
) -> None:
    ends: list[bytes] = []

    def hear_out(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            while heard := connection.recv(4096):
                if scheme == "http" and heard.endswith(b"\r\n\r\n"):
                    # The client's library gives such a connection away before it reads the rest.
                    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nPK")
            ends.append(heard)

    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        heard = pool.submit(hear_out, listener)
        with pytest.raises(RemoteFailed, match="was not received in time"):
            fetch(
                f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/",
                destination,
                access=local_access(),
                pace=Pace(Limit(0.5, "SER_MAX_DOWNLOAD_SECONDS")),
                patience=Patience(connect=30, read=30),
            )
        heard.result()
    # The client went first: the server would have waited longer.
    assert ends == [b""]


@pytest.mark.parametrize("path", ["dripping", "trickling", "silent"])
def test_a_download_ends_in_time_whatever_the_server_sends(
    site: Site, destination: Path, path: str
) -> None:
    site.cuts = [1_000]
    pace = Pace(Limit(0.5, "SER_MAX_DOWNLOAD_SECONDS"))
    message = r"was not received in time; allowed: 0\.5 \(SER_MAX_DOWNLOAD_SECONDS\) seconds"
    with pytest.raises(RemoteFailed, match=message):
        fetch(f"{site.url}/{path}", destination, access=local_access(), pace=pace)
    assert destination.read_bytes() == b"earlier"


def test_a_download_below_the_lowest_rate_ends(site: Site, destination: Path) -> None:
    site.cuts = [1_000]
    with pytest.raises(
        RemoteFailed, match=r"bytes a second; .* 1,000,000 \(SER_MIN_DOWNLOAD_RATE\)"
    ):
        fetch(
            f"{site.url}/trickling",
            destination,
            access=local_access(),
            pace=Pace(rate=Limit(1_000_000, "SER_MIN_DOWNLOAD_RATE")),
            patience=Patience(window=0.2),
        )
    assert destination.read_bytes() == b"earlier"


def test_the_time_of_a_download_includes_its_retries(site: Site, destination: Path) -> None:
    site.cuts = [100 * n for n in range(1, 100)]
    with pytest.raises(RemoteFailed, match="SER_MAX_DOWNLOAD_SECONDS"):
        fetch(
            f"{site.url}/corpus.zip",
            destination,
            access=local_access(),
            pace=Pace(Limit(0.3, "SER_MAX_DOWNLOAD_SECONDS")),
            patience=Patience(retries=90, pause=0.2),
        )


@pytest.mark.parametrize(
    "host",
    [
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::ffff:127.0.0.1]:80",
        "[::]",
        "[::1]",
        "[fe80::1%25lo]",
        "[fd00:ec2::254]",
        "[64:ff9b::7f00:1]",
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "0x7f.1",
        "0177.0.0.1",
        "2130706433",
        "127.1",
        "0",
        "%31%32%37.0.0.1",
        "127.0.0.1:0",
    ],
)
def test_no_spelling_of_an_internal_address_is_reached(destination: Path, host: str) -> None:
    with pytest.raises((InvalidInput, RemoteFailed)) as error:
        fetch(f"http://{host}/", destination, access=Access(Settings()))
    if isinstance(error.value, InvalidInput):
        assert "has no public address" in error.value.detail
    assert_kept(destination)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "localhost", "0x7f.1", "0177.0.0.1", "2130706433", "127.1", "0"),
        *("%31%32%37.0.0.1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"),
    ],
)
def test_no_spelling_of_this_machine_is_connected_to(destination: Path, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://{host}:{listener.getsockname()[1]}/"
        with pytest.raises((InvalidInput, RemoteFailed)):
            fetch(url, destination, access=Access(Settings()))
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_nothing_is_sent_where_a_connection_leads_elsewhere_than_was_checked(
    destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def elsewhere(host: str, *rest: Any, **named: Any) -> Any:
            if host == "name.example":
                return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]
            return resolve("127.0.0.1", *rest, **named)

        monkeypatch.setattr(socket, "getaddrinfo", elsewhere)
        with pytest.raises(InvalidInput, match=r"'name\.example' has no public address"):
            fetch(f"http://name.example:{port}/", destination, access=Access(Settings()))
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(1) == b""


@pytest.mark.parametrize(
    "url",
    [
        "http://user:secret@host.example/",
        "http://host.example:99999/",
        "http://host.example:-1/",
        "http://host.example:٣/",
        "http://[::1/",
        "http://[]/",
        "http://①②⑦.0.0.1/",
        "http://local host/",
        "http://\0/",
        "http://\udc80/",
        "http:///path",
    ],
    ids=ascii,
)
def test_what_is_no_url_is_refused_without_its_secret(destination: Path, url: str) -> None:
    with pytest.raises(InvalidInput, match="allowed: http") as error:
        fetch(url, destination, access=Access(Settings()))
    assert "secret" not in error.value.detail


def test_a_target_of_a_redirect_that_is_too_long_is_refused(site: Site, destination: Path) -> None:
    site.redirects = {"/a": "http://" + ":" * 60_000}
    with pytest.raises(RemoteFailed, match="which is not a URL") as error:
        get(f"{site.url}/a", destination)
    assert len(error.value.detail) < 1_000


def local_access() -> Access:
    return Access(Settings(allowed_hosts=frozenset({"127.0.0.1"})))


def test_there_is_no_retry_for_a_server_that_never_answers(site: Site, destination: Path) -> None:
    with pytest.raises(RemoteFailed, match="timed out"):
        get(f"{site.url}/silent", destination, read=0.2)
    assert len(site.requests) == 1
    assert_kept(destination)


def test_a_closed_port_is_a_failed_remote(destination: Path) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(RemoteFailed, match="refused"):
            get(f"http://127.0.0.1:{unused.getsockname()[1]}/corpus.zip", destination)


@pytest.mark.parametrize("host", ["host.invalid", f"{'a' * 64}.invalid", "a..invalid"])
def test_an_unknown_host_is_a_failed_remote(destination: Path, host: str) -> None:
    with pytest.raises(RemoteFailed, match=f"{host}/corpus.zip failed after 0 of"):
        get(f"http://{host}/corpus.zip", destination)


@pytest.mark.parametrize(
    "remote_url",
    [
        "ftp://127.0.0.1/a.zip",
        "http:///a.zip",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "",
        "s3://bucket",
        "s3://bucket/",
    ],
)
def test_an_invalid_url_is_refused_by_name(remote_url: str, destination: Path) -> None:
    with pytest.raises(InvalidInput, match="allowed: ") as error:
        get(remote_url, destination)
    assert remote_url in error.value.detail
    assert_kept(destination)


@pytest.mark.parametrize("chunked", [False, True], ids=["announced size", "unknown size"])
def test_a_size_above_the_limit_is_refused_with_the_setting(
    site: Site, destination: Path, chunked: bool
) -> None:
    shares: list[float] = []
    site.chunked, limit = chunked, len(CORPUS) - 1
    with pytest.raises(TooLarge, match="SER_MAX_DOWNLOAD_MB"):
        get(f"{site.url}/corpus.zip", destination, max_bytes=limit, on_progress=shares.append)
    assert bool(shares) == chunked
    assert_kept(destination)
    assert_arrived(get(f"{site.url}/corpus.zip", destination, max_bytes=len(CORPUS)), destination)


def test_a_file_that_is_not_a_zip_is_refused_with_its_beginning_and_type(
    site: Site, destination: Path
) -> None:
    site.content, site.headers = b"<!doctype html><title>Log in", {"Content-Type": "text/html"}
    with pytest.raises(InvalidInput, match=r"is not an archive: .*<!doctype html>.*text/html"):
        get(f"{site.url}/corpus.zip", destination)
    assert_kept(destination)


def test_a_full_disk_is_reported_and_the_partial_download_removed(
    site: Site, destination: Path
) -> None:
    with full_disk(100_000), pytest.raises(StorageFull, match=r"archive\.zip"):
        get(f"{site.url}/corpus.zip", destination)
    assert_kept(destination)


def test_a_destination_that_cannot_be_written_is_reported(site: Site, destination: Path) -> None:
    with pytest.raises(InvalidInput, match="below cannot be written: Not a directory"):
        get(f"{site.url}/corpus.zip", destination / "below" / "a.zip")
    assert_kept(destination)


# Addresses


def test_loopback_addresses_are_refused_before_anything_is_sent(
    site: Site, destination: Path
) -> None:
    port = site.url.rpartition(":")[2]
    for host in ("localhost", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0"):
        with pytest.raises(InvalidInput, match="SER_ALLOWED_HOSTS"):
            get(f"http://{host}:{port}/corpus.zip", destination)
    assert site.requests == []
    assert_kept(destination)


def test_open_and_closed_ports_of_a_refused_address_look_the_same(destination: Path) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(InvalidInput, match="SER_ALLOWED_HOSTS"):
            get(f"http://localhost:{unused.getsockname()[1]}/corpus.zip", destination)


def test_a_host_that_changes_its_address_after_the_check_is_refused(
    site: Site, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(site.url.rpartition(":")[2])
    answers = iter(("93.184.216.34", "127.0.0.1"))

    def rebinding(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with pytest.raises(InvalidInput, match=r"'rebinding\.example' has no public address"):
        get(f"http://rebinding.example:{port}/corpus.zip", destination)
    assert site.requests == []


def test_redirects_are_followed(site: Site, destination: Path) -> None:
    site.redirects = {"/a": "b?c=d", "/b?c=d": f"{site.url}/corpus.zip"}
    assert_arrived(get(f"{site.url}/a", destination), destination)


def test_too_many_redirects_are_refused(site: Site, destination: Path) -> None:
    hops = 1 + MAX_REDIRECTS
    site.redirects = {f"/{hop}": f"/{hop + 1}" for hop in range(hops)}
    assert_arrived(get(f"{site.url}/1", destination), destination)
    with pytest.raises(RemoteFailed, match=f"/0 redirects more than {MAX_REDIRECTS} times"):
        get(f"{site.url}/0", destination)


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("http://localhost/corpus.zip", InvalidInput),
        ("http://169.254.169.254/latest/meta-data", InvalidInput),
        ("file:///etc/passwd", InvalidInput),
        ("s3://bucket/key", InvalidInput),
        ("http://[", RemoteFailed),
    ],
)
def test_every_redirect_is_checked_again(
    site: Site, destination: Path, target: str, kind: type[Exception]
) -> None:
    site.redirects = {"/a": target}
    with pytest.raises(kind):
        get(f"{site.url}/a", destination)
    assert_kept(destination)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def test_over_tls_only_a_trusted_server_is_read(
    certificate: Path, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(CORPUS, certificate) as site:
        with pytest.raises(RemoteFailed, match="certificate"):
            get(f"{site.url}/corpus.zip", destination)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert_arrived(get(f"{site.url}/corpus.zip", destination), destination)


def test_over_tls_nothing_is_sent_to_a_refused_address(destination: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(InvalidInput, match="SER_ALLOWED_HOSTS"):
            get(f"https://localhost:{listener.getsockname()[1]}/", destination)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()


# Local files


def test_a_local_archive_is_copied_from_a_path_or_its_url(destination: Path) -> None:
    archive = destination.parents[1] / "my corpus.zip"
    archive.write_bytes(CORPUS)
    assert_arrived(get(str(archive), destination), destination)
    assert_arrived(get(archive.as_uri(), destination), destination)
    assert archive.read_bytes() == CORPUS


def test_a_local_archive_outside_of_the_allowed_paths_is_refused(destination: Path) -> None:
    with pytest.raises(InvalidInput, match="SER_ALLOWED_PATHS"):
        get("file:///etc/passwd", destination)


def test_a_local_path_that_does_not_exist_or_is_not_a_file_is_refused(destination: Path) -> None:
    os.mkfifo(destination.parents[1] / "pipe")
    for name in ("missing.zip", "pristine", "pipe"):
        with pytest.raises(InvalidInput, match=f"{name} (does not exist|cannot be read)"):
            get(str(destination.parents[1] / name), destination)
    with pytest.raises(InvalidInput, match="longer than 255 bytes"):
        get(str(destination.parents[1] / ("a" * 300)), destination)
    assert_kept(destination)


def test_a_local_archive_has_the_same_limit(destination: Path) -> None:
    (destination.parents[1] / "corpus.zip").write_bytes(CORPUS)
    with pytest.raises(TooLarge):
        get(str(destination.parents[1] / "corpus.zip"), destination, max_bytes=1_000)
    assert_kept(destination)


# S3


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def store(credentials: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An S3-compatible server with ``s3://corpora/a/corpus.zip``."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    with closing(boto3.client("s3")) as client:
        client.create_bucket(Bucket="corpora")
        client.put_object(Bucket="corpora", Key="a/corpus.zip", Body=CORPUS)
    yield
    server.stop()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges so small that the corpus has several."""
    monkeypatch.setattr(_ranges, "PART_BYTES", 9_000)
    monkeypatch.setattr(_ranges, "WORTHWHILE_BYTES", len(CORPUS))


def test_a_large_object_in_s3_comes_in_ranges_of_its_version(
    store: None, small_parts: None, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []
    arrived = get("s3://corpora/a/corpus.zip", destination, on_progress=shares.append)
    assert_arrived(arrived, destination)
    assert len(shares) > len(CORPUS) // 9_000
    assert shares == sorted(shares)

    def changed(size: int) -> bool:
        """Replace the object after its version has been seen, and before its ranges are."""
        with closing(boto3.client("s3")) as client:
            client.put_object(Bucket="corpora", Key="a/corpus.zip", Body=bytes(size))
        return True

    monkeypatch.setattr(_buckets, "is_worthwhile", changed)
    with pytest.raises(RemoteFailed, match="the object has changed"):
        get("s3://corpora/a/corpus.zip", destination)


def test_a_large_object_above_the_limit_is_refused_before_its_ranges_are_sent(
    store: None, small_parts: None, destination: Path
) -> None:
    with pytest.raises(TooLarge, match="SER_MAX_DOWNLOAD_MB"):
        get("s3://corpora/a/corpus.zip", destination, max_bytes=len(CORPUS) - 1)
    assert_kept(destination)


def test_a_large_object_is_continued_after_the_ranges_that_arrived(
    credentials: None, small_parts: None, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3 = DomainDispatcherApplication(create_backend_app)
    asked: list[str] = []

    def cutting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        content = b"".join(s3(environ, start_response))
        asked.append(environ.get("HTTP_RANGE", ""))
        return [content[:10] if asked[-1].startswith("bytes=9000-1") else content]

    with served(cutting) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        with closing(boto3.client("s3")) as client:
            client.create_bucket(Bucket="corpora")
            client.put_object(Bucket="corpora", Key="corpus.zip", Body=CORPUS)
        assert_arrived(get("s3://corpora/corpus.zip", destination), destination)
    assert asked[-1] == "bytes=9000-"


def test_an_object_in_s3_is_fetched_and_a_missing_one_named(store: None, destination: Path) -> None:
    assert_arrived(get("s3://corpora/a/corpus.zip", destination), destination)
    for uri, reason in {
        "s3://corpora/missing.zip": "NoSuchKey",
        "s3://missing/corpus.zip": "NoSuchBucket",
    }.items():
        with pytest.raises(RemoteFailed, match=f"{uri} cannot be read: .*{reason}"):
            get(uri, destination)


def test_a_bucket_that_is_not_allowed_is_refused(destination: Path) -> None:
    with pytest.raises(InvalidInput, match="SER_ALLOWED_BUCKETS"):
        get("s3://corpora/corpus.zip", destination, buckets=("others",))


def test_a_cut_object_in_s3_is_continued_if_it_is_still_the_same(
    credentials: None, site: Site, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", site.url)
    site.cuts = [100_000]
    assert_arrived(get("s3://corpora/corpus.zip", destination), destination)
    assert ranges(site) == [None, "bytes=100000-"]

    site.content, site.cuts = bytes(len(CORPUS)), [100_000, 0, 0]
    with pytest.raises(RemoteFailed, match="failed after 100,000 of"):
        get("s3://corpora/corpus.zip", destination)
    site.content, site.validators = CORPUS, {"ETag": '"second"'}
    assert_arrived(get("s3://corpora/corpus.zip", destination), destination)
    assert ranges(site)[-2:] == ["bytes=100000-", None]


def test_an_object_is_continued_although_each_part_carries_the_checksum_of_the_whole(
    credentials: None, site: Site, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", site.url)
    checksum = base64.b64encode(zlib.crc32(CORPUS).to_bytes(4, "big")).decode()
    site.cuts, site.headers = [100_000], {"x-amz-checksum-crc32": checksum}
    assert_arrived(get("s3://corpora/corpus.zip", destination), destination)
    assert ranges(site) == [None, "bytes=100000-"]


def test_a_stalled_object_in_s3_is_continued(
    credentials: None, site: Site, destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", site.url)
    site.cuts = [100_000]
    assert_arrived(get("s3://corpora/stalling", destination, read=0.5), destination)
    assert len(site.requests) == 2


def test_without_credentials_s3_is_a_failed_remote(
    destination: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(destination.parent))
    with pytest.raises(RemoteFailed, match=r"s3://corpora/corpus\.zip .*credentials"):
        get("s3://corpora/corpus.zip", destination)
