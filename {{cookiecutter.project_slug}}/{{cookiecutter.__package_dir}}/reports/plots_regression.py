"""The plots of predicted numbers, each as the bytes of a PNG; the baseline beside the model."""

import numpy as np

from .results import Evaluation, Residuals
from .style import (
    BASELINE,
    DASHED,
    INK,
    MODEL,
    OTHER,
    WIDTH,
    error_bars,
    in_brackets,
    legend,
    panel,
    panels,
    short,
)


def predicted_true(evaluation: Evaluation, sample: Residuals) -> bytes:
    """True value against prediction, for the model and for the baseline."""
    name = short(evaluation.target) + in_brackets(evaluation.unit)
    low, high = sample.smallest, sample.largest
    pad = 0.03 * (high - low) or 1.0
    limits = (low - pad, high + pad)
    with panels(8.6, 4.4, 2, sharey=True) as (all_axes, png):
        for axes, y_pred, title, color in zip(
            all_axes,
            (sample.y_pred, sample.baseline),
            ("Model", "Baseline"),
            (MODEL, BASELINE),
            strict=True,
        ):
            axes.plot([low, high], [low, high], color=INK, lw=0.8, ls=":")
            axes.scatter(y_pred, sample.y_true, s=9, color=color, alpha=0.35, lw=0)
            axes.set(xlim=limits, ylim=limits, xlabel=f"Predicted {name}", title=title)
        all_axes[0].set_ylabel(f"True {name}")
        return png()


def residuals(evaluation: Evaluation, residuals: Residuals) -> bytes:
    """Distribution of true - predicted, and how it changes with the prediction."""
    unit = in_brackets(evaluation.unit)
    edges = residuals.edges
    with panels(8.6, 4.0, 2) as ((left, right), png):
        for rows, color, name in (
            (residuals.baseline_rows, BASELINE, "baseline"),
            (residuals.rows, MODEL, "model"),
        ):
            left.hist(edges[:-1], edges, weights=rows, color=color, alpha=0.6, label=name)
        left.axvline(0, color=INK, lw=0.8, ls=":")
        left.set(xlabel=f"True - predicted{unit}", ylabel="Rows", title="Residuals")
        legend(left, "upper right")
        right.axhline(0, color=INK, lw=0.8, ls=":")
        gaps = [y - y_pred for y, y_pred in zip(residuals.y_true, residuals.y_pred, strict=True)]
        right.scatter(residuals.y_pred, gaps, s=9, color=MODEL, alpha=0.35, lw=0)
        if (interval := evaluation.metadata.interval) is not None:
            ends = [min(residuals.y_pred), *interval.edges, max(residuals.y_pred)]
            style = {"color": OTHER, "lw": 1.2, "ls": DASHED}
            upper = np.array(interval.half_widths)
            right.stairs(upper, ends, baseline=None, **style)
            right.stairs(
                -upper, ends, baseline=None, label=f"{interval.level:.0%} interval", **style
            )
            legend(right, "upper left")
        right.set(xlabel=f"Predicted{unit}", ylabel=f"True - predicted{unit}")
        right.set_title("Residuals of the model by prediction")
        return png()


def interval_coverage(evaluation: Evaluation, level: float) -> bytes:
    """Share of true values inside the prediction interval, by size of the prediction."""
    with panel(WIDTH, 4.0) as (axes, png):
        axes.axhline(level, color=INK, lw=1.0, ls=":", label=f"promised: {level:.0%}")
        x = [one.predicted for one in evaluation.coverage]
        covered = [one.covered for one in evaluation.coverage]
        y = [one.value for one in covered]
        axes.errorbar(x, y, error_bars(covered), color=MODEL, marker="o", ms=5, lw=1.4, capsize=2)
        axes.set_ylim(min(0.5, min(one.low for one in covered) - 0.03), 1.01)
        unit = in_brackets(evaluation.unit)
        axes.set(xlabel=f"Predicted{unit}", ylabel="Share inside the interval")
        axes.set_title("Interval coverage by prediction")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
        legend(axes, "lower left")
        return png()
