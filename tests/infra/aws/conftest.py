"""One deployment of infra/aws by Terraform, with moto in place of AWS.

The provider waits nearly a minute until the lifecycle rules of a bucket are stable. So the
deployment starts with the first test, and tests that do not need it come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import terraform
from applied import AWS, BUCKET, CHOSEN, Deployment
from terraform import Cloud, Root


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Move tests without the deployment to the front, and those that destroy it (see
    :func:`destroyable`) to the end."""
    here = Path(__file__).parent
    positions = [i for i, item in enumerate(session.items) if item.path.is_relative_to(here)]
    in_order = sorted((session.items[position] for position in positions), key=rank)
    for position, item in zip(positions, in_order, strict=True):
        session.items[position] = item


def rank(item: pytest.Item) -> int:
    return sum(name in getattr(item, "fixturenames", ()) for name in ("deployed", "destroyable"))


@pytest.fixture(scope="package")
def cloud() -> Iterator[Cloud]:
    with terraform.running_cloud() as cloud:
        yield cloud


@pytest.fixture(scope="package")
def root(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Root]:
    """Returns a copy of a root module."""
    return lambda folder: Root(folder, tmp_path_factory.mktemp("root") / folder.name, cloud)


@pytest.fixture(scope="package")
def spare(root: Callable[[Path], Root]) -> Root:
    """A copy of infra/aws that is never applied."""
    return root(AWS)


@pytest.fixture(scope="package", autouse=True)
def applying(cloud: Cloud, root: Callable[[Path], Root]) -> Iterator[Future[Deployment]]:
    main, before = root(AWS), cloud.inventory()

    def apply() -> Deployment:
        main.apply(*CHOSEN)
        return Deployment(main, cloud, before, main.outputs)

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(apply)


@pytest.fixture(scope="package")
def deployed(applying: Future[Deployment]) -> Deployment:
    """The deployment, which tests do not change, or restore."""
    return applying.result()


@pytest.fixture(scope="package")
def destroyable(deployed: Deployment) -> Deployment:
    """The deployment, for tests that destroy it."""
    return deployed


@pytest.fixture
def open_bucket(deployed: Deployment) -> Iterator[Any]:
    """The bucket without its policy and notifications: moto has no TLS, ignores conditions, and
    would run functions in Docker."""
    s3, named = deployed.client("s3"), {"Bucket": BUCKET}
    policy = s3.get_bucket_policy(**named)["Policy"]
    announced = s3.get_bucket_notification_configuration(**named)
    s3.delete_bucket_policy(**named)
    s3.put_bucket_notification_configuration(**named, NotificationConfiguration={})
    yield s3
    # moto deletes versions only one by one.
    for version in versions(s3):
        s3.delete_object(**named, **version)
    del announced["ResponseMetadata"]
    s3.put_bucket_notification_configuration(**named, NotificationConfiguration=announced)
    s3.put_bucket_policy(**named, Policy=policy)


def versions(s3: Any) -> list[dict[str, str]]:
    """Return every version of every object in the bucket."""
    found = s3.list_object_versions(Bucket=BUCKET)
    every = found.get("Versions", []) + found.get("DeleteMarkers", [])
    return [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in every]
