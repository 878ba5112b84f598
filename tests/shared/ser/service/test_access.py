"""A request reaches only the paths, buckets and addresses that the settings allow."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ser.errors import InvalidInput
from ser.limits import NO_LIMITS, Limit
from ser.service.access import Access
from ser.service.settings import Settings, SettingsError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def access(root: Path) -> Access:
    return Access(Settings(allowed_paths=(root,), allowed_hosts=frozenset({"intern.example"})))


def refusal(error: pytest.ExceptionInfo[InvalidInput]) -> str:
    return error.value.detail


def test_a_path_inside_a_root_need_not_exist(access: Access, root: Path) -> None:
    assert access.path(f"{root}/a/../b") == root / "b"


def test_the_root_itself_is_allowed(access: Access, root: Path) -> None:
    assert access.path(str(root)) == root


def test_a_file_url_is_a_path(access: Access, root: Path) -> None:
    assert access.path(f"file://{root}/a%20b") == root / "a b"
    assert access.path(f"FILE://localhost{root}/c") == root / "c"


def test_a_path_outside_is_refused_by_name_with_the_roots_and_their_setting(
    access: Access, root: Path
) -> None:
    with pytest.raises(InvalidInput) as error:
        access.path("/etc/passwd")
    assert all(word in refusal(error) for word in ("/etc/passwd", str(root), "SER_ALLOWED_PATHS"))


def test_a_symbolic_link_out_of_the_root_is_refused(access: Access, root: Path) -> None:
    (root / "link").symlink_to(root.parent)
    with pytest.raises(InvalidInput, match="SER_ALLOWED_PATHS"):
        access.path(f"{root}/link/file")


def test_a_symbolic_link_to_within_the_root_is_followed(access: Access, root: Path) -> None:
    (root / "link").symlink_to(root / "folder")
    assert access.path(f"{root}/link/file") == root / "folder" / "file"


def test_a_root_that_is_a_symbolic_link_allows_its_target(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    assert Access(Settings(allowed_paths=(link,))).path(f"{link}/a") == root / "a"


def test_a_folder_whose_name_only_begins_like_a_root_is_outside(access: Access, root: Path) -> None:
    with pytest.raises(InvalidInput):
        access.path(f"{root}-other")


def test_without_roots_the_working_directory_is_the_root(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    access = Access(Settings())
    assert access.path("a") == root / "a"
    with pytest.raises(InvalidInput):
        access.path("../a")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "empty"),
        ("file://", "empty"),
        ("a\0b", "null"),
        ("\ud800", "surrogates"),
        ("http://host/a", "http://"),
        ("s3://bucket/key", "s3://"),
        ("file://host/a", "'host'"),
    ],
)
def test_an_invalid_local_path_is_refused_with_the_reason(
    access: Access, value: str, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        access.path(value)


@given(parts=st.lists(st.sampled_from(["..", ".", "", "a", "link", "~", "a b"]), max_size=8))
def test_every_accepted_path_lies_inside_a_root(
    parts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.getbasetemp() / "property" / "root"
    root.mkdir(parents=True, exist_ok=True)
    if not (root / "link").is_symlink():
        (root / "link").symlink_to("..")
    try:
        path = Access(Settings(allowed_paths=(root,))).path("/".join((str(root), *parts)))
    except InvalidInput:
        return
    assert path.resolve().is_relative_to(root)


@pytest.mark.parametrize("name", ["abc", "my-bucket.v2", "0numbers9", "under_score", "a" * 63])
def test_any_well_formed_bucket_is_allowed_by_default(access: Access, name: str) -> None:
    assert access.bucket(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "ab", "a" * 64, "Upper", "_under", "-ab", "ab-", "a..b", "a.-b", "1.2.3.4", "abc\n"],
)
def test_an_invalid_bucket_name_is_refused(access: Access, name: str) -> None:
    with pytest.raises(InvalidInput, match="is not the name of a bucket"):
        access.bucket(name)


def test_with_a_list_of_buckets_others_are_refused_with_the_list_and_its_setting() -> None:
    access = Access(Settings(allowed_buckets=("corpora", "models")))
    assert access.bucket("corpora") == "corpora"
    with pytest.raises(InvalidInput, match=r"'other'.*SER_ALLOWED_BUCKETS.*corpora, models"):
        access.bucket("other")


def test_an_empty_list_of_buckets_allows_none() -> None:
    with pytest.raises(InvalidInput, match="none"):
        Access(Settings(allowed_buckets=())).bucket("corpora")


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1"])
def test_public_addresses_are_allowed(access: Access, address: str) -> None:
    access.address("example.org", address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.8.8.8",
        "168.63.129.16",
        "169.254.169.254",
        "172.31.0.1",
        "192.0.0.192",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "233.252.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:169.254.169.254",
        "not an address",
        "::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%lo",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
    ],
)
def test_an_address_that_is_not_public_is_refused_with_the_setting(
    access: Access, address: str
) -> None:
    with pytest.raises(InvalidInput, match=r"SER_ALLOWED_HOSTS.*intern\.example") as error:
        access.address("example.org", address)
    # Callers may not learn the addresses of internal names.
    assert address not in refusal(error)


@pytest.mark.parametrize("host", ["intern.example", "Intern.Example", "intern.example."])
def test_an_exempt_host_may_have_any_address(access: Access, host: str) -> None:
    access.address(host, "10.0.0.1")


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("S3://bucket//a//b", "s3://bucket/a/b"),
        ("s3://bucket/a#b?c d", "s3://bucket/a#b?c d"),
    ],
)
def test_a_prefix_in_a_bucket_has_one_spelling(access: Access, uri: str, location: str) -> None:
    assert access.location(uri) == location


def test_a_folder_for_models_becomes_an_absolute_path(
    access: Access, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    assert access.location("models/") == str(root / "models")
    assert access.location(f"file://{root}/models") == str(root / "models")


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "http://bucket/a",
        "ftp://bucket/a",
        "s3://",
        "s3:///a",
        "s3://Bucket/a",
        "s3://bucket/a/../b",
        "s3://bucket/..",
        "s3://bucket/./a",
        "s3://bucket/a\0b",
        "s3://bucket/a\nb",
        "a\0b",
        "/etc",
        "../outside",
        "file://host/a",
    ],
)
def test_any_other_place_for_models_is_refused(
    access: Access, root: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.chdir(root)
    with pytest.raises(InvalidInput):
        access.location(uri)


def test_a_bucket_for_models_must_be_in_the_list() -> None:
    with pytest.raises(InvalidInput, match="SER_ALLOWED_BUCKETS"):
        Access(Settings(allowed_buckets=("models",))).location("s3://other/prefix")


def test_the_limits_of_corpora_are_settings_that_a_refusal_names() -> None:
    chosen = {"SER_MAX_ENTRIES": "1e6", "SER_MAX_SAMPLES": "30"}
    limits = Settings.from_environment(chosen).corpus_limits
    assert str(limits.entries) == "1,000,000 (SER_MAX_ENTRIES)"
    assert limits.samples == Limit(30, "SER_MAX_SAMPLES")
    default = Settings.from_environment({}).corpus_limits
    assert (default.entries.value, default.samples.value) == (100_000, NO_LIMITS.samples.value)
    with pytest.raises(SettingsError, match="SER_MAX_ENTRIES is '0'; allowed: a positive number"):
        Settings.from_environment({"SER_MAX_ENTRIES": "0"})
    with pytest.raises(SettingsError, match="SER_MAX_SAMPLES is '-1'; allowed: a number of 0 or "):
        Settings.from_environment({"SER_MAX_SAMPLES": "-1"})


@pytest.mark.parametrize("value", ["a" * 256, "é" * 128, "/".join(["a" * 200] * 30)])
def test_a_path_that_no_file_can_have_is_refused(value: str, tmp_path: Path) -> None:
    access = Access(Settings(allowed_paths=(tmp_path,)))
    with pytest.raises(InvalidInput, match=r"longer than [\d,]+ bytes; allowed: "):
        access.path(str(tmp_path / value))
    assert access.path(str(tmp_path / ("é" * 127))).name == "é" * 127
