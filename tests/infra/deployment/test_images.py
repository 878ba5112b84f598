"""The images that make package builds."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from clones import SECONDS, Clone, tags


@pytest.mark.parametrize("engine", ["docker", "podman", "buildah"])
def test_package_builds_both_images_with_the_chosen_engine(clone: Clone, engine: str) -> None:
    clone.install(engine)
    chosen = {"PLATFORM": "linux/arm64", "CONTAINERS": "0", "ENCODERS": "0"}
    clone.succeed("package", ENGINE=engine, BASE="debian", **chosen)
    commands = clone.recorded()
    assert [re.findall(r"--target (\S+)", each) for each in commands] == [["train"], ["predict"]]
    for each in commands:
        assert each.startswith(f"{engine} build --file {clone.root}/infra/images/Dockerfile ")
        assert "--build-arg BASE=debian" in each
        assert "--build-arg CONTAINERS=0" in each
        assert "--build-arg ENCODERS=0" in each
        assert "--platform linux/arm64" in each
        assert each.endswith(f" {clone.root}")
        # OCI's format, the default of the others, has no health check.
        assert ("--format docker" in each) is (engine != "docker")


def test_the_tag_depends_on_the_content_alone(clone: Clone) -> None:
    clone.install("podman")
    first = tags(clone.succeed("package", ENGINE="podman"))
    assert len(set(first)) == 1
    assert tags(clone.succeed("package", ENGINE="podman")) == first
    assert tags(clone.succeed("package", ENGINE="podman", BASE="debian")) != first
    assert tags(clone.succeed("package", ENGINE="podman", CONTAINERS="0")) != first
    assert tags(clone.succeed("package", ENGINE="podman", ENCODERS="0")) != first
    assert tags(clone.succeed("package", ENGINE="podman", CONTAINERS="1", ENCODERS="1")) == first
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
        output = subprocess.check_output(inspect, env=environment, timeout=SECONDS)
        image = json.loads(output)["Docker"]["config"]
        assert "FOR=lambda" in image["Env"]
        assert image["Healthcheck"]
        assert tag.startswith(image["Labels"]["org.opencontainers.image.version"])
