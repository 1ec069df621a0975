"""The plots of predicted classes, each as the bytes of a PNG; the baseline beside the model."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..utils.calibration import CalibrationBin
from .results import Curves, Evaluation, Points, Scores
from .style import (
    BASELINE,
    CLASS_COLORS,
    DASHED,
    INK,
    MODEL,
    OTHER,
    WIDTH,
    Axes,
    legend,
    legend_below,
    panel,
    panels,
    short,
)
from .thresholds import Thresholds

Array = NDArray[np.float64]

LONGEST_MATRIX = 12  # classes
MOST_CLASSES_WITH_BASELINE = 6


def roc(evaluation: Evaluation) -> bytes:
    """True against false positive rate; one curve for each class if there are more than two."""
    with panel(WIDTH, 4.7) as (axes, png):
        for curve, name, color in _named(evaluation):
            axes.plot(curve.roc.x, curve.roc.y, color=color, label=name, lw=1.8)
        for label, curve in _labelled_once(evaluation.curves):
            _baseline(axes, curve.baseline_roc, label)
        axes.set(xlabel="False positive rate", ylabel="True positive rate (recall)")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), title="ROC")
        axes.set_aspect("equal")
        legend(axes, "lower right")
        return png()


def precision_recall(evaluation: Evaluation) -> bytes:
    """Precision against recall; one curve for each class if there are more than two."""
    with panel(WIDTH, 4.7) as (axes, png):
        for curve, name, color in _named(evaluation):
            points = curve.precision_recall
            x, y = [0.0] * min(1, len(points.x)) + points.x, points.y[:1] + points.y
            axes.plot(x, y, color=color, label=name, lw=1.8, drawstyle="steps-pre")
        for label, curve in _labelled_once(evaluation.curves):
            points = curve.baseline_precision_recall
            if len(points.x) == 1:  # one score for all rows: one point, drawn as its level
                points = Points([0.0, 1.0], points.y * 2)
            _baseline(axes, points, label)
        axes.set(xlabel="Recall", ylabel="Precision", title="Precision and recall")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.03))
        legend(axes, "upper right" if _two(evaluation) else "center left")
        return png()


def confusion(evaluation: Evaluation) -> bytes:
    """Counts of true and predicted classes; shades are shares of the true class."""
    counts, names = _merged(evaluation.classes or (), evaluation.confusion)
    beside, _ = _merged(evaluation.classes or (), evaluation.baseline_confusion)
    size, two = len(names), _two(evaluation)
    both = size <= MOST_CLASSES_WITH_BASELINE
    tables = [("Model", counts), ("Baseline", beside)] if both else [("Model", counts)]
    how = f"threshold {evaluation.threshold:g}" if two else "most probable class"
    width = WIDTH if two else max(WIDTH, 1.8 + 0.62 * size * len(tables), 8.6 * both)
    height = 3.9 if two else max(4.0, 1.5 + 0.52 * size)
    with panels(width, height, len(tables), sharey=True) as (all_axes, png):
        for axes, (name, table) in zip(all_axes, tables, strict=True):
            _matrix(axes, table, names)
            axes.set(xlabel="Predicted", title=name if both else f"Confusion ({how})")
        all_axes[0].set_ylabel("True")
        if both:
            all_axes[0].figure.suptitle(f"Confusion ({how})", fontsize=11)
        return png()


def calibration(evaluation: Evaluation) -> bytes:
    """Share seen against predicted probability, in bins of equal size."""
    two = _two(evaluation)
    with panel(WIDTH, 4.7) as (axes, png):
        axes.plot([0, 1], [0, 1], color=INK, lw=0.8, ls=":", label="perfect")
        for bins, color, name, mark in (
            (evaluation.baseline_calibration, BASELINE, "baseline", "s"),
            (evaluation.calibration, MODEL, "model", "o"),
        ):
            x, y = [one.predicted for one in bins], [one.observed for one in bins]
            reach = [one.half_width for one in bins]
            axes.errorbar(
                x, y, reach, color=color, marker=mark, ms=5, lw=1.4, capsize=2, label=name
            )
        x_limits, y_limits = _calibration_limits(
            [*evaluation.calibration, *evaluation.baseline_calibration], two
        )
        axes.set(xlim=x_limits, ylim=y_limits)
        what = "positive class" if two else "most probable class"
        axes.set(xlabel=f"Predicted probability of the {what}", title="Calibration")
        axes.set_ylabel("Share seen" if two else "Share of right predictions")
        legend(axes, "upper left")
        return png()


def scores(evaluation: Evaluation, histograms: Scores) -> bytes:
    """Where the predicted probabilities lie, by true class (or by right and wrong)."""
    classes, two = evaluation.classes or (), _two(evaluation)
    names = [short(name) for name in classes] if two else ["right", "wrong"]
    edges = histograms.edges
    with panel(WIDTH if two else 2 * WIDTH, 4.0) as (axes, png):
        for name, color, rows, percent in zip(
            names, (MODEL, OTHER), histograms.rows, histograms.percent, strict=True
        ):
            if rows:
                shown = f"{name} ({rows:,})"
                axes.hist(edges[:-1], edges, weights=percent, color=color, alpha=0.55, label=shown)
        if histograms.baseline_median is not None:
            _vertical(axes, histograms.baseline_median, BASELINE, "baseline (median)")
        if two and edges[0] <= evaluation.threshold <= edges[-1]:
            _vertical(axes, evaluation.threshold, INK, f"threshold {evaluation.threshold:g}")
        most = "Probability of the most probable class"
        axes.set_xlabel(f"Predicted probability of {short(classes[1])}" if two else most)
        axes.set(ylabel="Share of the group, %", title="Scores")
        legend(axes, "upper right" if two else "upper center")
        return png()


def thresholds(weighed: Thresholds) -> bytes:
    """Precision, recall and cost on the validation rows, by threshold."""
    with panel(WIDTH, 4.7) as (axes, png):
        x = [one.threshold for one in weighed.points]
        axes.plot(x, [one.precision for one in weighed.points], color=MODEL, label="precision")
        axes.plot(x, [one.recall for one in weighed.points], color=OTHER, label="recall")
        beside = axes.twinx()
        cost = [one.cost for one in weighed.points]
        beside.plot(x, cost, color=BASELINE, ls=DASHED)
        axes.plot([], [], color=BASELINE, ls=DASHED, label="cost (right)")
        beside.set(ylim=(0, max(cost) * 1.05), ylabel="Cost of a row")
        beside.grid(visible=False)
        used, proposed = weighed.used.validation.threshold, weighed.proposed
        axes.axvline(used, color=INK, lw=1.0, ls=":", label=f"in use: {used:g}")
        if proposed is not None and (found := proposed.validation.threshold) != used:
            axes.axvline(found, color=INK, lw=1.4, label=f"proposed: {found:g}")
        axes.set(xlabel="Threshold", ylabel="Precision, recall", title="Decision threshold")
        axes.set(ylim=(0, 1.03))
        legend_below([axes])
        return png()


def _two(evaluation: Evaluation) -> bool:
    return len(evaluation.classes or ()) == 2


def _named(evaluation: Evaluation) -> Iterator[tuple[Curves, str, str]]:
    """Yield the curves with label and colour."""
    classes, two = evaluation.classes or (), _two(evaluation)
    for curves, color in zip(evaluation.curves, CLASS_COLORS, strict=False):
        yield curves, "model" if two else short(classes[curves.class_index]), color


def _baseline(axes: Axes, points: Points, label: str | None) -> None:
    axes.plot(points.x, points.y, color=BASELINE, label=label, lw=1.4, ls=DASHED)


def _labelled_once(curves: Sequence[Curves]) -> Iterator[tuple[str | None, Curves]]:
    """Yield the curves for the baseline; only the first has a label."""
    for place, one in enumerate(curves):
        yield "baseline" if place == 0 else None, one


def _vertical(axes: Axes, x: float, color: str, label: str) -> None:
    axes.axvline(x, color=color, lw=1.4, ls=DASHED, label=label)


def _calibration_limits(
    bins: Sequence[CalibrationBin], two: bool
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the ranges of both axes: no wider than the bins ask for."""
    predicted, observed = [one.predicted for one in bins], [one.observed for one in bins]
    top = max([*predicted, *observed], default=1.0)
    limit = 1.01 if top > 0.6 or not two else min(1.01, top * 1.25 + 0.02)
    if two:
        return (0.0, limit), (0.0, limit)
    low = max(0.0, min(predicted, default=0.0) - 0.05)
    return (low, limit), (min(low, min(observed, default=0.0) - 0.05), limit)


