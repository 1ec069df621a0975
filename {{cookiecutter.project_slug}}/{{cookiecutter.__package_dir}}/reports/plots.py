"""The plots of an evaluation as PNG: all by name, and those that both tasks have."""

import math
from collections.abc import Iterator, Sequence

from ..utils.bootstrap import Comparison
from ..utils.metrics import METRICS
from . import plots_classification, plots_regression
from .results import Evaluation, Slice
from .style import (
    BASELINE,
    INK,
    MODEL,
    OTHER,
    WIDTH,
    Axes,
    error_bars,
    in_brackets,
    legend,
    legend_below,
    panel,
    panels,
    short,
)

MOST_INPUTS = 20


def draw(evaluation: Evaluation) -> dict[str, bytes]:
    """Return the plots as PNG by name, in the order of the report; only those with numbers."""
    if evaluation.classes is not None:
        pictures = _classification(evaluation)
    else:
        pictures = _regression(evaluation)
    if evaluation.importance:
        pictures["importance"] = importance(evaluation)
        if evaluation.importance[0].contribution is not None:
            pictures["contributions"] = contributions(evaluation)
    columns = dict.fromkeys(part.column for part in evaluation.slices)
    for place, column in enumerate(columns, start=1):
        pictures[f"slices_{place}"] = slices(evaluation, column)
    if evaluation.learning:
        pictures["learning_curve"] = learning_curve(evaluation)
    return pictures


def _classification(evaluation: Evaluation) -> dict[str, bytes]:
    pictures = {
        "roc": plots_classification.roc(evaluation),
        "precision_recall": plots_classification.precision_recall(evaluation),
        "confusion": plots_classification.confusion(evaluation),
        "calibration": plots_classification.calibration(evaluation),
    }
    if (weighed := evaluation.thresholds) is not None:
        pictures["thresholds"] = plots_classification.thresholds(weighed)
    if evaluation.scores is not None:
        pictures["scores"] = plots_classification.scores(evaluation, evaluation.scores)
    return pictures


def _regression(evaluation: Evaluation) -> dict[str, bytes]:
    pictures = {}
    if (sample := evaluation.residuals) is not None:
        pictures["predicted_true"] = plots_regression.predicted_true(evaluation, sample)
        pictures["residuals"] = plots_regression.residuals(evaluation, sample)
    if evaluation.coverage and (interval := evaluation.metadata.interval) is not None:
        pictures["interval_coverage"] = plots_regression.interval_coverage(
            evaluation, interval.level
        )
    return pictures


def importance(evaluation: Evaluation) -> bytes:
    """How much worse the primary metric gets when one input is shuffled."""
    bars = evaluation.importance[:MOST_INPUTS][::-1]
    with panel(WIDTH, 1.4 + 0.27 * len(bars)) as (axes, png):
        places = range(len(bars))
        means = [one.mean for one in bars]
        axes.barh(places, means, xerr=[one.spread for one in bars], color=MODEL, height=0.68,
                  error_kw={"ecolor": INK, "elinewidth": 0.9, "capsize": 2})  # fmt: skip
        axes.axvline(0, color=INK, lw=0.8)
        axes.set_yticks(places, [short(one.name) for one in bars])
        axes.grid(visible=False, axis="y")
        label = METRICS[evaluation.primary].label
        axes.set_xlabel(f"{label} lost when the input is shuffled")
        axes.locator_params(axis="x", nbins=6)
        more = len(evaluation.importance) - len(bars)
        axes.set_title("Permutation importance" + f" (first {MOST_INPUTS})" * (more > 0))
        return png()


def contributions(evaluation: Evaluation) -> bytes:
    """How much each input adds to a prediction or takes from it."""
    added = {one.name: one.contribution or 0.0 for one in evaluation.importance}
    names = sorted(added, key=lambda name: -added[name])[:MOST_INPUTS][::-1]
    with panel(WIDTH, 1.4 + 0.27 * len(names)) as (axes, png):
        axes.barh(range(len(names)), [added[name] for name in names], color=MODEL, height=0.68)
        axes.set_yticks(range(len(names)), [short(name) for name in names])
        axes.grid(visible=False, axis="y")
        classes = len(evaluation.classes or ())
        unit = ("log-odds" if classes == 2 else "score") if classes else evaluation.unit
        axes.set_xlabel("Mean absolute contribution" + (f" ({unit})" if unit else ""))
        axes.locator_params(axis="x", nbins=6)
        more = len(added) - len(names)
        axes.set_title("SHAP importance" + f" (first {MOST_INPUTS})" * (more > 0))
        return png()


