"""Shards of corpora, as webdataset and Hugging Face `datasets` write them."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any


def tar(files: Mapping[str, bytes], compression: str = "") -> bytes:
    """Return a tar archive of ``files``."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=f"w:{compression}") as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def fatal_parquet() -> bytes:
    """Return a Parquet table that ends a process in which pyarrow reads it.

    Its schema declares integers in the last column, whose size statistics are those of texts, which
    the C++ library refuses by an exception that its binding does not catch.
    """
    table = parquet([{"audio": {"bytes": b"1", "path": "1.wav"}, "label": "joy"}])
    # In Thrift's compact protocol: the physical type of an optional column, 6 or 2.
    before, texts, after = table.rpartition(b"\x15\x0c\x25\x02")
    assert texts
    return before + b"\x15\x04\x25\x02" + after


def parquet(
    rows: Sequence[Mapping[str, Any]],
    classes: Mapping[str, Sequence[str]] | None = None,
    group: int = 3,
) -> bytes:
    """Return a Parquet table whose row groups have ``group`` rows.

    ``classes`` has the names of the values of columns, which `datasets` keeps in the metadata.
    """
    import pyarrow
    from pyarrow import parquet as files

    table = pyarrow.Table.from_pylist([*rows])
    features: dict[str, Any] = {"audio": {"_type": "Audio"}}
    for column, names in (classes or {}).items():
        features[column] = {"names": [*names], "_type": "ClassLabel"}
    metadata = json.dumps({"info": {"features": features}})
    content = io.BytesIO()
    files.write_table(
        table.replace_schema_metadata({"huggingface": metadata}), content, row_group_size=group
    )
    return content.getvalue()
