"""The number of requests to a store does not grow with the number of models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from ser.registry import Registry
from ser.store import Store
from ser.store._folder import FolderStore
from ser.store._s3 import S3Store

NEWEST = "20261122T143105Z-1a2b3c4d"
FEW, MANY = 3, 1_000


class Calls(list[str]):
    """Calls of a store's methods, in order; with S3, all requests."""

    def of(self, use: Callable[[], object]) -> list[str]:
        """Return the calls that ``use`` makes."""
        self.clear()
        use()
        return list(self)


def older(models: int) -> list[str]:
    """Return the ids of that many models, all older than NEWEST."""
    return [f"20250101T000000Z-{number:08x}" for number in range(models)]


def fill(store: Store, models: int, put: Callable[[str, bytes], object]) -> Registry:
    """Return a registry in ``store`` with that many models; ``latest`` points at NEWEST.

    ``put`` writes to the store fast, without the checks of a registry.
    """
    registry = Registry(store)
    for model_id in older(models - 1):
        put(f"{model_id}/manifest.json", b"{}")
    registry.publish(NEWEST, {"model.onnx": b"graph"}, {})
    registry.move("latest", NEWEST)
    return registry


def fill_folder(folder: Path, models: int) -> Registry:
    def put(key: str, data: bytes) -> None:
        (folder / key).parent.mkdir()
        (folder / key).write_bytes(data)

    return fill(FolderStore(folder), models, put)


def fill_bucket(client: Any, bucket: str, models: int) -> Registry:
    client.create_bucket(Bucket=bucket)
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    return fill(S3Store(bucket, client=client), models, partial(backend.put_object, bucket))


@pytest.fixture(scope="module", params=["folder", "s3"])
def registries(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Registry, Registry, Calls]]:
    """A registry of FEW models, one of MANY, and the calls of both stores from now on."""
    calls = Calls()
    if request.param == "folder":
        few, many = (fill_folder(tmp_path_factory.mktemp("models"), n) for n in (FEW, MANY))
        with pytest.MonkeyPatch.context() as patch:
            watch_folders(patch, calls)
            yield few, many, calls
    else:
        client = request.getfixturevalue("client")
        few, many = (fill_bucket(client, f"of-{n}-models", n) for n in (FEW, MANY))

        def note(model: Any, params: dict[str, Any], **_: Any) -> None:
            calls.append(f"{model.name} {params.get('Key', '')}")

        client.meta.events.register("before-parameter-build.s3", note)
        yield few, many, calls
        client.meta.events.unregister("before-parameter-build.s3", note)


def watch_folders(patch: pytest.MonkeyPatch, calls: Calls) -> None:
    for name in ("_read", "_holds", "_names"):
        method: Callable[..., Any] = getattr(FolderStore, name)

        def watched(
            store: Any, key: str, *rest: Any, name: str = name, method: Any = method
        ) -> Any:
            calls.append(f"{name} {key}")
            return method(store, key, *rest)

        patch.setattr(FolderStore, name, watched)


USES: dict[str, tuple[int, Callable[[Registry], object]]] = {
    "resolve an id": (1, lambda registry: registry.resolve(NEWEST)),
    "resolve an alias": (1, lambda registry: registry.resolve("latest")),
    "a model by its id": (1, lambda registry: registry.model(NEWEST)),
    "a model by an alias": (2, lambda registry: registry.model("latest")),
    "a file of a model": (2, lambda registry: registry.model(NEWEST).read("model.onnx")),
    "move an alias": (2, lambda registry: registry.move("latest", NEWEST)),
}


@pytest.mark.parametrize(("calls", "use"), USES.values(), ids=USES)
def test_a_lookup_makes_the_same_calls_with_few_and_with_many_models_and_lists_nothing(
    registries: tuple[Registry, Registry, Calls], calls: int, use: Callable[[Registry], object]
) -> None:
    few, many, asked = registries
    of_few, of_many = (asked.of(partial(use, registry)) for registry in (few, many))
    assert of_few == of_many
    assert len(of_many) == calls
    assert not [call for call in of_many if "names" in call or "List" in call]


def newest(registry: Registry) -> list[str]:
    return list(registry.ids(limit=FEW))


def test_the_newest_models_are_found_without_reading_the_others(
    registries: tuple[Registry, Registry, Calls],
) -> None:
    few, many, asked = registries
    of_few, of_many = (asked.of(partial(newest, registry)) for registry in (few, many))
    lookups = [call for call in of_many if "manifest.json" in call]
    assert len(lookups) == FEW == len([call for call in of_few if "manifest.json" in call])
    # S3 lists a thousand names to a page, and the aliases' folder is one of them.
    assert len(of_many) - len(lookups) <= 2
    assert newest(many) == [NEWEST, *reversed(older(MANY - 1)[1 - FEW :])]
