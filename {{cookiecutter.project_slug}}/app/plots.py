"""The two plots of the page as SVG text: colours follow the page, letters are the reader's own."""

import re
import threading
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from io import StringIO
from typing import Any, TypeVar, cast

from {{ cookiecutter.package_name }}.models.explain import Contributions
from {{ cookiecutter.package_name }}.reports.style import (
    BASELINE,
    FAINT,
    INK,
    MODEL,
    OTHER,
    panels,
    short,
)

from .form import brief, number
from .what_if import WhatIf

MOST_BARS = 10
WIDTH = 4.7  # inches
ROW = 0.27  # inches of one bar
# The page sets these; a viewer that does not know them draws the colours of the report.
VARIABLES = {
    INK: "--plot-ink",
    FAINT: "--plot-line",
    BASELINE: "--plot-soft",
    MODEL: "--plot-main",
    OTHER: "--plot-other",
}
KEEP_TEXT = {"svg.fonttype": "none"}
UNKNOWN = "(missing or unknown)"
DRAWING = threading.Lock()
Draw = TypeVar("Draw", bound=Callable[..., str])


def one_at_a_time(draw: Draw) -> Draw:
    """Let one thread draw at a time: the style that is set meanwhile is matplotlib's for all."""

    @wraps(draw)
    def drawn(*arguments: Any) -> str:
        with DRAWING:
            return draw(*arguments)

    return cast(Draw, drawn)


@one_at_a_time
def contributions(explained: Contributions, title: str) -> str:
    """Draw what each input adds to the prediction: the largest ten, the rest as one bar.

    Args:
        explained: The contributions, by input.
        title: What they are, and in which unit.
    """
    ranked = sorted(explained.contributions.items(), key=lambda item: -abs(item[1]))
    bars = [
        (f"{short(name)} = {brief(explained.values[name], UNKNOWN)}", share)
        for name, share in ranked
    ]
    if len(bars) > MOST_BARS + 1:
        rest = [share for _, share in bars[MOST_BARS:]]
        bars = [*bars[:MOST_BARS], (f"{len(rest)} others", sum(rest))]
    bars = bars[::-1]
    with panels(WIDTH, 0.75 + ROW * len(bars), 1) as ((axes,), _):
        shares = [share for _, share in bars]
        places = range(len(bars))
        colors = [MODEL if share >= 0 else OTHER for share in shares]
        axes.barh(places, shares, color=colors, height=0.66)
        axes.axvline(0, color=INK, lw=0.8)
        axes.set_yticks(places, [label for label, _ in bars])
        axes.spines.left.set_visible(False)
        for place, share in zip(places, shares, strict=True):
            side = "left" if share >= 0 else "right"
            where = {"xytext": (4 if share >= 0 else -4, 0), "textcoords": "offset points"}
            axes.annotate(
                number(share, sign=True), (share, place), va="center", ha=side, fontsize=9, **where
            )
        low, high = min(0.0, *shares), max(0.0, *shares)
        room = 0.42 * (high - low) or 1.0
        axes.set_xlim(low - room * (low < 0), high + room * (high > 0))
        axes.set_ylim(-0.6, len(bars) - 0.4)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        _title(axes, title)
        axes.locator_params(axis="x", nbins=6)
        return svg(axes.figure)


@one_at_a_time
def what_if(curve: WhatIf, title: str) -> str:
    """Draw the predictions for other values: a line for numbers and dates, else one bar each.

    Args:
        curve: Predictions for one row with one value changed.
        title: What is predicted, with its unit.
    """
    line = all(isinstance(value, int | float | datetime) for value in curve.values)
    if line and curve.values == sorted(curve.values) and not isinstance(curve.values[0], bool):
        return _line(curve, title)
    return _bars(curve, title)


def svg(figure: Any) -> str:
    """Return a figure as SVG for the inside of a page."""
    import matplotlib as mpl

    file = StringIO()
    style: Any = KEEP_TEXT
    with mpl.rc_context(style):
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    text = file.getvalue()
    text = re.sub(r"<!--.*?-->\n?", "", text[text.index("<svg") :], flags=re.DOTALL)
    for color, variable in VARIABLES.items():
        text = text.replace(f": {color}", f": var({variable}, {color})")
    return text


def _line(curve: WhatIf, title: str) -> str:
    with panels(WIDTH, 2.9, 1) as ((axes,), _):
        if curve.half_widths is not None:
            pairs = list(zip(curve.predicted, curve.half_widths, strict=True))
            low = [value - half for value, half in pairs]
            high = [value + half for value, half in pairs]
            axes.fill_between(curve.values, low, high, color=MODEL, alpha=0.14, lw=0)
        axes.plot(curve.values, curve.predicted, color=MODEL, lw=1.8)
        _threshold(axes.axhline, curve)
        value, predicted = curve.current
        if value is not None and curve.values[0] <= value <= curve.values[-1]:
            axes.plot([value], [predicted], marker="o", ms=8, color=OTHER, zorder=3, clip_on=False)
        hours = curve.change.step == "hour"
        axes.set_xlabel("Hour of that day" if hours else short(curve.change.column))
        _title(axes, title)
        if isinstance(curve.values[0], datetime):
            _dates(axes, curve)
        if curve.label is not None:
            axes.set_ylim(*_share_limits(curve))
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.margins(x=0.02)
        return svg(axes.figure)


def _bars(curve: WhatIf, title: str) -> str:
    pairs = sorted(zip(curve.predicted, curve.values, strict=True), key=lambda pair: pair[0])
    with panels(WIDTH, 0.75 + ROW * len(pairs), 1) as ((axes,), _):
        places = range(len(pairs))
        ours = [value == curve.current[0] for _, value in pairs]
        colors = [OTHER if own else MODEL for own in ours]
        axes.barh(places, [predicted for predicted, _ in pairs], color=colors, height=0.66)
        _threshold(axes.axvline, curve)
        axes.set_yticks(places, [brief(value) for _, value in pairs])
        axes.spines.left.set_visible(False)
        axes.set_ylim(-0.6, len(pairs) - 0.4)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        _title(axes, title)
        if curve.label is not None:
            axes.set_xlim(*_share_limits(curve))
            axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        else:
            low, high = pairs[0][0], pairs[-1][0]
            axes.axvline(0, color=INK, lw=0.8)
            room = 0.06 * (max(high, 0) - min(low, 0))
            axes.set_xlim(min(low, 0) - room * (low < 0), max(high, 0) + room * (high > 0))
        axes.locator_params(axis="x", nbins=6)
        return svg(axes.figure)


def _title(axes: Any, text: str) -> None:
    """Write over the whole plot: names may be long, and upright letters are read faster."""
    axes.figure.suptitle(text, x=0.01, ha="left", fontsize=10)


def _share_limits(curve: WhatIf) -> tuple[float, float]:
    """Begin at 0, and end at 1 or, where all is small, somewhat above the largest share."""
    top = max(*curve.predicted, curve.threshold or 0.0)
    return 0.0, min(1.0, 1.15 * top + 0.01)


def _threshold(draw: Any, curve: WhatIf) -> None:
    if curve.threshold is not None:
        draw(curve.threshold, color=INK, lw=0.9, ls=":")


def _dates(axes: Any, curve: WhatIf) -> None:
    import matplotlib.dates

    dates: Any = matplotlib.dates  # untyped
    hours = curve.change.step == "hour"
    axes.xaxis.set_major_locator(dates.AutoDateLocator(maxticks=7))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M" if hours else "%d %b"))
