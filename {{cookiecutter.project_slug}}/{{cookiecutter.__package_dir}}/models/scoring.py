"""The metrics of predictions, alone and beside the baseline's, as task and classes ask for them."""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..reports.results import CoverageBin
from ..utils import bootstrap, metrics
from ..utils.bootstrap import Comparison, Estimate
from ..utils.calibration import CalibrationBin, calibration_bins
from ..utils.classes import predicted_classes

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

COVERAGE_BINS = 10
COVERAGE_ROWS = 30  # rows of a bin; fewer say too little


@dataclass(frozen=True)
class Predictions:
    """Rows that took no part in training, and what model and baseline predict for them.

    Attributes:
        classes: The labels of the classes; None for regression.
        y_true: n targets: numbers or class indices.
        y_pred: (n, classes) probabilities or n predictions.
        baseline: The same of the baseline.
        threshold: Two classes: from this probability on it is the positive class.
        half_width: Regression: n halves of the intervals' widths, if there are intervals.
    """

    classes: tuple[str, ...] | None
    y_true: Array
    y_pred: Array
    baseline: Array
    threshold: float
    half_width: Array | None

    def __len__(self) -> int:
        return len(self.y_true)

    def metrics(self, y_pred: Array, rows: Rows) -> metrics.WeightedMetrics:
        """Prepare the metrics of some rows for the model's predictions or the baseline's."""
        half_width = None if self.half_width is None else self.half_width[rows]
        return weighted_metrics(
            self.classes, self.y_true[rows], y_pred[rows], half_width, self.threshold
        )


def weighted_metrics(
    classes: tuple[str, ...] | None,
    y_true: Array,
    y_pred: Array,
    half_width: Array | None = None,
    threshold: float = 0.5,
) -> metrics.WeightedMetrics:
    """Prepare the metrics.

    Args:
        classes: The labels of the classes; None for regression.
        y_true: n targets: numbers or class indices.
        y_pred: (n, classes) probabilities or n predictions.
        half_width: Regression: n halves of the intervals' widths, if there are intervals.
        threshold: Two classes: from this probability on it is the positive class.
    """
    if classes is not None:
        return metrics.classification_metrics(y_true, y_pred, threshold)
    return metrics.regression_metrics(y_true, y_pred, half_width)


def values(
    classes: tuple[str, ...] | None,
    y_true: Array,
    y_pred: Array,
    half_width: Array | None,
    threshold: float,
) -> dict[str, float]:
    """Return the metrics by name, without the undefined; arguments as of `weighted_metrics`."""
    measure = weighted_metrics(classes, y_true, y_pred, half_width, threshold)
    measured = measure(np.ones(len(y_true)))
    return {name: value for name, value in measured.items() if np.isfinite(value)}


def compare(
    predictions: Predictions, resamples: int, seed: int, rows: Rows | None = None
) -> dict[str, Comparison]:
    """Compare model and baseline.

    Args:
        predictions: Of the model and of the baseline.
        resamples: Bootstrap draws for the intervals; 0 gives none.
        seed: Of the draws.
        rows: The rows to compare on; None takes all.
    """
    chosen = np.arange(len(predictions)) if rows is None else rows
    compared = bootstrap.compare(
        lambda part: predictions.metrics(predictions.y_pred, chosen[part]),
        lambda part: predictions.metrics(predictions.baseline, chosen[part]),
        len(chosen),
        resamples,
        seed,
    )
    undefined = Estimate(math.nan)
    for name in ("interval_coverage", "interval_width"):  # the baseline has no interval
        if name in compared:
            compared[name] = Comparison(compared[name].model, undefined, undefined)
    return compared


def primary_metric(task: str, defined: Collection[str]) -> str:
    """Return the name of the task's first metric that is defined, or of the last if none is."""
    names = metrics.PRIMARY[task]
    return next((name for name in names if name in defined), names[-1])


def confusion_counts(y_true: Array, proba: Array, threshold: float) -> list[list[int]]:
    """Count rows by true class (line) and predicted class (column).

    Args:
        y_true: n class indices.
        proba: (n, classes) probabilities.
        threshold: Two classes: from this probability on the positive class is predicted.
    """
    k = proba.shape[1]
    pairs = y_true.astype(np.int64) * k + predicted_classes(proba, threshold)
    counts: list[list[int]] = np.bincount(pairs, minlength=k**2).reshape(k, k).tolist()
    return counts


def calibration(y_true: Array, proba: Array) -> list[CalibrationBin]:
    """Hold probabilities against shares: of the positive class, or of the most probable one.

    Args:
        y_true: n class indices.
        proba: (n, classes) probabilities.
    """
    if proba.shape[1] == 2:
        return calibration_bins(y_true == 1, proba[:, 1])
    return calibration_bins(y_true == proba.argmax(axis=1), proba.max(axis=1))


def interval_coverage(y_true: Array, y_pred: Array, half_width: Array) -> list[CoverageBin]:
    """Cut rows into bins by prediction; a share's 95 % interval is Wilson's (1927).

    Args:
        y_true: n true values.
        y_pred: n predictions.
        half_width: n numbers; the intervals are y_pred +- half_width.
    """
    z = 1.96
    order = np.argsort(y_pred, kind="stable")
    bins = []
    for rows in np.array_split(order, min(COVERAGE_BINS, max(1, len(order) // COVERAGE_ROWS))):
        n = len(rows)
        if not n:
            continue
        share = float((np.abs(y_true[rows] - y_pred[rows]) <= half_width[rows]).mean())
        middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        reach = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
        covered = Estimate(share, max(0.0, middle - reach), min(1.0, middle + reach))
        bins.append(CoverageBin(n, float(y_pred[rows].mean()), covered))
    return bins
