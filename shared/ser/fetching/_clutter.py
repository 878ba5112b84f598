"""Files that operating systems add to folders and archives for their own use."""

from __future__ import annotations

from pathlib import PurePosixPath


def is_clutter(file: PurePosixPath) -> bool:
    """Return whether macOS added ``file``: resource forks and the settings of folders.

    Apple, "AppleDouble": the fork of ``a.wav`` is ``._a.wav`` beside it or below ``__MACOSX``, so
    it has the suffix of a sound. ``Icon`` with a carriage return is the picture of a folder.
    """
    settings = (".DS_Store", "Icon\r")
    return "__MACOSX" in file.parts or file.name.startswith("._") or file.name in settings
