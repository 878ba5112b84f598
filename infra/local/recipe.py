"""The fields of a preset as JSON, for ``make recipe``: a file for ``REQUEST``."""

from __future__ import annotations

import os
import sys

import msgspec

from ser.training import DEFAULT_PRESET, PRESETS


def main() -> None:
    """Print the fields of the preset that the environment names."""
    name = os.environ.get("PRESET") or DEFAULT_PRESET
    if name not in PRESETS:
        sys.exit(f"PRESET={name} is no preset; allowed: {', '.join(PRESETS)}")
    fields = {"preset": name, **PRESETS[name]}
    print(msgspec.json.format(msgspec.json.encode(fields)).decode())


if __name__ == "__main__":
    main()
