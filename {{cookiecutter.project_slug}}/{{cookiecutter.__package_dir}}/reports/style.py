"""The house style of plots and numbers, for the report and other pages."""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..utils.bootstrap import Estimate

Axes: TypeAlias = Any  # matplotlib is loaded when something is drawn, not before
Png: TypeAlias = Callable[[], bytes]

MODEL, BASELINE, OTHER, INK, FAINT = "#2563c9", "#8b93a1", "#d9772b", "#242a33", "#dfe3e8"
CLASS_COLORS = (MODEL, OTHER, "#2f9467", "#a3489b", "#b3392f", "#6b5bd2", "#8a6d1f", "#2494a8")
DASHED = (0, (4, 2))
WIDTH = 5.6  # inches of a plot that takes one column of the report
LABEL_LENGTH = 26
STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": BASELINE,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 11,
    "font.size": 10,
    "grid.color": FAINT,
    "legend.edgecolor": "none",
    "legend.framealpha": 0.9,
    "text.color": INK,
    "text.parse_math": False,  # names of columns and classes may hold dollar signs
    "xtick.color": INK,
    "ytick.color": INK,
}


@contextmanager
def panels(
    width: float, height: float, columns: int, **options: Any
) -> Iterator[tuple[list[Axes], Png]]:
    """Give a figure in the house style, which matplotlib has for all threads until it is drawn.

    Args:
        width: Of the figure, in inches.
        height: Of the figure, in inches.
        columns: Panels side by side.
        options: For matplotlib's `Figure.subplots`.

    Yields:
        The axes of the panels, and a function that returns the figure as PNG.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Any = STYLE
    with mpl.rc_context(style), warnings.catch_warnings():
        # Names in scripts that the font lacks are drawn as boxes; that is no reason to stop.
        warnings.filterwarnings("ignore", "Glyph")
        figure = Figure(figsize=(width, height), dpi=130, layout="constrained", facecolor="white")
        axes = figure.subplots(1, columns, squeeze=False, **options)

        def png() -> bytes:
            file = BytesIO()
            figure.savefig(file, format="png", metadata={"Software": None})
            return file.getvalue()

        yield list(axes[0]), png


@contextmanager
def panel(width: float, height: float) -> Iterator[tuple[Axes, Png]]:
    """Give a figure with one panel, as `panels`."""
    with panels(width, height, 1) as ((axes,), png):
        yield axes, png


def legend(axes: Axes, place: str) -> None:
    """Put a legend into a panel, if anything in it has a label."""
    if axes.get_legend_handles_labels()[1]:
        axes.legend(loc=place, fontsize=9)


def legend_below(all_axes: Sequence[Axes]) -> None:
    """Put the legend under the plot, where no row of it can be covered."""
    pairs = [
        pair for axes in all_axes for pair in zip(*axes.get_legend_handles_labels(), strict=True)
    ]
    if pairs:
        handles, labels = zip(*pairs, strict=True)
        all_axes[0].figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8)


def error_bars(estimates: Sequence[Estimate]) -> NDArray[np.float64]:
    """Return (2, n) distances down and up to the bounds; 0 where there is none."""
    down = [one.value - one.low for one in estimates]
    up = [one.high - one.value for one in estimates]
    return np.array(np.maximum(np.nan_to_num(np.array([down, up])), 0))


def short(name: str) -> str:
    """Cut a long name to what fits beside an axis."""
    line = " ".join(name.split())
    return line if len(line) <= LABEL_LENGTH else line[: LABEL_LENGTH - 3] + "..."


def in_brackets(unit: str | None) -> str:
    """Write a unit as it follows a name; nothing where there is none."""
    return f" ({unit})" if unit else ""


def number(value: float, sign: bool = False) -> str:
    """Write a number with the digits that count; a dash where it is undefined."""
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    if 0 < size < 0.0005:
        return f"{value:+.1e}" if sign else f"{value:.1e}"
    digits = 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"


def interval(estimate: Estimate, sign: bool = False) -> str:
    """Write an interval as "low to high"; empty where there is none or it has no width."""
    if not estimate.low < estimate.high:
        return ""
    return f"{number(estimate.low, sign)} to {number(estimate.high, sign)}"
