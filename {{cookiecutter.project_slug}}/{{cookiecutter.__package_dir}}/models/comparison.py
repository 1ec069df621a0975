"""Whether one model is better than another on the same rows, beyond doubt."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..preprocess.transforms import Floats
from ..utils import bootstrap, metrics

Decision = Literal["promote", "inconclusive", "reject"]
LEVEL = 0.95
BASELINE_LEVEL = 0.98  # so that of 100 models without skill one passes
MIN_RESAMPLES = 200


@dataclass(frozen=True)
class Rows:
    """Rows that neither model was trained on, and what both predict for them.

    Attributes:
        y_true: n true values: numbers or class indices.
        candidate: (n, classes) probabilities or n predictions of the new version.
        reference: The same of the champion, or of the candidate's own baseline.
        slices: By column, the n values that the rows are grouped by.
    """

    y_true: NDArray[np.float64]
    candidate: Floats
    reference: Floats
    slices: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class PromotionDecision:
    """What was decided, and why."""

    decision: Decision
    reasons: tuple[str, ...]
    candidate: str = ""
    champion: str | None = None
    forced: bool = False
    rows: int = 0
    metric: str = ""
    difference: tuple[float, float, float] | None = None  # candidate - reference: value, low, high


def compare_versions(
    rows: Rows,
    task: Literal["classification", "regression"],
    slice_rows: int,
    slice_floor: float,
    resamples: int,
    seed: int = 0,
) -> PromotionDecision:
    """Compare a candidate with the champion.

    The primary metric's difference gets a paired bootstrap interval. Promote: it is better beyond
    doubt, and no slice got worse. Reject: it is worse beyond doubt, or a slice got worse.
    Inconclusive: the interval holds 0, so that the rows cannot tell.

    Args:
        rows: Rows that neither model was trained on, and both predictions.
        task: "classification" or "regression".
        slice_rows: Slices with fewer rows are not looked at.
        slice_floor: A slice counts as worse when its metric is worse by more than this share of
            the champion's, beyond doubt.
        resamples: Bootstrap draws.
        seed: Seed of the draws.
    """
    compared = _compare(rows, task, resamples, seed)
    if compared is None:
        return _undefined(rows)
    metric, comparison = compared
    better, shown = _is_better(metric, comparison), _shown(metric, comparison, LEVEL)
    worse = list(_degraded_slices(rows, task, slice_rows, slice_floor, resamples, seed))
    if better is False or worse:
        reason = f"worse: {shown}" if better is False else shown
        return _decision("reject", (reason, *worse), rows, metric, comparison)
    if better:
        return _decision("promote", (f"better: {shown}",), rows, metric, comparison)
    reason = f"no clear difference: {shown}"
    return _decision("inconclusive", (reason,), rows, metric, comparison)


def compare_with_baseline(
    rows: Rows, task: Literal["classification", "regression"], resamples: int, seed: int = 0
) -> PromotionDecision:
    """Decide whether a version that has no champion to beat may serve: better than its baseline.

    Args:
        rows: Test rows, and the predictions of the version and of its baseline.
        task: "classification" or "regression".
        resamples: Bootstrap draws.
        seed: Seed of the draws.
    """
    compared = _compare(rows, task, resamples, seed, BASELINE_LEVEL)
    if compared is None:
        return _undefined(rows)
    metric, comparison = compared
    shown = f"{_shown(metric, comparison, BASELINE_LEVEL)} on {len(rows.y_true):,} test rows"
    if _is_better(metric, comparison):
        reason = f"better than its baseline: {shown}"
        return _decision("promote", (reason,), rows, metric, comparison)
    reason = f"not shown to be better than its baseline: {shown}"
    return _decision("inconclusive", (reason,), rows, metric, comparison)


def _compare(
    rows: Rows,
    task: str,
    resamples: int,
    seed: int,
    level: float = LEVEL,
    chosen: NDArray[np.int64] | None = None,
) -> tuple[str, bootstrap.Comparison] | None:
    """Return the primary metric and its values on the chosen rows; None where undefined."""
    chosen = np.arange(len(rows.y_true)) if chosen is None else chosen
    make = (
        metrics.classification_metrics if task == "classification" else metrics.regression_metrics
    )
    compared = bootstrap.compare(
        lambda part: make(rows.y_true[chosen][part], rows.candidate[chosen][part]),
        lambda part: make(rows.y_true[chosen][part], rows.reference[chosen][part]),
        len(chosen),
        max(MIN_RESAMPLES, resamples),
        seed,
        level,
    )
    name = next((name for name in metrics.PRIMARY[task] if name in compared), None)
    return None if name is None else (name, compared[name])


def _is_better(metric: str, comparison: bootstrap.Comparison) -> bool | None:
    return bootstrap.is_better(comparison.difference, metrics.METRICS[metric].higher_is_better)


def _degraded_slices(
    rows: Rows, task: str, slice_rows: int, floor: float, resamples: int, seed: int
) -> Iterator[str]:
    """Yield which slices got worse by more than the floor, beyond doubt."""
    for column, values in rows.slices.items():
        names = np.array(["" if value is None else value for value in values])
        for value in sorted(set(names.tolist())):
            chosen = np.flatnonzero(names == value)
            if len(chosen) < slice_rows:
                continue
            compared = _compare(rows, task, resamples, seed, chosen=chosen)
            if compared is None:
                continue
            metric, comparison = compared
            allowed = floor * abs(comparison.baseline.value)
            worse = _is_better(metric, comparison) is False
            if worse and abs(comparison.difference.value) > allowed:
                yield (
                    f"slice {column}={value} ({len(chosen)} rows) got worse: {metric} "
                    f"{comparison.model.value:.4f} against {comparison.baseline.value:.4f}"
                )


def _shown(metric: str, comparison: bootstrap.Comparison, level: float) -> str:
    difference = comparison.difference
    return (
        f"{metrics.METRICS[metric].label} {comparison.model.value:.4f} against "
        f"{comparison.baseline.value:.4f} (difference {difference.value:+.4f}, "
        f"{level:.0%} interval {difference.low:+.4f} to {difference.high:+.4f})"
    )


def _decision(
    decision: Decision,
    reasons: tuple[str, ...],
    rows: Rows,
    metric: str,
    comparison: bootstrap.Comparison,
) -> PromotionDecision:
    difference = comparison.difference
    return PromotionDecision(
        decision,
        reasons,
        rows=len(rows.y_true),
        metric=metric,
        difference=(difference.value, difference.low, difference.high),
    )


def _undefined(rows: Rows) -> PromotionDecision:
    reason = f"no metric is defined on the {len(rows.y_true)} rows, as with a single class"
    return PromotionDecision("inconclusive", (reason,), rows=len(rows.y_true))
