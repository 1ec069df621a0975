"""Metrics of predictions, with bootstrap intervals and paired differences.

Every metric takes the number of times that each row counts (its weight): 1 for the value itself,
0, 1, 2, ... in a resample. So each is written once, sorting is done once, and a resample of n
rows costs O(n). Tests hold the values equal to scikit-learn's.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.NDArray[np.int64]
Values: TypeAlias = dict[str, float]
Scorer: TypeAlias = Callable[[Array], Values]
"""From the weights of n rows to the metrics by name; one that is undefined is NaN."""

RESAMPLED_ROWS = 20_000
CALIBRATION_BINS = 10
SMALLEST_PROBABILITY = 1e-15


@dataclass(frozen=True)
class Metric:
    """What a metric is called, which direction is good, and what it says.

    Attributes:
        label: For people.
        higher_is_better: None where neither direction is good in itself.
        meaning: One sentence for a reader who does not know it.
        in_target_unit: The value has the unit of the target.
    """

    label: str
    higher_is_better: bool | None
    meaning: str
    in_target_unit: bool = False


METRICS: Mapping[str, Metric] = {
    "roc_auc": Metric(
        "ROC AUC", True, "How often a random yes is ranked above a random no; 0.5 is chance."
    ),
    "average_precision": Metric(
        "Average precision", True, "Area under precision against recall; chance is the yes share."
    ),
    "log_loss": Metric(
        "Log loss", False, "Penalty for putting low probability on what happened, in nats."
    ),
    "brier": Metric("Brier score", False, "Mean squared error of the probabilities."),
    "accuracy": Metric("Accuracy", True, "Share of rows whose class is right."),
    "precision": Metric("Precision", True, "Share of the rows called yes that are."),
    "recall": Metric("Recall", True, "Share of the yes rows that are found."),
    "f1": Metric("F1", True, "Harmonic mean of precision and recall."),
    "calibration_error": Metric(
        "Calibration error", False, "Mean gap between the probability said and the share seen."
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


@dataclass(frozen=True)
class Estimate:
    """A value with its interval; NaN where undefined."""

    value: float
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Comparison:
    """One metric of a model, of its baseline, and the difference model - baseline."""

    model: Estimate
    baseline: Estimate
    difference: Estimate


def classification_metrics(
    target: npt.ArrayLike, probability: npt.ArrayLike, threshold: float = 0.5
) -> Scorer:
    """Prepare the metrics of predicted probabilities.

    Two classes: class 1 is the yes; a row is called yes from `threshold` up. `brier` is the mean
    of (p - y)^2. More classes: `roc_auc` and `average_precision` are one against the rest,
    precision, recall and F1 are of the most probable class, and all five are means over the
    classes that the target has (macro); `brier` is the mean of the squared errors summed over
    classes (Brier, 1950) and so reaches 2.

    `calibration_error` is the expected calibration error in bins of equal size (Nixon et al.,
    Measuring Calibration in Deep Learning, 2019), of the yes or, with more classes, of the
    most probable class. `average_precision` is the step-wise sum of scikit-learn's user guide.
    Undefined ones, such as the ROC AUC of a single class, are NaN.

    Args:
        target: (n,) class numbers from 0.
        probability: (n, k) probabilities of the k classes, each row sums to 1.
        threshold: For two classes, the probability of class 1 from which a row is called yes.

    Returns:
        A function from (n,) weights to the metrics.

    Raises:
        ValueError: The shapes do not fit, or k < 2.
    """
    truth = np.asarray(target, dtype=np.int64)
    shares = np.asarray(probability, dtype=np.float64)
    if shares.ndim != 2 or truth.shape != shares.shape[:1] or shares.shape[1] < 2:
        raise ValueError(f"target {truth.shape} and probability {shares.shape} do not fit")
    classes = shares.shape[1]
    rows = np.arange(len(truth))
    if classes == 2:
        called = (shares[:, 1] >= threshold).astype(np.int64)
        confidence, right = shares[:, 1], (truth == 1).astype(np.float64)
        brier = (shares[:, 1] - truth) ** 2
        ranked = [1]
    else:
        called = shares.argmax(axis=1)
        confidence, right = shares[rows, called], (called == truth).astype(np.float64)
        brier = ((shares - np.eye(classes)[truth]) ** 2).sum(axis=1)
        ranked = list(range(classes))
    # Probabilities that come from float32 may sum to 1 + 1e-7.
    given = shares[rows, truth] / shares.sum(axis=1)
    loss = -np.log(np.clip(given, SMALLEST_PROBABILITY, 1.0))
    correct = (called == truth).astype(np.float64)
    rankings = [_Ranking(truth == number, shares[:, number]) for number in ranked]
    bins = _equal_bins(confidence)
    pairs = truth * classes + called

    def score(weights: Array) -> Values:
        total = weights.sum()
        if not total:
            return dict.fromkeys(_CLASSIFICATION, math.nan)
        auc, precision_area = _macro([ranking(weights) for ranking in rankings])
        counts = np.asarray(np.bincount(pairs, weights, classes**2), dtype=np.float64)
        confusion = counts.reshape(classes, classes)
        precision, recall, f1 = _macro(
            [_precision_recall_f1(confusion, number) for number in ranked]
        )
        gap = np.bincount(bins, weights * (confidence - right))
        return {
            "roc_auc": auc,
            "average_precision": precision_area,
            "log_loss": float(weights @ loss / total),
            "brier": float(weights @ brier / total),
            "accuracy": float(weights @ correct / total),
            "precision": precision,
            "recall": recall,
            "f1": f1,
            "calibration_error": float(np.abs(gap).sum() / total),
        }

    return score


_CLASSIFICATION = (
    "roc_auc", "average_precision", "log_loss", "brier", "accuracy", "precision", "recall", "f1",
    "calibration_error",
)  # fmt: skip


def regression_metrics(
    target: npt.ArrayLike, prediction: npt.ArrayLike, half_width: float | None = None
) -> Scorer:
    """Prepare the metrics of predicted numbers.

    All but `r2` and `interval_coverage` have the unit of the target. `r2` of a constant target
    is NaN.

    Args:
        target: (n,) true values.
        prediction: (n,) predicted values.
        half_width: The prediction interval is prediction +- half_width, bounds included; None
            leaves the interval's metrics out.

    Returns:
        A function from (n,) weights to the metrics.

    Raises:
        ValueError: The shapes do not fit.
    """
    truth = np.asarray(target, dtype=np.float64)
    guess = np.asarray(prediction, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != guess.shape:
        raise ValueError(f"target {truth.shape} and prediction {guess.shape} do not fit")
    error = np.abs(truth - guess)
    order = np.argsort(error)
    ascending = error[order]
    covered = None if half_width is None else (error <= half_width).astype(np.float64)

    def score(weights: Array) -> Values:
        total = weights.sum()
        some = total > 0
        squared = float(weights @ error**2) if some else math.nan
        mean = weights @ truth / total if some else math.nan
        spread = float(weights @ (truth - mean) ** 2) if some else math.nan
        values = {
            "mae": float(weights @ error / total) if some else math.nan,
            "rmse": math.sqrt(squared / total) if some else math.nan,
            "median_absolute_error": _weighted_median(ascending, weights[order]),
            "r2": 1 - squared / spread if some and spread > 0 else math.nan,
        }
        if covered is not None and half_width is not None:
            values["interval_coverage"] = float(weights @ covered / total) if some else math.nan
            values["interval_width"] = 2 * half_width
        return values

    return score


def compare(
    model: Callable[[Rows], Scorer],
    baseline: Callable[[Rows], Scorer],
    rows: int,
    resamples: int,
    seed: int,
    level: float = 0.95,
) -> dict[str, Comparison]:
    """Give each metric an interval for the model, the baseline and their difference.

    Percentile bootstrap (Efron and Tibshirani, 1993): rows are drawn with replacement, model and
    baseline are scored on the same draws, so the difference is paired. Work is bounded: of more
    than RESAMPLED_ROWS rows a random part of m is resampled, and the spread found there is
    scaled by sqrt(m / n) about the value on all rows (Politis, Romano and Wolf, 1999).

    Args:
        model: From row numbers to the metrics of the model on those rows.
        baseline: From row numbers to the metrics of the baseline on those rows.
        rows: n.
        resamples: Draws; 0 gives no intervals (NaN bounds).
        seed: The same seed gives the same draws.
        level: Share of the draws inside the interval.

    Returns:
        By name, only the metrics that are defined for the model or for the baseline on all rows.
    """
    numbers = np.arange(rows)
    scorers = [model(numbers), baseline(numbers)]
    whole = [scorer(np.ones(rows)) for scorer in scorers]
    names = [name for name in whole[0] if any(math.isfinite(part[name]) for part in whole)]
    values = center = _with_difference(whole, names)
    random = np.random.default_rng(seed)
    used = min(rows, RESAMPLED_ROWS)
    if used < rows and resamples:
        part = np.sort(random.choice(rows, used, replace=False))
        scorers = [model(part), baseline(part)]
        center = _with_difference([scorer(np.ones(used)) for scorer in scorers], names)
    draws = np.full((resamples, 3, len(names)), math.nan)
    for number in range(resamples if rows else 0):
        drawn = np.bincount(random.integers(0, used, used), minlength=used)
        weights = drawn.astype(np.float64)
        draws[number] = _with_difference([scorer(weights) for scorer in scorers], names)
    bounds = _percentiles(draws, level)
    if used < rows:
        bounds = values + math.sqrt(used / rows) * (bounds - center)
    result = {}
    for column, name in enumerate(names):
        estimates = [
            Estimate(
                float(values[kind, column]),
                float(bounds[0, kind, column]),
                float(bounds[1, kind, column]),
            )
            for kind in range(3)
        ]
        result[name] = Comparison(*estimates)
    return result


def is_better(difference: Estimate, higher_is_better: bool | None) -> bool | None:
    """Tell whether a difference model - baseline is good: True, False, or None if not known.

    Not known: the interval holds 0, there is no interval, or no direction is good.
    """
    if higher_is_better is None or not math.isfinite(difference.low + difference.high):
        return None
    if difference.low > 0:
        return higher_is_better
    if difference.high < 0:
        return not higher_is_better
    return None


@dataclass(frozen=True)
class CalibrationBin:
    """Rows of similar predicted probability: how many, the mean said, the share seen."""

    rows: int
    predicted: float
    observed: float


def calibration_bins(yes: npt.ArrayLike, probability: npt.ArrayLike) -> list[CalibrationBin]:
    """Cut rows into at most CALIBRATION_BINS bins of equal size by probability.

    Args:
        yes: (n,) booleans.
        probability: (n,) predicted probability of yes.
    """
    truth = np.asarray(yes, dtype=np.float64)
    said = np.asarray(probability, dtype=np.float64)
    if not len(truth):
        return []
    bins = _equal_bins(said)
    rows = np.bincount(bins)
    predicted = np.bincount(bins, said)
    observed = np.bincount(bins, truth)
    return [
        CalibrationBin(int(n), float(p / n), float(o / n))
        for n, p, o in zip(rows, predicted, observed, strict=True)
        if n
    ]


def roc_points(yes: npt.ArrayLike, score: npt.ArrayLike) -> tuple[Array, Array]:
    """Return false and true positive rates, from (0, 0) to (1, 1); empty for a single class."""
    positive, negative = _Ranking(np.asarray(yes, bool), np.asarray(score, float)).counts()
    if not len(positive) or positive[-1] == 0 or negative[-1] == 0:
        return np.empty(0), np.empty(0)
    start = np.zeros(1)
    return (
        np.concatenate([start, negative / negative[-1]]),
        np.concatenate([start, positive / positive[-1]]),
    )


def precision_recall_points(yes: npt.ArrayLike, score: npt.ArrayLike) -> tuple[Array, Array]:
    """Return recall and precision from the strictest threshold down; empty without a yes."""
    positive, negative = _Ranking(np.asarray(yes, bool), np.asarray(score, float)).counts()
    if not len(positive) or positive[-1] == 0:
        return np.empty(0), np.empty(0)
    return positive / positive[-1], positive / (positive + negative)


class _Ranking:
    """Rows in order of falling score, equal scores held together."""

    def __init__(self, yes: npt.NDArray[np.bool_], score: Array) -> None:
        self._order = np.argsort(-score, kind="stable")
        self._yes = yes[self._order].astype(np.float64)
        descending = score[self._order]
        new = np.ones(len(score), dtype=bool)
        new[1:] = descending[1:] != descending[:-1]
        self._last = np.append(np.flatnonzero(new)[1:], len(score)) - 1

    def counts(self, weights: Array | None = None) -> tuple[Array, Array]:
        """Return how many yes and no have at least each distinct score."""
        if not len(self._order):
            return np.empty(0), np.empty(0)
        ordered = np.ones(len(self._order)) if weights is None else weights[self._order]
        positive = np.cumsum(ordered * self._yes)[self._last]
        return positive, np.cumsum(ordered)[self._last] - positive

    def __call__(self, weights: Array) -> tuple[float, float]:
        """Return ROC AUC and average precision; NaN where a class is missing."""
        positive, negative = self.counts(weights)
        yes, no = positive[-1], negative[-1]
        new_yes, new_no = np.diff(positive, prepend=0.0), np.diff(negative, prepend=0.0)
        auc = float(new_no @ (positive - new_yes / 2) / (yes * no)) if yes and no else math.nan
        if not yes:
            return auc, math.nan
        called = positive + negative
        precision = np.divide(positive, called, out=np.zeros_like(called), where=called > 0)
        return auc, float(new_yes @ precision / yes)


def _precision_recall_f1(confusion: Array, number: int) -> tuple[float, float, float]:
    """Return the three of one class; all NaN where neither truth nor prediction has it."""
    hits = confusion[number, number]
    called, actual = confusion[:, number].sum(), confusion[number].sum()
    if not actual:
        return math.nan, math.nan, math.nan
    return (
        float(hits / called) if called else 0.0,
        float(hits / actual),
        float(2 * hits / (called + actual)),
    )


def _macro(parts: list[tuple[float, ...]]) -> list[float]:
    """Average over classes, leaving out the undefined; NaN if all are."""
    means = []
    for column in zip(*parts, strict=True):
        defined = [value for value in column if not math.isnan(value)]
        means.append(sum(defined) / len(defined) if defined else math.nan)
    return means


def _equal_bins(values: Array) -> npt.NDArray[np.int64]:
    """Number each value's bin; equal values share one, so there may be fewer bins."""
    if not len(values):
        return np.empty(0, dtype=np.int64)
    inner = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    edges = np.unique(np.quantile(values, inner, method="inverted_cdf"))
    return np.searchsorted(edges, values, side="left").astype(np.int64)


def _weighted_median(ascending: Array, weights: Array) -> float:
    """Return the median of sorted values that count `weights` times each."""
    running = np.cumsum(weights)
    if not len(running) or not running[-1]:
        return math.nan
    half = running[-1] / 2
    low = ascending[np.searchsorted(running, half, side="left")]
    high = ascending[min(np.searchsorted(running, half, side="right"), len(ascending) - 1)]
    return float((low + high) / 2)


def _with_difference(parts: list[Values], names: list[str]) -> Array:
    """Return (3, metrics): model, baseline, model - baseline."""
    model, baseline = (np.array([part[name] for name in names]) for part in parts)
    return np.stack([model, baseline, model - baseline])


def _percentiles(draws: Array, level: float) -> Array:
    """Return (2, 3, metrics) bounds; NaN where under half of the draws are defined."""
    tail = (1 - level) / 2
    bounds = np.full((2, *draws.shape[1:]), math.nan)
    for kind, column in np.ndindex(*draws.shape[1:]):
        defined = draws[:, kind, column]
        defined = defined[np.isfinite(defined)]
        if len(defined) and len(defined) >= len(draws) / 2:
            bounds[:, kind, column] = np.quantile(defined, [tail, 1 - tail])
    return bounds