def learning_curve(evaluation: Evaluation) -> bytes:
    """The primary metric on validation rows against the number of training rows."""
    with panel(WIDTH, 4.0) as (axes, png):
        rows = [point.rows for point in evaluation.learning]
        for values, color, name, mark in (
            ([p.baseline for p in evaluation.learning], BASELINE, "baseline", "s"),
            ([p.model for p in evaluation.learning], MODEL, "model", "o"),
        ):
            axes.plot(rows, values, color=color, marker=mark, ms=5, lw=1.6, label=name)
        axes.set_xlim(0, max(rows) * 1.04)
        label = METRICS[evaluation.primary].label + _unit(evaluation)
        axes.set(xlabel="Training rows", ylabel=f"{label}, validation")
        axes.set_title("Learning curve")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        legend(axes, "best")
        return png()


def slices(evaluation: Evaluation, column: str) -> bytes:
    """The primary metric for each value of a column, with its interval."""
    metric = METRICS[evaluation.primary]
    parts = [part for part in evaluation.slices if part.column == column][::-1]
    apart = _is_far([one for _, _, one in _defined(parts, evaluation.primary)])
    ratios = [3, 2] if apart else [1]
    height = 1.5 + 0.31 * len(parts)
    with panels(WIDTH, height, 1 + apart, sharey=True, width_ratios=ratios) as (all_axes, png):
        left, right = all_axes[0], all_axes[-1]
        if evaluation.primary in evaluation.metrics:
            everywhere = evaluation.metrics[evaluation.primary].model.value
            left.axvline(everywhere, color=MODEL, lw=1.0, ls=":", label="model, all rows")
        _mark_undefined(left, parts, evaluation.primary)
        _mark_slices(left, right, list(_defined(parts, evaluation.primary)))
        left.set_yticks(range(len(parts)), [f"{short(p.value)}  ({p.rows:,})" for p in parts])
        left.set_ylim(-0.7, len(parts) - 0.3)
        better = "higher is better" if metric.higher_is_better else "lower is better"
        label = metric.label + _unit(evaluation)
        for axes in all_axes:
            axes.grid(visible=False, axis="y")
            axes.set_xlabel(label if apart else f"{label}, {better}")
        title = f"By {short(column)} (rows)"
        if apart:
            left.set_title("Model")
            right.set_title("Baseline (another scale)")
            left.figure.suptitle(f"{title}, {better}", fontsize=11)
        else:
            left.set_title(title)
        legend_below(all_axes)
        return png()


def _defined(parts: Sequence[Slice], name: str) -> Iterator[tuple[int, Slice, Comparison]]:
    """Yield place, slice and its comparison in a metric, where that is defined."""
    for place, part in enumerate(parts):
        if name in part.metrics:
            yield place, part, part.metrics[name]


def _mark_undefined(axes: Axes, parts: Sequence[Slice], name: str) -> None:
    """Write it on the lines of the slices that have no value."""
    for place, part in enumerate(parts):
        if name not in part.metrics:
            axes.text(
                0.02,
                place,
                "undefined: one class only",
                va="center",
                fontsize=8,
                color=BASELINE,
                transform=axes.get_yaxis_transform(),
            )


def _mark_slices(left: Axes, right: Axes, defined: Sequence[tuple[int, Slice, Comparison]]) -> None:
    """Draw the model's marks into the left panel, the baseline's into the right one."""
    shift = 0.14 if left is right else 0.0
    marks = (
        (right, BASELINE, "s", "baseline", [(y - shift, c.baseline) for y, _, c in defined]),
        (left, MODEL, "o", "model", [(y + shift, c.model) for y, p, c in defined if not p.weak]),
        (left, OTHER, "o", "model, weak slice",
         [(y + shift, c.model) for y, p, c in defined if p.weak]),
    )  # fmt: skip
    for axes, color, mark, label, points in marks:
        finite = [(y, one) for y, one in points if math.isfinite(one.value)]
        if finite:
            estimates = [one for _, one in finite]
            axes.errorbar(
                [one.value for one in estimates],
                [y for y, _ in finite],
                xerr=error_bars(estimates),
                color=color,
                marker=mark,
                ms=5,
                lw=1.4,
                capsize=2,
                ls="",
                label=label,
            )


def _unit(evaluation: Evaluation) -> str:
    """Return the unit of the primary metric as it follows a name."""
    metric = METRICS[evaluation.primary]
    return in_brackets(evaluation.unit) if metric.in_target_unit else ""


def _is_far(comparisons: Sequence[Comparison]) -> bool:
    """Tell whether the baseline is so far off that one scale would hide the model's slices."""
    models = [one.model for one in comparisons]
    near = [x for one in models for x in (one.value, one.low, one.high) if math.isfinite(x)]
    far = [one.baseline.value for one in comparisons if math.isfinite(one.baseline.value)]
    if not near or not far:
        return False
    span = max(near) - min(near)
    return max(*near, *far) - min(*near, *far) > 4 * span > 0
