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
    codes: Floats, names: Sequence[str], categorical: Sequence[int], target: pl.Series, task: str
) -> list[tuple[str, float]]:
    """Return the inputs from which alone the target can be told on rows not learned from.

    A decision tree of one column is fitted on one half of the rows and scored on the other:
    R squared for regression, and for classification the share of the majority class's errors that
    it avoids (1: none left, 0: no better). For regression the squared Pearson correlation counts
    too, so that a copy in another unit is found in a small table.

    Args:
        codes: Array (n, k) of model inputs, NaN where missing.
        names: The k inputs' names.
        categorical: Positions of inputs that are codes without an order.
        target: n values, none missing.
        task: "classification" or "regression".

    Returns:
        (name, score) of each input whose score reaches `LIMITS[task]`, the highest first.
    """
    codes, target = codes[:ROWS], target[:ROWS]
    if task == "classification":
        y = target.cast(pl.String).rank("dense").to_numpy().astype(np.float64)
    else:
        y = target.cast(pl.Float64).to_numpy()
    half = len(y) // 2
    if half < MIN_ROWS or np.all(y == y[0]):
        return []
    found = []
    for i, name in enumerate(names):
        x = codes[:, i]
        if np.isnan(x).all():
            continue
        # The nearest row errs at most twice as often as any rule can (Cover and Hart, 1967), so it
        # clears nearly all columns, without scikit-learn: its import alone takes 0.1 GiB and 1 s.
        score = _score(y, _by_nearest(x[:half], y[:half], x[half:], task), task)
        if score >= SCREENS[task]:
            score = _score(y, _by_tree(x[:half], y[:half], x[half:], task), task)
        if task == "regression" and i not in categorical:
            score = max(score, _correlation(x, y) ** 2)
        if score >= LIMITS[task]:
            found.append((name, float(score)))
    return sorted(found, key=lambda pair: -pair[1])


def _score(y: np.ndarray, guess: np.ndarray, task: str) -> float:
    """Score guesses for the second half of y: 1 is perfect, 0 no better than without them."""
    half = len(y) // 2
    truth = y[half:]
    if task == "classification":
        values, counts = np.unique(y[:half], return_counts=True)
        base = np.mean(truth != values[np.argmax(counts)])
        return float(1 - np.mean(truth != guess) / base) if base else 0.0
    spread = np.sum((truth - truth.mean()) ** 2)
    return float(1 - np.sum((truth - guess) ** 2) / spread) if spread else 0.0


def _by_nearest(x: Floats, y: np.ndarray, new: Floats, task: str) -> np.ndarray:
    """Guess y for `new` by the rows of the nearest x: their mean, or most frequent class."""
    beyond = 2 * max(np.nanmax(np.abs(x), initial=0), np.nanmax(np.abs(new), initial=0)) + 1.0
    known, asked = (np.nan_to_num(a.astype(np.float64), nan=float(beyond)) for a in (x, new))
    values, group = np.unique(known, return_inverse=True)
    if task == "classification":
        labels, label = np.unique(y, return_inverse=True)
        pairs, counts = np.unique(group * len(labels) + label, return_counts=True)
        order = np.argsort(counts, kind="stable")  # the most frequent comes last, and stays
        told = np.empty(len(values))
        told[pairs[order] // len(labels)] = labels[pairs[order] % len(labels)]
    else:
        told = np.bincount(group, y) / np.bincount(group)
    return np.asarray(told[np.searchsorted((values[1:] + values[:-1]) / 2, asked)])


def _by_tree(x: Floats, y: np.ndarray, new: Floats, task: str) -> np.ndarray:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    kind = DecisionTreeClassifier if task == "classification" else DecisionTreeRegressor
    tree = kind(max_leaf_nodes=512, random_state=0)
    return np.asarray(tree.fit(x[:, None], y).predict(new[:, None]))


def _correlation(x: Floats, y: np.ndarray) -> float:
    seen = ~np.isnan(x)
    a, b = x[seen].astype(np.float64), y[seen]
    if len(a) < MIN_ROWS or len(a) < len(x) / 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
