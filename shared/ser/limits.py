"""Limits on corpora and sounds. The library sets one, on the samples that are published with a
model; a service passes its own."""

from __future__ import annotations

import math
from typing import NamedTuple


class Limit(NamedTuple):
    """The largest allowed value of a quantity."""

    value: float = math.inf
    setting: str = ""
    """Name of the setting that defines the limit, for messages; empty if there is none."""

    @property
    def origin(self) -> str:
        """The setting in parentheses after a space; an empty string without a setting."""
        return f" ({self.setting})" if self.setting else ""

    def __str__(self) -> str:
        return f"{self.value:,.15g}{self.origin}"

    def less(self, taken: int) -> Limit:
        """Return what the limit leaves if other sources have ``taken`` some of it."""
        if not taken or math.isinf(self.value):
            return self
        return Limit(
            self.value - taken, f"{self.setting or 'limit'} less {taken:,} of other sources"
        )


UNLIMITED = Limit()
MAX_SAMPLES = 200
"""Largest number of held-out samples that are published with a model, unless a caller sets it."""


class Pace(NamedTuple):
    """The longest time of a download in seconds, and its lowest rate in bytes per second."""

    seconds: Limit = UNLIMITED
    rate: Limit = Limit(0)


ANY_PACE = Pace()


class Limits(NamedTuple):
    """Limits on one training."""

    download_bytes: Limit = UNLIMITED
    """Size of the archive in bytes."""
    extracted_bytes: Limit = UNLIMITED
    """Size of the archive's content, or of the files that are read in place, in bytes."""
    entries: Limit = UNLIMITED
    """Number of entries of an archive, or of files or sounds that are read in place."""
    audio_seconds: Limit = UNLIMITED
    """Duration of one sound in seconds."""
    samples: Limit = Limit(MAX_SAMPLES)
    """Number of held-out samples that are published with a model; metrics use all of them. No
    more misheard utterances can be played in its report."""
    corpus_hours: Limit = UNLIMITED
    """Duration of all sounds in hours."""
    file_bytes: Limit = UNLIMITED
    """Size of one file of a corpus in bytes."""
    expansion: Limit = UNLIMITED
    """Ratio of the content of an archive to the archive."""
    labels: Limit = UNLIMITED
    """Number of labels of a corpus."""
    speakers: Limit = UNLIMITED
    """Number of speakers of a corpus."""
    columns: Limit = UNLIMITED
    """Number of columns of a table."""
    features: Limit = UNLIMITED
    """Number of features of a chunk."""
    chunk_values: Limit = UNLIMITED
    """Number of values that the analysis of a chunk needs at once: its frames, each with its
    samples, the bins of its transform and its bands."""
    download_seconds: Limit = UNLIMITED
    """Time of a download in seconds."""
    download_rate: Limit = Limit(0)
    """Lowest rate of a download in bytes per second."""

    @property
    def pace(self) -> Pace:
        """Time and rate of downloads."""
        return Pace(self.download_seconds, self.download_rate)

    def less(self, downloaded: int, extracted: int) -> Limits:
        """Return the limits for one more source, given the bytes of the others."""
        return self._replace(
            download_bytes=self.download_bytes.less(downloaded),
            extracted_bytes=self.extracted_bytes.less(extracted),
        )


NO_LIMITS = Limits()
