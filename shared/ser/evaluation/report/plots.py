"""The plots of a report: SVG in the colour of the surrounding text.

Equal data give equal figures, without dates or random identifiers. The state of matplotlib is
restored after each figure.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ser._schemas import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#010203"
"""Placeholder that is replaced by the colour of the text in the finished figure."""
ACCENT = "#3b82c4"
"""Colour of bars and curves, readable on white and on black."""
WIDTH = 5.0
"""Width of a plot in inches of 72 points; on a phone a point is one CSS pixel."""
LONGEST = 24
"""Maximum length of a name in a plot, in characters."""

STYLE: dict[str, Any] = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "figure.constrained_layout.use": True,
    "grid.alpha": 0.15,
    "svg.fonttype": "none",
    # Labels of corpora may contain dollar signs.
    "text.parse_math": False,
}
INKED = (
    "axes.edgecolor",
    "axes.labelcolor",
    "grid.color",
    "text.color",
    "xtick.color",
    "ytick.color",
)
"""Settings of the style that have the colour of the text."""


def confusion(matrix: Sequence[Sequence[int]], names: Sequence[str], salt: str = "") -> str:
    """Return the confusion matrix as SVG; its rows are true, its columns predicted emotions.

    ``names`` are the names of the emotions, in the order of the rows and columns. ``salt``
    distinguishes equal matrices on one page.
    """
    with drawing(INK, salt=f"{names}{matrix}{salt}"):
        return svg(confusion_figure(matrix, names))


def confusion_picture(matrix: Sequence[Sequence[int]], names: Sequence[str], title: str) -> bytes:
    """Return the confusion matrix as PNG; parameters as for :func:`confusion`."""
    with drawing("black"):
        figure = confusion_figure(matrix, names)
        figure.suptitle(title)
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=160)
    return file.getvalue()


def confusion_figure(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> Figure:
    """Return a figure of the counts; the colours show their shares of the row."""
    import matplotlib as mpl
    from matplotlib.colors import LinearSegmentedColormap
    from sklearn.metrics import ConfusionMatrixDisplay

    counts = np.asarray(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # Never opaque, so text of one colour is readable on every cell.
    shades = LinearSegmentedColormap.from_list("shades", [(ACCENT, 0.0), (ACCENT, 0.6)])
    short = [shortened(name, LONGEST) for name in names]
    side = 0.45 * len(short)
    margin = 0.6 + 0.085 * max(map(len, short))
    figure, axes = blank(side + margin, side + margin)
    display = ConfusionMatrixDisplay(shares, display_labels=short)
    display.plot(
        ax=axes,
        cmap=shades,
        colorbar=False,
        xticks_rotation="vertical",
        im_kw={"vmin": 0, "vmax": 1, "interpolation": "none"},
        text_kw={"color": mpl.rcParams["text.color"], "fontsize": 9},
    )
    for text, count, share in zip(display.text_.flat, counts.flat, shares.flat, strict=True):
        text.set_text(f"{count}\n{share:.0%}" if count else "")
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_yticks(np.arange(1, len(short)) - 0.5, minor=True)
    axes.grid(axis="y", which="minor")
    axes.spines[:].set_visible(False)
    axes.tick_params(which="both", length=0)
    return figure


def bars(values: Mapping[str, float], middle: float) -> str:
    """Return shares as horizontal bars in SVG, the first on top, with a line at ``middle``."""
    with drawing(INK, salt=f"{values}"):
        figure, axes = blank(WIDTH, 0.5 + 0.27 * len(values))
        names = [shortened(name, LONGEST) for name in values]
        axes.barh(range(len(names)), list(values.values()), color=ACCENT, height=0.7)
        axes.axvline(middle, color=INK, linestyle=":", linewidth=1)
        axes.set_yticks(range(len(names)), names)
        for row, value in enumerate(values.values()):
            axes.text(1.02, row, f"{value:.2f}", va="center")
        axes.set(xlim=(0, 1), xticks=np.linspace(0, 1, 6))
        axes.tick_params(axis="y", length=0)
        axes.invert_yaxis()
        axes.margins(y=0.02)
        return svg(figure)


def reliability(bins: Sequence[Mapping[str, float]]) -> str:
    """Return the reliability diagram as SVG; the area of a point is its number of predictions."""
    with drawing(INK, salt=f"{bins}"):
        figure, axes = blank(WIDTH, WIDTH)
        confidence, accuracy, count = (
            np.asarray([each[name] for each in bins])
            for name in ("confidence", "accuracy", "count")
        )
        axes.plot([0, 1], [0, 1], color=INK, linestyle=":", linewidth=1)
        axes.plot(confidence, accuracy, color=ACCENT)
        areas = 16 + 400 * count / count.sum()
        axes.scatter(confidence, accuracy, areas, color=ACCENT, zorder=2, clip_on=False)
        axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.set(
            xlabel="probability of the predicted emotion", ylabel="share of correct predictions"
        )
        return svg(figure)


def coverage(points: Sequence[Mapping[str, float]]) -> str:
    """Return the recall of the most confident predictions by their share, as SVG."""
    with drawing(INK, salt=f"{points}"):
        figure, axes = blank(WIDTH, 0.6 * WIDTH)
        shares, recalls = ([each[name] for each in points] for name in ("coverage", "uar"))
        axes.plot(shares, recalls, color=ACCENT, marker="o")
        axes.set(xlabel="share of utterances that are predicted", ylabel="recall")
        axes.invert_xaxis()
        axes.grid(axis="y")
        return svg(figure)


@contextmanager
def drawing(ink: str, salt: str = "") -> Iterator[None]:
    """Set the style of the reports while the context is open, with text and lines in ``ink``.

    ``salt`` makes the identifiers in the SVG unique on a page.
    """
    import matplotlib as mpl

    style: Any = STYLE | dict.fromkeys(INKED, ink) | {"svg.hashsalt": salt}
    with mpl.rc_context(style), warnings.catch_warnings():
        # Text is not drawn as paths, so the browser supplies the glyphs that matplotlib lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        yield


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of ``width`` by ``height`` inches, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    return figure, figure.subplots()


def svg(figure: Figure) -> str:
    """Return ``figure`` as an SVG element for a page."""
    file = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    element = file.getvalue()
    element = element[element.index("<svg ") :]
    # All figures use the same identifiers for groups, but these must be unique on a page.
    element = re.sub(r'<g id="[^"]*"', "<g", element)
    return element.replace(INK, "currentColor")
