"""What Terraform makes of infra/aws, once, at a cloud that moto plays.

The provider watches the lifecycle of a bucket for nearly a minute before it believes in it. So the
deployment begins with the first test, and those that can do without it come first.
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
    """Whatever order pytest has taken: what needs no deployment comes first, and what destroys it
    (see :func:`doomed`) last."""
    here = Path(__file__).parent
    places = [i for i, item in enumerate(session.items) if item.path.is_relative_to(here)]
    in_turn = sorted((session.items[place] for place in places), key=turn)
    for place, item in zip(places, in_turn, strict=True):
        session.items[place] = item


def turn(item: pytest.Item) -> int:
    return sum(wanted in getattr(item, "fixturenames", ()) for wanted in ("deployed", "doomed"))


@pytest.fixture(scope="package")
def cloud() -> Iterator[Cloud]:
    with terraform.playing() as cloud:
        yield cloud


@pytest.fixture(scope="package")
def root(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Root]:
    """Makes copies of Terraform's folders."""
    return lambda folder: Root(folder, tmp_path_factory.mktemp("root") / folder.name, cloud)


@pytest.fixture(scope="package")
def spare(root: Callable[[Path], Root]) -> Root:
    """The deployment's files, never applied."""
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
    """The one deployment, to look at; what a test changes of it, it puts back."""
    return applying.result()


@pytest.fixture(scope="package")
def doomed(deployed: Deployment) -> Deployment:
    """The same, for those who destroy it."""
    return deployed


@pytest.fixture
def open_bucket(deployed: Deployment) -> Iterator[Any]:
    """The bucket as moto can play it: it speaks no TLS, takes no notice of conditions, and would
    look for Docker to announce anything."""
    s3, named = deployed.client("s3"), {"Bucket": BUCKET}
    policy = s3.get_bucket_policy(**named)["Policy"]
    announced = s3.get_bucket_notification_configuration(**named)
    s3.delete_bucket_policy(**named)
    s3.put_bucket_notification_configuration(**named, NotificationConfiguration={})
    yield s3
    # What Terraform has the provider delete at once, moto deletes one by one.
    for version in versions(s3):
        s3.delete_object(**named, **version)
    del announced["ResponseMetadata"]
    s3.put_bucket_notification_configuration(**named, NotificationConfiguration=announced)
    s3.put_bucket_policy(**named, Policy=policy)


def versions(s3: Any) -> list[dict[str, str]]:
    """Every version of every object of the bucket."""
    found = s3.list_object_versions(Bucket=BUCKET)
    every = found.get("Versions", []) + found.get("DeleteMarkers", [])
    return [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in every]
