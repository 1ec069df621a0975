"""Bootstrap intervals for the metrics of two models, and for their paired difference."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .metrics import METRICS, Values, WeightedMetrics

Array: TypeAlias = npt.NDArray[np.float64]
Rows: TypeAlias = npt.NDArray[np.int64]
MetricsOfRows: TypeAlias = Callable[[Rows], WeightedMetrics]
"""From row numbers to the metrics of a model on those rows."""

RESAMPLED_ROWS = 20_000


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


def compare(
    model: MetricsOfRows,
    baseline: MetricsOfRows,
    rows: int,
    resamples: int,
    seed: int,
    level: float = 0.95,
) -> dict[str, Comparison]:
    """Give each metric an interval for the model, the baseline and their difference.

    Percentile bootstrap (Efron and Tibshirani, 1993): rows are drawn with replacement, model and
    baseline are measured on the same draws, so the difference is paired. Work is bounded: of more
    than RESAMPLED_ROWS rows a random part of m is resampled, and its spread is scaled by
    sqrt(m / n) about the value on all rows (Politis, Romano and Wolf, 1999).

    A metric that resampling makes larger, as it does the calibration error, gets the basic
    bootstrap instead: the percentiles are reflected at the value, so that the excess of the draws
    over the value is taken off, where percentiles would count it twice (Davison and Hinkley,
    Bootstrap Methods and their Application, 1997, 5.2). Every interval reaches to its value.

    Args:
        model: From row numbers to the metrics of the model on those rows.
        baseline: The same of the baseline.
        rows: n.
        resamples: Draws; 0 gives no intervals (NaN bounds).
        seed: The same seed gives the same draws.
        level: Share of the draws inside the interval.

    Returns:
        By name, only the metrics that are defined for the model or for the baseline on all rows.
    """
    pair = [part(np.arange(rows)) for part in (model, baseline)]
    measured = [metrics(np.ones(rows)) for metrics in pair]
    names = [name for name in measured[0] if any(math.isfinite(one[name]) for one in measured)]
    values = center = _with_difference(measured, names)
    random = np.random.default_rng(seed)
    used = min(rows, RESAMPLED_ROWS)
    if used < rows and resamples:
        part = np.sort(random.choice(rows, used, replace=False))
        pair = [model(part), baseline(part)]
        center = _with_difference([metrics(np.ones(used)) for metrics in pair], names)
    bounds = _percentiles(_draws(pair, names, used, resamples, random), level)
    grows = np.array([name in METRICS and METRICS[name].grows_resampled for name in names], bool)
    bounds = np.where(grows, 2 * center - bounds[::-1], bounds)
    if used < rows:
        bounds = values + math.sqrt(used / rows) * (bounds - center)
    bounds[0, :2, grows] = np.maximum(bounds[0, :2, grows], 0)  # a difference may be below
    bounds = np.stack([np.minimum(bounds[0], values), np.maximum(bounds[1], values)])
    estimates = np.stack([values, *bounds])  # (value, low, high) x (model, ...) x metrics
    return {
        name: Comparison(*(Estimate(*map(float, estimates[:, kind, i])) for kind in range(3)))
        for i, name in enumerate(names)
    }


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


def _draws(
    pair: Sequence[WeightedMetrics],
    names: Sequence[str],
    rows: int,
    resamples: int,
    random: np.random.Generator,
) -> Array:
    """Return (resamples, 3, metrics): both models and their difference on each resample."""
    draws = np.full((resamples, 3, len(names)), math.nan)
    for number in range(resamples if rows else 0):
        times = np.bincount(random.integers(0, rows, rows), minlength=rows)
        weights = times.astype(np.float64)
        draws[number] = _with_difference([metrics(weights) for metrics in pair], names)
    return draws


def _with_difference(pair: Sequence[Values], names: Sequence[str]) -> Array:
    """Return (3, metrics): model, baseline, model - baseline."""
    model, baseline = (np.array([values[name] for name in names]) for values in pair)
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
