"""The part of botocore's data that clients of S3 need, read without the rest.

botocore reads the descriptions of all operations of S3, with their documentation, and the
endpoints of all services. To read only a part takes a third of the time and of the memory.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import msgspec
from botocore.loaders import Loader, create_loader
from msgspec import Raw
from msgspec.json import decode

OPERATIONS = (
    *("DeleteObject", "GetObject", "HeadObject", "ListObjectsV2", "PutObject"),
    # botocore itself calls these: for directory buckets, and to find the region of a bucket.
    *("CreateSession", "HeadBucket"),
)
"""The operations that a client has."""
SERVICES = ("s3", "oidc", "portal.sso", "signin", "sts")
"""The services whose endpoints are known: S3, and those that issue credentials."""
SUFFIXES = (".json", ".json.gz")

Document = dict[str, Any]


class DataFiles:
    """Reads the files of botocore's data, in place of its ``JSONFileLoader``."""

    def exists(self, path: str) -> bool:
        """Return whether there is a file at ``path``, a path without its suffix."""
        return any(Path(path + suffix).is_file() for suffix in SUFFIXES)

    def load_file(self, path: str) -> Document | None:
        """Return the document at ``path``, a path without its suffix; ``None`` if there is none."""
        for suffix in SUFFIXES:
            try:
                data = Path(path + suffix).read_bytes()
            except OSError:
                continue
            return document(path, gzip.decompress(data) if suffix.endswith(".gz") else data)
        return None


class DataLoader(Loader):  # type: ignore[misc]
    """Finds the files of botocore's data.

    Parameters
    ----------
    search_path
        botocore's setting ``data_path``: further folders, or ``None``.
    """

    def __init__(self, search_path: str | None) -> None:
        super().__init__(
            extra_search_paths=create_loader(search_path).search_paths,
            file_loader=DataFiles(),
            include_default_search_paths=False,
        )

    def list_available_services(self, type_name: str) -> list[str]:
        """Return the services that have a folder. botocore looks for ``type_name`` in each."""
        del type_name
        folders = filter(Path.is_dir, map(Path, self.search_paths))
        return sorted({each.name for folder in folders for each in folder.iterdir()})


def document(path: str, data: bytes) -> Document:
    """Return the part of a document that is needed, or all of a document of another layout."""
    *_, service, _, name = ("", "", *Path(path).parts)
    try:
        if name == "endpoints":
            return endpoints(data)
        if (service, name) == ("s3", "service-2"):
            return service_model(data)
    except (KeyError, msgspec.ValidationError):
        pass
    whole: Document = decode(data)
    return whole


def endpoints(data: bytes) -> Document:
    """Return the document of endpoints, with those of :data:`SERVICES` alone."""
    whole = decode(data, type=dict[str, Raw])
    partitions = decode(whole.pop("partitions"), type=list[dict[str, Raw]])
    return {
        **{name: decode(value) for name, value in whole.items()},
        "partitions": [
            {
                **{name: decode(value) for name, value in each.items() if name != "services"},
                "services": selected(each["services"], SERVICES),
            }
            for each in partitions
        ],
    }


def service_model(data: bytes) -> Document:
    """Return the description of S3, with :data:`OPERATIONS` and their shapes alone."""
    whole = decode(data, type=dict[str, Raw])
    operations = selected(whole.pop("operations"), OPERATIONS)
    described = decode(whole.pop("shapes"), type=dict[str, Raw])
    shapes: Document = {}
    waiting: list[Any] = [operations]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            if isinstance(value.get("documentation"), str):
                del value["documentation"]
            name = value.get("shape")
            if isinstance(name, str) and name not in shapes:
                shapes[name] = decode(described[name])
                waiting.append(shapes[name])
            waiting += value.values()
    whole.pop("documentation", None)
    return {
        **{name: decode(value) for name, value in whole.items()},
        "operations": operations,
        "shapes": shapes,
    }


def selected(data: Raw, names: tuple[str, ...]) -> Document:
    """Return the values of the object ``data`` that have one of ``names``."""
    values = decode(data, type=dict[str, Raw])
    return {name: decode(values[name]) for name in names if name in values}
