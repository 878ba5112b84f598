"""The measured quantities with their units and targets."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Literal, NamedTuple

DURATIONS = (1, 3, 10)
"""Durations of the clips for warm functions, in seconds."""
PERCENTILES = (50, 95, 99)
SAME_NETWORK = ", same network"
"""Suffix of rows in which our function serves the network of the usual one."""
DIRECT = ", without Keras's predict()"
"""Suffix of rows in which the usual function calls its network directly."""
ACCURATE = ", accurate"
"""Suffix of rows in which our function serves a model with a pretrained encoder."""

Side = Literal["ours", "usual"]


class Target(NamedTuple):
    """A bound for the median of our values or of the ratios."""

    of: Literal["ours", "ratio"]
    bound: float


@dataclass
class Row:
    """A measured quantity; values of ``ours`` and ``usual`` are measured in turn."""

    name: str
    unit: str
    targets: tuple[Target, ...] = ()
    guide: float | None = None
    """Approximate median on a machine with two cores; no target."""
    more_is_better: bool = False
    ours: list[float] = field(default_factory=list)
    usual: list[float] = field(default_factory=list)

    def of(self, side: Side) -> list[float]:
        """Return the values of ``side``."""
        return self.ours if side == "ours" else self.usual

    @property
    def ratios(self) -> list[float]:
        """Factors by which our values are better, by turn; empty if nothing is compared."""
        pairs = list(zip(self.ours, self.usual, strict=True)) if self.usual else []
        return [o / u if self.more_is_better else u / o for o, u in pairs]

    def reached(self, target: Target) -> bool | None:
        """Return whether ``target`` is reached; ``None`` if its values were not measured."""
        values = self.ratios if target.of == "ratio" else self.ours
        if not values:
            return None
        upwards = self.more_is_better or target.of == "ratio"
        return median(values) >= target.bound if upwards else median(values) <= target.bound


Rows = dict[str, Row]


def all_rows() -> Rows:
    """Return all rows of the benchmark by name, without values."""
    listed = [
        Row("first answer, local", "s", (Target("ratio", 12),), guide=0.5),
        Row(f"first answer, local{SAME_NETWORK}", "s"),
        Row("first answer, S3", "s", (Target("ratio", 12),)),
        Row("resident memory after it", "MiB"),
        Row("peak memory up to it", "MiB", (Target("ours", 96), Target("ratio", 8))),
        Row(f"peak memory up to it{SAME_NETWORK}", "MiB"),
        Row(f"first answer, local{ACCURATE}", "s", (Target("ours", 0.6),)),
        Row(f"resident memory after it{ACCURATE}", "MiB"),
        Row(f"peak memory up to it{ACCURATE}", "MiB", (Target("ours", 150),)),
        Row("installed size, predict", "MB", (Target("ours", 200),)),
        Row("installed size, train", "MB"),
        *(latency(seconds, p) for seconds in DURATIONS for p in PERCENTILES),
        Row(f"3 s clip, p50{SAME_NETWORK}", "ms"),
        Row(f"3 s clip, p50{DIRECT}", "ms"),
        Row(f"3 s clip, p50{ACCURATE}", "ms", (Target("ours", 30),)),
        Row(f"10 s clip, p50{ACCURATE}", "ms"),
        Row("3 s clips, 1 client", "requests/s", more_is_better=True),
        Row("3 s clips, 8 clients", "requests/s", more_is_better=True),
        Row(f"3 s clips, 8 clients{ACCURATE}", "requests/s", more_is_better=True),
        Row("10 min sound", "s"),
        Row(f"10 min sound{SAME_NETWORK}", "s"),
        Row(f"10 min sound{ACCURATE}", "s"),
        # 300 MB.
        Row("10 min sound, peak memory", "MiB", (Target("ours", 286),)),
        Row(f"10 min sound, peak memory{ACCURATE}", "MiB"),
        Row("front-end Functionals", "× real time", (Target("ours", 300),), more_is_better=True),
        Row("front-end MFCC", "× real time", more_is_better=True),
        Row("3 s clip, p95 during a training", "ms"),
        Row("the same, beside that of idle", "×", (Target("ours", 4),)),
        Row("training KerasClassifier, first time", "s"),
        Row("training KerasClassifier, second time", "s", (Target("ours", 20),)),
        Row("training our recipe, first time", "s"),
        Row("training our recipe, second time", "s"),
    ]
    return {row.name: row for row in listed}


def latency(seconds: int, percentile: int) -> Row:
    name = f"{seconds} s clip, p{percentile}"
    if (seconds, percentile) == (3, 50):
        return Row(name, "ms", (Target("ratio", 6),), guide=12)
    return Row(name, "ms")
