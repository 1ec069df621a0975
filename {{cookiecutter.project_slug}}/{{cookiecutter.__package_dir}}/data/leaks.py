"""Finds columns that tell the target, or nearly, all by themselves: they are known only afterwards.

What reproduces the target is refused. What comes near, or tells it by its gaps or by another row's
target, is warned of: it may be right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float32]
LIMITS = {"classification": 0.99, "regression": 0.999}
NEAR = 0.95  # from here on it is warned of
SCREEN = 0.90  # of the nearest row, which errs up to twice as often as need be
ROWS = 10_000
MIN_ROWS = 40
GAP_ROWS = 20  # rows with a gap, and without one, that let gaps tell anything
CLASS_ROWS = 10  # test rows of a class that let it count
LEAF_ROWS = 20  # of a tree that is to see through noise
SHIFT_ROWS = 2_000
SHIFTS = (1, 2, 3, 4, 5, 6, 7)


@dataclass(frozen=True)
class Suspect:
    """A column that tells the target.

    Attributes:
        name: Of the column.
        score: 1 tells everything, 0 nothing.
        refused: Whether it reproduces the target; else it is warned of.
        how: By what it tells it, in words.
    """

    name: str
    score: float
    refused: bool
    how: str

    @property
    def note(self) -> str:
        """The finding in one sentence."""
        return f"{self.how} (score {self.score:.3f} of 1)"


def suspects(
    x: Floats, names: Sequence[str], categorical: Sequence[int], y: pl.Series, task: str
) -> list[Suspect]:
    """Return the inputs from which alone the target can be told on rows not learned from.

    A decision tree of one column is fitted on one half of the rows and scored on the other:
    R squared for regression, and for classification the share of the majority class's errors that
    it avoids (1: none left, 0: no better). For regression the squared correlations by Pearson and
    Spearman count too, so that a copy in another unit or on another scale is found in a small
    table. To be warned of, a column may tell it in the rows where it has a value, and every class
    may weigh the same (Youden's J).

    Args:
        x: Array (n, k) of model inputs, NaN where missing.
        names: The k inputs' names.
        categorical: Positions of inputs that are categories without an order.
        y: n values of the target, none missing.
        task: "classification" or "regression".

    Returns:
        Those of a score from `LIMITS[task]`, refused, and from `NEAR`, warned of; the refused and
        then the highest first.
    """
    x, y = x[:ROWS], y[:ROWS]
    if task == "classification":
        y_true = y.cast(pl.String).rank("dense").to_numpy().astype(np.float64)
    else:
        y_true = y.cast(pl.Float64).to_numpy()
    if len(y_true) // 2 < MIN_ROWS or np.all(y_true == y_true[0]):
        return []
    found = []
    for i, name in enumerate(names):
        column = np.ascontiguousarray(x[:, i])
        if not np.isnan(column).all():
            one = _examine(name, column, y_true, task, categorical=i in categorical)
            found += [one] if one is not None else []
    return sorted(found, key=lambda one: (not one.refused, -one.score))


def shifted(
    x: Floats, names: Sequence[str], y: pl.Series, row: NDArray[np.int64], task: str
) -> list[Suspect]:
    """Return the inputs that are the target of a row nearby, up to 7 before or after.

    Args:
        x: As for `suspects`.
        names: The k inputs' names.
        y: n values of the target, none missing.
        row: n numbers of the rows in the table, rising.
        task: "classification" or "regression".

    Returns:
        Those whose squared rank correlation with it is at least `NEAR`, and far above that with
        their own row's target.
    """
    x, y, row = x[:SHIFT_ROWS], y[:SHIFT_ROWS], row[:SHIFT_ROWS]
    number = y.cast(pl.String) if task == "classification" else y.cast(pl.Float64)
    y_true = number.rank("average").to_numpy().astype(np.float64)
    ranks = np.column_stack([_ranks(x[:, i]) for i in range(x.shape[1])])
    shifts = (0, *SHIFTS, *(-one for one in SHIFTS))
    pairs = [np.intersect1d(row + one, row, return_indices=True)[1:] for one in shifts]
    others = np.zeros((len(row), len(shifts)))
    for place, (mine, other) in enumerate(pairs):
        others[mine, place] = y_true[other] - y_true.mean()
    found = []
    rough = _roughly(ranks, others).max(axis=1).tolist()
    for i in [i for i, score in enumerate(rough) if score >= NEAR / 3]:
        scores = [_correlation(ranks[a, i], y_true[b]) ** 2 for a, b in pairs]
        best = int(np.argmax(scores))
        if scores[best] >= NEAR and 1 - scores[best] < 0.1 * (1 - scores[0]):
            where = f"{abs(shifts[best])} {'later' if shifts[best] > 0 else 'earlier'}"
            how = f"is the target of the row {where}"
            found.append(Suspect(names[i], scores[best], False, how))
    return found


def _roughly(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squared correlations (k, m) of columns (n, k) and (n, m), gaps as means.

    They are about half the right one where half the rows have a value.
    """
    centred = np.nan_to_num(x - np.nanmean(np.where(np.isnan(x).all(axis=0), 0.0, x), axis=0))
    sizes = np.outer((centred**2).sum(axis=0), (y**2).sum(axis=0))
    squared: NDArray[np.float64] = np.zeros(sizes.shape)
    np.divide((centred.T @ y) ** 2, sizes, out=squared, where=sizes > 0)
    return squared


def _examine(
    name: str, x: Floats, y_true: np.ndarray, task: str, categorical: bool
) -> Suspect | None:
    """Judge what one input (n,) alone tells of the target (n,)."""
    score, near = _alone(x, y_true, task, categorical)
    if score >= LIMITS[task]:
        return Suspect(name, score, True, "tells the target all by itself")
    if near >= NEAR:
        return Suspect(name, near, False, "nearly tells the target all by itself")
    missing = np.isnan(x)
    if (gaps := _gaps(missing, y_true, task)) >= NEAR:
        return Suspect(name, gaps, False, "tells the target by its gaps")
    # Where a gap tells nothing, the score on all rows is that on the others times their share.
    present = ~missing
    hope = max(SCREEN * present.mean() - 0.2, 0.03)
    enough = present.sum() >= 2 * MIN_ROWS and np.ptp(y_true[present]) > 0
    if missing.any() and enough and near >= hope:
        near = max(_alone(x[present], y_true[present], task, categorical))
        if near >= NEAR:
            return Suspect(name, near, False, "nearly tells the target where it has a value")
    return None


def _alone(x: Floats, y_true: np.ndarray, task: str, categorical: bool) -> tuple[float, float]:
    """Score one input for refusing it, and for a warning."""
    half = len(y_true) // 2
    train, test = slice(None, half), slice(half, None)
    # The nearest row errs at most twice as often as any rule can (Cover and Hart, 1967), so it
    # clears nearly all columns, without scikit-learn: its import alone takes 0.1 GiB and 1 s.
    y_pred = _nearest(x[train], y_true[train], x[test], task)
    score, near = _score(y_true, y_pred, task), _balanced(y_true[test], y_pred, task)
    if max(score, near) >= SCREEN:
        y_pred = _tree(x[train], y_true[train], x[test], task)
        score = _score(y_true, y_pred, task)
        near = max(near, _balanced(y_true[test], y_pred, task))
        y_pred = _tree(x[train], y_true[train], x[test], task, LEAF_ROWS)
        near = max(near, _score(y_true, y_pred, task), _balanced(y_true[test], y_pred, task))
    if task == "regression" and not categorical:
        score = max(score, _correlation(x, y_true) ** 2)
        if _rough_rank(x, y_true) > NEAR / 2 or score > NEAR / 2:
            score = max(score, _correlation(_ranks(x), _ranks(y_true)) ** 2)
    if task == "classification" and not categorical and near >= 0.5 and _separates(x, y_true):
        score = 1.0
    return float(score), float(max(score, near))


def _rough_rank(x: Floats, y: np.ndarray) -> float:
    """Return the squared rank correlation on the first rows: enough to clear most columns."""
    few = slice(None, 10 * MIN_ROWS)
    return _correlation(_ranks(x[few]), _ranks(y[few])) ** 2


def _separates(x: Floats, y: np.ndarray) -> bool:
    """Tell whether each class has a range of x of its own, as the rank of a number has."""
    order = np.argsort(x, kind="stable")
    new = np.flatnonzero(np.diff(y[order]))
    classes, counts = np.unique(y, return_counts=True)
    return bool(
        len(new) == len(classes) - 1
        and counts.min() >= CLASS_ROWS
        and not np.isnan(x).any()
        and np.all(x[order[new]] < x[order[new + 1]])
    )


def _ranks(x: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the ranks (n,) of the values, NaN where one is missing."""
    column = pl.Series(x.astype(np.float64)).fill_nan(None).rank("average")
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _balanced(y_true: np.ndarray, y_pred: np.ndarray, task: str) -> float:
    """Return Youden's J of predicted classes, over the classes that have rows enough.

    Each class weighs the same: 1 is perfect, 0 no better than chance.
    """
    if task != "classification":
        return 0.0
    classes, counts = np.unique(y_true, return_counts=True)
    kept = classes[counts >= CLASS_ROWS]
    if len(kept) < 2:
        return 0.0
    recall = np.mean([np.mean(y_pred[y_true == one] == one) for one in kept])
    return float((recall - 1 / len(kept)) / (1 - 1 / len(kept)))


def _gaps(missing: NDArray[np.bool_], y_true: np.ndarray, task: str) -> float:
    """Score what it tells of the target whether an input is missing.

    Youden's J of one class against the rest; for a number 2 AUC - 1 of its ranks.
    """
    gaps, rest = int(missing.sum()), int((~missing).sum())
    if min(gaps, rest) < GAP_ROWS:
        return 0.0
    if task == "classification":
        classes, counts = np.unique(y_true, return_counts=True)
        return max(
            (
                abs(np.mean(missing[y_true == one]) - np.mean(missing[y_true != one]))
                for one in classes[counts >= CLASS_ROWS]
            ),
            default=0.0,
        )
    ranks = _ranks(y_true)
    area = (ranks[missing].sum() - gaps * (gaps + 1) / 2) / (gaps * rest)
    return float(abs(2 * area - 1))


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


def _tree(x: Floats, y: np.ndarray, x_test: Floats, task: str, leaf: int = 1) -> np.ndarray:
    """Predict y for `x_test` by a decision tree fitted on x and y."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    estimator = DecisionTreeClassifier if task == "classification" else DecisionTreeRegressor
    tree = estimator(max_leaf_nodes=512, min_samples_leaf=leaf, random_state=0)
    return np.asarray(tree.fit(x[:, None], y).predict(x_test[:, None]))


def _correlation(x: NDArray[np.floating], y: np.ndarray) -> float:
    """Return the Pearson correlation, or 0 where too few rows have a value."""
    present = ~np.isnan(x)
    a, b = x[present].astype(np.float64), y[present]
    if len(a) < MIN_ROWS or len(a) < len(x) / 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
