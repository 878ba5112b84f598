"""The part of botocore's data that is read, compared with all of it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.loaders import Loader, create_loader
from botocore.model import ServiceModel
from botocore.regions import EndpointResolver

from ser._s3 import create_client
from ser._s3_data import OPERATIONS, SERVICES, DataLoader


@pytest.fixture(scope="module")
def whole() -> Loader:
    return create_loader(None)


@pytest.fixture(scope="module")
def part() -> DataLoader:
    return DataLoader(None)


def without_documentation(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: without_documentation(each)
            for name, each in value.items()
            if name != "documentation" or not isinstance(each, str)
        }
    return [without_documentation(each) for each in value] if isinstance(value, list) else value


def test_operations_and_their_shapes_are_those_of_botocore(whole: Loader, part: DataLoader) -> None:
    models = [each.load_service_model("s3", "service-2") for each in (whole, part)]
    expected, found = (without_documentation(json.loads(json.dumps(each))) for each in models)
    assert set(found["operations"]) == set(OPERATIONS)
    for name, value in found.items():
        same = expected[name]
        if name in ("operations", "shapes"):
            same = {each: same[each] for each in value}
        assert value == same
    # Every shape that they refer to is there.
    model = ServiceModel(models[1], service_name="s3")
    operations = [model.operation_model(name) for name in OPERATIONS]
    assert all(each.input_shape.members for each in operations)
    assert {each.name for each in model.error_shapes} >= {"NoSuchKey"}
    assert len(json.dumps(models[1])) < len(json.dumps(models[0])) / 10


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
def test_endpoints_are_those_of_botocore(
    whole: Loader, part: DataLoader, service: str, region: str
) -> None:
    expected, found = (
        EndpointResolver(each.load_data("endpoints")).construct_endpoint(service, region)
        for each in (whole, part)
    )
    assert found == expected


def test_other_documents_are_read_whole(whole: Loader, part: DataLoader) -> None:
    for name in ("partitions", "sdk-default-configuration", "_retry"):
        assert part.load_data(name) == whole.load_data(name)
    for service, name in (("sts", "service-2"), ("s3", "endpoint-rule-set-1")):
        assert part.load_service_model(service, name) == whole.load_service_model(service, name)


@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_a_document_of_another_layout_is_read_whole(tmp_path: Path, suffix: str) -> None:
    other: dict[str, Any] = {"operations": [], "shapes": {}}
    folder = tmp_path / "s3" / "2040-01-01"
    folder.mkdir(parents=True)
    data = json.dumps(other).encode()
    (folder / f"service-2{suffix}").write_bytes(gzip.compress(data) if suffix[-1] == "z" else data)
    # The folders of AWS_DATA_PATH come first, and the latest version is read.
    found = DataLoader(str(tmp_path)).load_service_model("s3", "service-2")
    assert found == other


def test_a_client_finds_its_region_and_endpoint_in_the_usual_places(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "speech")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    (tmp_path / "config").write_text(
        "[profile speech]\nregion = eu-south-2\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    client = create_client()
    assert client.meta.region_name == "eu-south-2"
    assert client.meta.endpoint_url == "https://s3.eu-south-2.amazonaws.com"
    url = client.generate_presigned_url("get_object", Params={"Bucket": "models", "Key": "k"})
    assert url.startswith("https://models.s3.")
