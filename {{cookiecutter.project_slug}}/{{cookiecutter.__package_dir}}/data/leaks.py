"""Finds columns that tell the target all by themselves: they are known only afterwards."""

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float32]
LIMITS = {"classification": 0.99, "regression": 0.999}
SCREENS = {"classification": 0.95, "regression": 0.99}
ROWS = 10_000
MIN_ROWS = 40


def suspects(
    x: Floats, names: Sequence[str], categorical: Sequence[int], y: pl.Series, task: str
) -> list[tuple[str, float]]:
    """Return the inputs from which alone the target can be told on rows not learned from.

    A decision tree of one column is fitted on one half of the rows and scored on the other:
    R squared for regression, and for classification the share of the majority class's errors that
    it avoids (1: none left, 0: no better). For regression the squared Pearson correlation counts
    too, so that a copy in another unit is found in a small table.

    Args:
        x: Array (n, k) of model inputs, NaN where missing.
        names: The k inputs' names.
        categorical: Positions of inputs that are categories without an order.
        y: n values of the target, none missing.
        task: "classification" or "regression".

    Returns:
        (name, score) of each input whose score reaches `LIMITS[task]`, the highest first.
    """
    x, y = x[:ROWS], y[:ROWS]
    if task == "classification":
        y_true = y.cast(pl.String).rank("dense").to_numpy().astype(np.float64)
    else:
        y_true = y.cast(pl.Float64).to_numpy()
    half = len(y_true) // 2
    if half < MIN_ROWS or np.all(y_true == y_true[0]):
        return []
    scores = {}
    for i, name in enumerate(names):
        column = x[:, i]
        if not np.isnan(column).all():
            scores[name] = _alone(column, y_true, task, categorical=i in categorical)
    leaks = [(name, score) for name, score in scores.items() if score >= LIMITS[task]]
    return sorted(leaks, key=lambda pair: -pair[1])


def _alone(x: Floats, y_true: np.ndarray, task: str, categorical: bool) -> float:
    """Score what one input (n,) alone tells of the target (n,)."""
    half = len(y_true) // 2
    train, test = slice(None, half), slice(half, None)
    # The nearest row errs at most twice as often as any rule can (Cover and Hart, 1967), so it
    # clears nearly all columns, without scikit-learn: its import alone takes 0.1 GiB and 1 s.
    score = _score(y_true, _nearest(x[train], y_true[train], x[test], task), task)
    if score >= SCREENS[task]:
        score = _score(y_true, _tree(x[train], y_true[train], x[test], task), task)
    if task == "regression" and not categorical:
        score = max(score, _correlation(x, y_true) ** 2)
    return float(score)


def _score(y: np.ndarray, y_pred: np.ndarray, task: str) -> float:
    """Score predictions of the second half of y: 1 is perfect, 0 no better than without them."""
    half = len(y) // 2
    y_true = y[half:]
    if task == "classification":
        values, counts = np.unique(y[:half], return_counts=True)
        base = np.mean(y_true != values[np.argmax(counts)])
        return float(1 - np.mean(y_true != y_pred) / base) if base else 0.0
    spread = np.sum((y_true - y_true.mean()) ** 2)
    return float(1 - np.sum((y_true - y_pred) ** 2) / spread) if spread else 0.0


def _nearest(x: Floats, y: np.ndarray, x_test: Floats, task: str) -> np.ndarray:
    """Predict y for `x_test` by the rows of the nearest x: their mean, or most frequent class."""
    beyond = 2 * max(np.nanmax(np.abs(x), initial=0), np.nanmax(np.abs(x_test), initial=0)) + 1.0
    train, test = (np.nan_to_num(a.astype(np.float64), nan=float(beyond)) for a in (x, x_test))
    values, group = np.unique(train, return_inverse=True)
    if task == "classification":
        labels, label = np.unique(y, return_inverse=True)
        pairs, counts = np.unique(group * len(labels) + label, return_counts=True)
        order = np.argsort(counts, kind="stable")  # the most frequent comes last, and stays
        y_pred = np.empty(len(values))
        y_pred[pairs[order] // len(labels)] = labels[pairs[order] % len(labels)]
    else:
        y_pred = np.bincount(group, y) / np.bincount(group)
    return np.asarray(y_pred[np.searchsorted((values[1:] + values[:-1]) / 2, test)])


def _tree(x: Floats, y: np.ndarray, x_test: Floats, task: str) -> np.ndarray:
    """Predict y for `x_test` by a decision tree fitted on x and y."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    estimator = DecisionTreeClassifier if task == "classification" else DecisionTreeRegressor
    tree = estimator(max_leaf_nodes=512, random_state=0)
    return np.asarray(tree.fit(x[:, None], y).predict(x_test[:, None]))


def _correlation(x: Floats, y: np.ndarray) -> float:
    """Return the Pearson correlation, or 0 where too few rows have a value."""
    present = ~np.isnan(x)
    a, b = x[present].astype(np.float64), y[present]
    if len(a) < MIN_ROWS or len(a) < len(x) / 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
