"""Files of a training, which exist while it runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ser.errors import StorageFull


@contextmanager
def scratch_folder(size: int) -> Iterator[Path]:
    """Yield an empty folder for files of ``size`` bytes in total, which is removed afterwards.

    Raises
    ------
    StorageFull
        The disk has less space.
    """
    with tempfile.TemporaryDirectory() as folder:
        free = shutil.disk_usage(folder).free
        if free < size:
            raise StorageFull(
                f"the training keeps features in temporary files of {size >> 20} MiB, and "
                f"{free >> 20} MiB are free; allowed: a larger disk for temporary files, or fewer "
                "training chunks"
            )
        yield Path(folder)
