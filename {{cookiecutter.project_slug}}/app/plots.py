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

from .demo import WhatIf, brief, signed

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
    def drawn(*given: Any) -> str:
        with DRAWING:
            return draw(*given)

    return cast(Draw, drawn)


@one_at_a_time
def reasons(found: Contributions, title: str) -> str:
    """Draw what each input adds to the prediction: the largest ten, the rest as one bar.

    Args:
        found: The contributions.
        title: What they are, and in which unit.
    """
    ranked = sorted(found.contributions.items(), key=lambda item: -abs(item[1]))
    bars = [
        (f"{short(name)} = {brief(found.values[name], UNKNOWN)}", share) for name, share in ranked
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
            axes.annotate(signed(share), (share, place), va="center", ha=side, fontsize=9, **where)
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
def what_if(found: WhatIf, title: str) -> str:
    """Draw the predictions for other values: a line for numbers and dates, else one bar each.

    Args:
        found: The predictions.
        title: What is predicted, with its unit.
    """
    line = all(isinstance(value, int | float | datetime) for value in found.values)
    if line and found.values == sorted(found.values) and not isinstance(found.values[0], bool):
        return _line(found, title)
    return _bars(found, title)


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


def _line(found: WhatIf, title: str) -> str:
    with panels(WIDTH, 2.9, 1) as ((axes,), _):
        if found.half is not None:
            low = [value - found.half for value in found.predicted]
            high = [value + found.half for value in found.predicted]
            axes.fill_between(found.values, low, high, color=MODEL, alpha=0.14, lw=0)
        axes.plot(found.values, found.predicted, color=MODEL, lw=1.8)
        _threshold(axes.axhline, found)
        value, predicted = found.now
        if value is not None and found.values[0] <= value <= found.values[-1]:
            axes.plot([value], [predicted], marker="o", ms=8, color=OTHER, zorder=3, clip_on=False)
        hours = found.change.step == "hour"
        axes.set_xlabel("Hour of that day" if hours else short(found.change.column))
        _title(axes, title)
        if isinstance(found.values[0], datetime):
            _dates(axes, found)
        if found.label is not None:
            axes.set_ylim(*_share_limits(found))
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        axes.margins(x=0.02)
        return svg(axes.figure)


def _bars(found: WhatIf, title: str) -> str:
    pairs = sorted(zip(found.predicted, found.values, strict=True), key=lambda pair: pair[0])
    with panels(WIDTH, 0.75 + ROW * len(pairs), 1) as ((axes,), _):
        places = range(len(pairs))
        ours = [value == found.now[0] for _, value in pairs]
        colors = [OTHER if own else MODEL for own in ours]
        axes.barh(places, [predicted for predicted, _ in pairs], color=colors, height=0.66)
        _threshold(axes.axvline, found)
        axes.set_yticks(places, [brief(value) for _, value in pairs])
        axes.spines.left.set_visible(False)
        axes.set_ylim(-0.6, len(pairs) - 0.4)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        _title(axes, title)
        if found.label is not None:
            axes.set_xlim(*_share_limits(found))
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


def _share_limits(found: WhatIf) -> tuple[float, float]:
    """Begin at 0, and end at 1 or, where all is small, somewhat above the largest share."""
    top = max(*found.predicted, found.threshold or 0.0)
    return 0.0, min(1.0, 1.15 * top + 0.01)


def _threshold(draw: Any, found: WhatIf) -> None:
    if found.threshold is not None:
        draw(found.threshold, color=INK, lw=0.9, ls=":")


def _dates(axes: Any, found: WhatIf) -> None:
    import matplotlib.dates

    dates: Any = matplotlib.dates  # untyped
    hours = found.change.step == "hour"
    axes.xaxis.set_major_locator(dates.AutoDateLocator(maxticks=7))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M" if hours else "%d %b"))
