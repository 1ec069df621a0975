"""Rows ranked by a score: ROC and precision-recall points, and the areas under them."""

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]


class Ranking:
    """Rows in order of falling score, equal scores held together.

    The order does not depend on the weights: it is made once, and each set of weights costs O(n).
    """

    def __init__(self, positive: npt.ArrayLike, score: npt.ArrayLike) -> None:
        """Sort the rows.

        Args:
            positive: (n,) booleans: whether a row is of the positive class.
            score: (n,) scores; a higher one speaks for the positive class.
        """
        scores = np.asarray(score, dtype=np.float64)
        self._order = np.argsort(-scores, kind="stable")
        self._positive = np.asarray(positive, dtype=bool)[self._order].astype(np.float64)
        descending = scores[self._order]
        new = np.ones(len(scores), dtype=bool)
        new[1:] = descending[1:] != descending[:-1]
        self._last = np.append(np.flatnonzero(new)[1:], len(scores)) - 1

    def counts(self, weights: Array | None = None) -> tuple[Array, Array]:
        """Return how many positive and negative rows have at least each distinct score."""
        if not len(self._order):
            return np.empty(0), np.empty(0)
        ordered = np.ones(len(self._order)) if weights is None else weights[self._order]
        positive = np.cumsum(ordered * self._positive)[self._last]
        return positive, np.cumsum(ordered)[self._last] - positive

    def areas(self, weights: Array) -> tuple[float, float]:
        """Return ROC AUC and average precision; NaN where a class is missing."""
        positive, negative = self.counts(weights)
        total, others = positive[-1], negative[-1]
        new, new_others = np.diff(positive, prepend=0.0), np.diff(negative, prepend=0.0)
        auc = math.nan
        if total and others:
            auc = float(new_others @ (positive - new / 2) / (total * others))
        if not total:
            return auc, math.nan
        predicted = positive + negative
        precision = np.divide(
            positive, predicted, out=np.zeros_like(predicted), where=predicted > 0
        )
        return auc, float(new @ precision / total)


def roc_points(positive: npt.ArrayLike, score: npt.ArrayLike) -> tuple[Array, Array]:
    """Return false and true positive rates, from (0, 0) to (1, 1); empty for a single class.

    Args:
        positive: (n,) booleans.
        score: (n,) scores; a higher one speaks for the positive class.
    """
    true, false = Ranking(positive, score).counts()
    if not len(true) or true[-1] == 0 or false[-1] == 0:
        return np.empty(0), np.empty(0)
    start = np.zeros(1)
    return (
        np.concatenate([start, false / false[-1]]),
        np.concatenate([start, true / true[-1]]),
    )


def precision_recall_points(positive: npt.ArrayLike, score: npt.ArrayLike) -> tuple[Array, Array]:
    """Return recall and precision from the strictest threshold down.

    Both are empty where no row is positive.

    Args:
        positive: (n,) booleans.
        score: (n,) scores; a higher one speaks for the positive class.
    """
    true, false = Ranking(positive, score).counts()
    if not len(true) or true[-1] == 0:
        return np.empty(0), np.empty(0)
    return true / true[-1], true / (true + false)
