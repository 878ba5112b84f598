"""Puts the files of onnxruntime-web that the page loads into the package, from npm.

``make init`` and the build of the wheel run it. npm verifies each package against the hashes in
``package-lock.json``, and knows the mirrors and proxies of this machine. The files are not part of
the repository. The page works without them, but then the server alone judges.
"""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parents[1] / "shared" / "ser" / "service" / "page" / "runtime"
LOCK = "package-lock.json"
FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
"""Its smallest build, with the WebAssembly of the processor alone."""
PACKED = ("ort-wasm-simd-threaded.wasm",)
"""Files that are stored compressed, as browsers get them: 14 MB become 4."""
SECONDS = 300
"""Time-out of npm."""


def is_current(target: Path = TARGET) -> bool:
    """Return whether ``target`` has the files of the present lock."""
    lock = target / LOCK
    return lock.is_file() and lock.read_bytes() == (HERE / LOCK).read_bytes()


def install(target: Path = TARGET) -> None:
    """Write the files to the folder ``target``.

    Raises
    ------
    OSError, subprocess.SubprocessError
        npm is missing, or does not get the package that the lock names.
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
    """Return the contents of files of a package that the lock names.

    Raises
    ------
    OSError, subprocess.SubprocessError
        npm is missing, or does not get the package.
    """
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
    with tempfile.TemporaryDirectory() as folder:
        for name in ("package.json", LOCK):
            shutil.copyfile(HERE / name, Path(folder, name))
        subprocess.run(
            [*command, "--loglevel=error", "--no-update-notifier"],
            cwd=folder,
            check=True,
            timeout=SECONDS,
            stdout=subprocess.DEVNULL,
        )
        return [Path(folder, "node_modules", package, name).read_bytes() for name in names]


def main() -> None:
    """Install unless the files are there; without npm, say what is missing."""
    if is_current():
        return
    try:
        install()
    except (OSError, subprocess.SubprocessError) as error:
        sys.stderr.write(
            f"onnxruntime-web was not installed ({error}). Everything works but judging in the "
            "browser: on the page the server alone judges. To try again: make page\n"
        )


if __name__ == "__main__":
    main()
