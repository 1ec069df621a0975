"""The metrics of predictions, and what a reader should know of each.

Every metric takes the number of times that each row counts (its weight): 1 for the value itself,
0, 1, 2, ... in a resample. So each is written once, sorting is done once, and a resample of n
rows costs O(n). Tests hold the values equal to scikit-learn's.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .calibration import equal_bins
from .classes import predicted_classes
from .ranking import Ranking

Array: TypeAlias = npt.NDArray[np.float64]
Values: TypeAlias = dict[str, float]
WeightedMetrics: TypeAlias = Callable[[Array], Values]
"""From the weights of n rows to the metrics by name; one that is undefined is NaN."""

SMALLEST_PROBABILITY = 1e-15


@dataclass(frozen=True)
class Metric:
    """What a metric is named, which direction is good, and what it says.

    Attributes:
        label: For people.
        higher_is_better: None where neither direction is good in itself.
        meaning: One sentence for a reader who does not know it.
        in_target_unit: The value has the unit of the target.
        grows_resampled: It is a sum of sizes, never below 0, that noise makes larger: a resample,
            in which rows stand twice, shows more of it than the rows themselves.
    """

    label: str
    higher_is_better: bool | None
    meaning: str
    in_target_unit: bool = False
    grows_resampled: bool = False


METRICS: Mapping[str, Metric] = {
    "roc_auc": Metric(
        "ROC AUC",
        True,
        "How often a random positive row is ranked above a random negative one; 0.5 is chance.",
    ),
    "average_precision": Metric(
        "Average precision",
        True,
        "Area under precision against recall; chance is the share of the positive class.",
    ),
    "log_loss": Metric(
        "Log loss", False, "Penalty for putting low probability on what happened, in nats."
    ),
    "brier": Metric("Brier score", False, "Mean squared error of the probabilities."),
    "accuracy": Metric("Accuracy", True, "Share of rows whose class is right."),
    "precision": Metric("Precision", True, "Share of the rows predicted positive that are."),
    "recall": Metric("Recall", True, "Share of the positive rows that are predicted positive."),
    "f1": Metric("F1", True, "Harmonic mean of precision and recall."),
    "calibration_error": Metric(
        "Calibration error",
        False,
        "Mean gap between the predicted probability and the share seen.",
        grows_resampled=True,
    ),
    "mae": Metric("Mean absolute error", False, "Mean size of the error.", True),
    "rmse": Metric(
        "Root mean squared error", False, "As the mean error, but large errors weigh more.", True
    ),
    "median_absolute_error": Metric(
        "Median absolute error", False, "Half of the errors are smaller.", True
    ),
    "r2": Metric("R²", True, "Share of the target's variance that is explained."),
    "interval_coverage": Metric(
        "Interval coverage", None, "Share of rows whose true value lies in the interval."
    ),
    "interval_width": Metric("Interval width", False, "Mean width of the interval.", True),
}
"""Every metric by name, in the order of the tables."""

PRIMARY = {"classification": ("roc_auc", "log_loss"), "regression": ("mae",)}
"""What decides whether one model is better than another: the first that is defined."""


def classification_metrics(
    y_true: npt.ArrayLike, proba: npt.ArrayLike, threshold: float = 0.5
) -> WeightedMetrics:
    """Prepare the metrics of predicted probabilities.

    Two classes: class 1 is the positive class; it is predicted from `threshold` up. `brier` is the
    mean of (p - y)^2. More classes: `roc_auc` and `average_precision` are one against the rest,
    precision, recall and F1 are of the most probable class, and all five are means over the
    classes that the target has (macro); `brier` is the mean of the squared errors summed over
    classes (Brier, 1950) and so reaches 2.

    `calibration_error` is the expected calibration error in bins of equal size (Nixon et al.,
    Measuring Calibration in Deep Learning, 2019), of the positive class or, with more classes, of
    the most probable class. `average_precision` is the step-wise sum of scikit-learn's user guide.
    Undefined ones, such as the ROC AUC of a single class, are NaN.

    Args:
        y_true: (n,) class numbers from 0.
        proba: (n, k) probabilities of the k classes, each row sums to 1.
        threshold: For two classes, the probability of class 1 from which it is predicted.

    Returns:
        A function from (n,) weights to the metrics.

    Raises:
        ValueError: The shapes do not fit, or k < 2.
    """
    y, p = np.asarray(y_true, dtype=np.int64), np.asarray(proba, dtype=np.float64)
    if p.ndim != 2 or y.shape != p.shape[:1] or p.shape[1] < 2:
        raise ValueError(f"y_true {y.shape} and proba {p.shape} do not fit")
    return _Classification(y, p, threshold)


class _Classification:
    """What the metrics of classified rows need besides the weights, and the metrics."""

    NAMES = (
        "roc_auc", "average_precision", "log_loss", "brier", "accuracy", "precision", "recall",
        "f1", "calibration_error",
    )  # fmt: skip

    def __init__(self, y_true: npt.NDArray[np.int64], proba: Array, threshold: float) -> None:
        rows, self._classes = np.arange(len(y_true)), proba.shape[1]
        y_pred = predicted_classes(proba, threshold)
        if self._classes == 2:
            confidence, right = proba[:, 1], (y_true == 1).astype(np.float64)
            self._brier = (proba[:, 1] - y_true) ** 2
            self._positive = [1]
        else:
            confidence, right = proba[rows, y_pred], (y_pred == y_true).astype(np.float64)
            self._brier = ((proba - np.eye(self._classes)[y_true]) ** 2).sum(axis=1)
            self._positive = list(range(self._classes))
        # Probabilities that come from float32 may sum to 1 + 1e-7.
        of_true = proba[rows, y_true] / proba.sum(axis=1)
        self._loss = -np.log(np.clip(of_true, SMALLEST_PROBABILITY, 1.0))
        self._correct = (y_pred == y_true).astype(np.float64)
        self._rankings = [Ranking(y_true == k, proba[:, k]) for k in self._positive]
        self._bins, self._gap = equal_bins(confidence), confidence - right
        self._pairs = y_true * self._classes + y_pred

    def __call__(self, weights: Array) -> Values:
        total = weights.sum()
        if not total:
            return dict.fromkeys(self.NAMES, math.nan)
        auc, average_precision = _macro([one.areas(weights) for one in self._rankings])
        counts = np.asarray(np.bincount(self._pairs, weights, self._classes**2), dtype=np.float64)
        confusion = counts.reshape(self._classes, self._classes)
        precision, recall, f1 = _macro([_precision_recall_f1(confusion, k) for k in self._positive])
        gaps = np.bincount(self._bins, weights * self._gap)
        return {
            "roc_auc": auc,
            "average_precision": average_precision,
            "log_loss": float(weights @ self._loss / total),
            "brier": float(weights @ self._brier / total),
            "accuracy": float(weights @ self._correct / total),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "calibration_error": float(np.abs(gaps).sum() / total),
        }


def regression_metrics(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, half_width: npt.ArrayLike | None = None
) -> WeightedMetrics:
    """Prepare the metrics of predicted numbers.

    All but `r2` and `interval_coverage` have the unit of the target. `r2` of a constant target
    is NaN.

    Args:
        y_true: (n,) true values.
        y_pred: (n,) predicted values.
        half_width: (n,), or one for all: the intervals are y_pred +- half_width, bounds included;
            None leaves their metrics out.

    Returns:
        A function from (n,) weights to the metrics.

    Raises:
        ValueError: The shapes do not fit.
    """
    y, predicted = np.asarray(y_true, dtype=np.float64), np.asarray(y_pred, dtype=np.float64)
    if y.ndim != 1 or y.shape != predicted.shape:
        raise ValueError(f"y_true {y.shape} and y_pred {predicted.shape} do not fit")
    error = np.abs(y - predicted)
    order = np.argsort(error)
    ascending = error[order]
    half = None if half_width is None else np.broadcast_to(np.asarray(half_width, float), y.shape)

    def values(weights: Array) -> Values:
        total = weights.sum() or math.nan  # without rows all is undefined
        squared = float(weights @ error**2)
        spread = float(weights @ (y - weights @ y / total) ** 2)
        result = {
            "mae": float(weights @ error / total),
            "rmse": math.sqrt(squared / total),
            "median_absolute_error": _weighted_median(ascending, weights[order]),
            "r2": 1 - squared / spread if spread > 0 else math.nan,
        }
        if half is not None:
            result["interval_coverage"] = float(weights @ (error <= half) / total)
            result["interval_width"] = float(weights @ (2 * half) / total)
        return result

    return values


def _precision_recall_f1(confusion: Array, k: int) -> tuple[float, float, float]:
    """Return the three of class k; all NaN where no row is of it."""
    hits = confusion[k, k]
    predicted, actual = confusion[:, k].sum(), confusion[k].sum()
    if not actual:
        return math.nan, math.nan, math.nan
    return (
        float(hits / predicted) if predicted else 0.0,
        float(hits / actual),
        float(2 * hits / (predicted + actual)),
    )


def _macro(parts: Sequence[tuple[float, ...]]) -> list[float]:
    """Average over classes, leaving out the undefined; NaN if all are."""
    means = []
    for column in zip(*parts, strict=True):
        defined = [value for value in column if not math.isnan(value)]
        means.append(sum(defined) / len(defined) if defined else math.nan)
    return means


def _weighted_median(ascending: Array, weights: Array) -> float:
    """Return the median of sorted values that count `weights` times each."""
    running = np.cumsum(weights)
    if not len(running) or not running[-1]:
        return math.nan
    half = running[-1] / 2
    low = ascending[np.searchsorted(running, half, side="left")]
    high = ascending[min(np.searchsorted(running, half, side="right"), len(ascending) - 1)]
    return float((low + high) / 2)
