"""Puts the files of onnxruntime-web that the page loads into the package, from npm's registry.

``make init`` and the build of the wheel run it, with Python alone: neither Node.js nor npm is
needed. An archive whose SHA-512 differs from that in ``package-lock.json`` is refused. The files
are not part of the repository. The page works without them, but then the server alone judges.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import sys
import tarfile
import urllib.request
from base64 import b64encode
from http.client import HTTPException
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[1] / "shared" / "ser" / "service" / "page" / "runtime"
LOCK = "package-lock.json"
REGISTRY = os.environ.get("NPM_CONFIG_REGISTRY", "https://registry.npmjs.org")
"""The setting by which npm itself takes packages from a mirror."""
FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
"""Its smallest build, with the WebAssembly of the processor alone."""
PACKED = ("ort-wasm-simd-threaded.wasm",)
"""Files that are stored compressed, as browsers get them: 14 MB become 4."""
MOST = 100_000_000
"""Bytes of an archive at most; that of onnxruntime-web, with all its builds, has 33 million."""
SECONDS = 30
"""Time-out of a connection, and of each read."""


def is_current(target: Path = TARGET) -> bool:
    """Return whether ``target`` has the files of the present lock."""
    lock = target / LOCK
    return lock.is_file() and lock.read_bytes() == (HERE / LOCK).read_bytes()


def install(target: Path = TARGET) -> None:
    """Write the files to the folder ``target``.

    Raises
    ------
    OSError, HTTPException, ValueError
        The registry does not send the archive that the lock names.
    """
    contents = read("onnxruntime-web", *(f"dist/{name}" for name in FILES))
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name, data in zip(FILES, contents, strict=True):
        if name in PACKED:
            # Without a time, so that the same files have the same paths.
            (target / f"{name}.gz").write_bytes(gzip.compress(data, mtime=0))
        else:
            (target / name).write_bytes(data)
    # Last: it says that the others are complete.
    shutil.copyfile(HERE / LOCK, target / LOCK)


def read(package: str, *names: str) -> list[bytes]:
    """Return the contents of files in the archive of a package that the lock names.

    Raises
    ------
    OSError, HTTPException, ValueError
        The registry does not send the archive that the lock names.
    """
    locked = json.loads((HERE / LOCK).read_text())["packages"][f"node_modules/{package}"]
    url = f"{REGISTRY.rstrip('/')}/{package}/-/{package}-{locked['version']}.tgz"
    with urllib.request.urlopen(url, timeout=SECONDS) as response:  # noqa: S310, the hash decides
        data = response.read(MOST)
    found = f"sha512-{b64encode(hashlib.sha512(data).digest()).decode()}"
    if found != locked["integrity"]:
        raise ValueError(f"{url} has the hash {found}; allowed: {locked['integrity']}")
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return [content(archive, f"package/{name}") for name in names]


def content(archive: tarfile.TarFile, name: str) -> bytes:
    """Return the content of the file ``name``."""
    file = archive.extractfile(name)
    if file is None:
        raise ValueError(f"{name} is no file")
    return file.read()


def main() -> None:
    """Install unless the files are there; without the registry, say what is missing."""
    if is_current():
        return
    try:
        install()
    except (OSError, HTTPException, ValueError) as error:
        sys.stderr.write(
            f"onnxruntime-web was not installed ({error}). Everything works but judging in the "
            "browser: on the page the server alone judges. To try again: make page\n"
        )


if __name__ == "__main__":
    main()
