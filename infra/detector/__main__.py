"""Fit the weights of the detector, or measure it.

``python -m detector fit SPEECH.zip MUSIC`` and ``python -m detector measure SPEECH MUSIC...``, with
``PYTHONPATH=infra``: ``SPEECH`` is a zip archive of utterances, ``MUSIC`` a folder of music and
effects; ``measure`` takes any number of each.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from detector.fitting import fit, write
from detector.generated import Array, generated
from detector.recorded import CONDITIONS, excerpts, utterances
from ser.sounds import contains_speech

MOST = 200
"""Maximum number of utterances of each archive that are measured in each condition."""


def main() -> None:
    """Run the command."""
    command, *arguments = sys.argv[1:] or ["help"]
    paths = [Path(argument) for argument in arguments]
    archives = [path for path in paths if path.is_file()]
    folders = [path for path in paths if path.is_dir()]
    if len(archives) + len(folders) < max(2, len(paths)) or command not in ("fit", "measure"):
        sys.exit((__doc__ or "").strip())
    if command == "fit":
        write(fit(archives, folders))
    else:
        for line in measure(archives, folders):
            print(line, flush=True)


def measure(archives: list[Path], folders: list[Path]) -> Iterator[str]:
    """Yield a line for each set of sounds: how many of them contain speech."""
    for archive in archives:
        for name, change in CONDITIONS.items():
            yield count(f"{archive.stem}, {name}", changed(utterances(archive, MOST), change))
    kinds: dict[str, list[Array]] = {}
    for name, sound in generated(40, seed=2):
        kinds.setdefault(name, []).append(sound)
    for name, sounds in kinds.items():
        yield count(name, sounds)
    for folder in folders:
        yield count(folder.name, excerpts(folder, each=6))


def changed(sounds: Iterable[Array], change: Callable[..., Array]) -> Iterator[Array]:
    random = np.random.default_rng(2)
    for sound in sounds:
        yield change(sound, random)


def count(name: str, sounds: Iterable[Array]) -> str:
    found = [contains_speech(np.asarray(sound, np.float32)) for sound in sounds]
    return f"{name}: {sum(found)} of {len(found)} contain speech"


if __name__ == "__main__":
    main()