def _matrix(axes: Axes, counts: Array, names: list[str]) -> None:
    """Draw one confusion matrix."""
    size = len(names)
    total = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1.15, aspect="auto")
    for (i, j), value in np.ndenumerate(counts):
        text = f"{int(value):,}"
        if size <= MOST_CLASSES_WITH_BASELINE and total[i, 0]:
            text += f"\n{share[i, j]:.0%}"
        color = "white" if share[i, j] > 0.6 else INK
        axes.text(j, i, text, ha="center", va="center", color=color, fontsize=9)
    axes.set_yticks(range(size), names)
    if max(map(len, names)) <= 60 / max(6, 2 * size):
        axes.set_xticks(range(size), names)
    else:
        axes.set_xticks(range(size), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.grid(visible=False)


def _merged(classes: Sequence[str], confusion: list[list[int]]) -> tuple[Array, list[str]]:
    """Return the confusion matrix of the most frequent classes, the rest merged into one."""
    counts = np.asarray(confusion, dtype=np.float64)
    names = [short(name) for name in classes]
    if len(names) <= LONGEST_MATRIX:
        return counts, names
    kept = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[: LONGEST_MATRIX - 1])
    groups = np.full(len(names), len(kept))
    groups[kept] = np.arange(len(kept))
    table = np.zeros((len(kept) + 1, len(kept) + 1))
    np.add.at(table, (groups[:, None], groups[None, :]), counts)
    return table, [*(names[number] for number in kept), f"{len(names) - len(kept)} others"]
