"""What make package builds."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from clones import Clone, tags


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_package_builds_both_images_with_the_engine_that_is_chosen(
    clone: Clone, engine: str
) -> None:
    clone.install(engine)
    clone.succeed("package", ENGINE=engine, BASE="debian", PLATFORM="linux/arm64")
    commands = clone.recorded()
    assert [re.findall(r"--target (\S+)", each) for each in commands] == [["train"], ["predict"]]
    for each in commands:
        assert each.startswith(f"{engine} build --file {clone.root}/infra/images/Dockerfile ")
        assert "--build-arg BASE=debian" in each
        assert "--platform linux/arm64" in each
        assert each.endswith(f" {clone.root}")
        # OCI's format, which the others build unless told, has no health check.
        assert ("--format docker" in each) is (engine != "docker")


def test_the_tag_tells_the_content(clone: Clone) -> None:
    clone.install("podman")
    first = tags(clone.succeed("package", ENGINE="podman"))
    assert len(set(first)) == 1
    assert tags(clone.succeed("package", ENGINE="podman")) == first
    assert tags(clone.succeed("package", ENGINE="podman", BASE="debian")) != first
    with (clone.root / "functions" / "train" / "main.py").open("a") as source:
        source.write("\n# changed\n")
    assert tags(clone.succeed("package", ENGINE="podman")) != first


def test_package_builds_images_of_lambda_with_the_real_buildah(
    clone: Clone, buildah: dict[str, str]
) -> None:
    (tag,) = set(tags(clone.succeed("package", "aws", **buildah)))
    for function in ("train", "predict"):
        inspect = ["buildah", "inspect", "--type=image", f"ser-{function}-lambda:{tag}"]
        environment = clone.environment(**buildah)
        told = subprocess.run(inspect, env=environment, capture_output=True, text=True, check=True)
        image = json.loads(told.stdout)["Docker"]["config"]
        assert "FOR=lambda" in image["Env"]
        assert image["Healthcheck"]
        assert tag.startswith(image["Labels"]["org.opencontainers.image.version"])
