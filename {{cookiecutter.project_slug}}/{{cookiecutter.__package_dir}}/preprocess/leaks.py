"""Finds columns that tell the target all by themselves: they are known only afterwards."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from .transforms import Floats

LIMITS = {"classification": 0.99, "regression": 0.999}
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
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    codes, target = codes[:ROWS], target[:ROWS]
    if task == "classification":
        y = target.cast(pl.String).rank("dense").to_numpy().astype(np.float64)
    else:
        y = target.cast(pl.Float64).to_numpy()
    half = len(y) // 2
    if half < MIN_ROWS or np.all(y == y[0]):
        return []
    kind = DecisionTreeClassifier if task == "classification" else DecisionTreeRegressor
    tree = kind(max_leaf_nodes=512, random_state=0)
    found = []
    for i, name in enumerate(names):
        x = codes[:, [i]]
        if np.isnan(x).all():
            continue
        truth, guess = y[half:], tree.fit(x[:half], y[:half]).predict(x[half:])
        if task == "classification":
            values, counts = np.unique(y[:half], return_counts=True)
            base = np.mean(truth != values[np.argmax(counts)])
            score = 1 - np.mean(truth != guess) / base if base else 0.0
        else:
            spread = np.sum((truth - truth.mean()) ** 2)
            score = 1 - np.sum((truth - guess) ** 2) / spread if spread else 0.0
            if i not in categorical:
                score = max(score, _correlation(x[:, 0], y) ** 2)
        if score >= LIMITS[task]:
            found.append((name, float(score)))
    return sorted(found, key=lambda pair: -pair[1])


def _correlation(x: Floats, y: np.ndarray) -> float:
    seen = ~np.isnan(x)
    a, b = x[seen].astype(np.float64), y[seen]
    if len(a) < MIN_ROWS or len(a) < len(x) / 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
