"""The page of `drift FILE`: what has moved, by how much, and whether that is more than chance."""

from pathlib import Path

from ..reports.style import number
from ..reports.templates import load_template
from .comparison import Comparison, Drifted

SHOWN = 12  # that are drawn; the table has all


def lines(comparison: Comparison) -> list[str]:
    """Return the result in a few lines of text, what has moved most first."""
    first = f"{comparison.version} against {comparison.rows:,} rows of {comparison.source}: "
    return [first + verdict(comparison), *map(_line, comparison.drifted)]


def verdict(comparison: Comparison) -> str:
    """Return the result in one sentence."""
    if not comparison.is_enough:
        return f"too few rows to tell; {comparison.minimum_rows:,} are needed"
    drifted = len(comparison.drifted)
    if not drifted:
        return "no drift"
    return f"{drifted} of {len(comparison.watched)} watched have drifted"


def render(comparison: Comparison) -> str:
    """Return the report as HTML."""
    tone = "open" if not comparison.is_enough else "bad" if comparison.drifted else "good"
    return load_template(
        "drift_report.html.j2",
        html=True,
        filters={"number": number, "share": lambda value: f"{value:.1%}", "p": _p},
        folder=Path(__file__).parent,
    ).render(
        comparison=comparison,
        tone=tone,
        verdict=verdict(comparison),
        causes=[_line(one) for one in comparison.drifted],
        drawn=(comparison.drifted or comparison.watched[:3])[:SHOWN],
    )


def _line(one: Drifted) -> str:
    name, place = f"{one.role} {one.name}", one.moved
    return (
        f"{name}: PSI {number(one.psi)} (drift from {number(one.critical)}), most at "
        f"{one.bins[place]!r}: {one.seen[place]:.1%} instead of {one.expected[place]:.1%}"
    )


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
