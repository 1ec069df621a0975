"""From probabilities to a class: the one rule, for tables and, without arrays, for single rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def predicted_classes(proba: NDArray[np.floating], threshold: float) -> NDArray[np.int64]:
    """Return the predicted class of each row.

    Args:
        proba: Array (n, classes) of probabilities.
        threshold: For two classes: the positive class's probability from which it is predicted.
            With more classes the most probable one is, the first of equals.

    Returns:
        n class indices.
    """
    if proba.shape[1] == 2:
        y_pred: NDArray[np.int64] = (proba[:, 1].astype(np.float64) >= threshold).astype(np.int64)
    else:
        y_pred = proba.argmax(axis=1)
    return y_pred


def predicted_class(proba: Sequence[float], threshold: float) -> int:
    """Return what `predicted_classes` gives for one row."""
    if len(proba) == 2:
        return int(proba[1] >= threshold)
    return max(range(len(proba)), key=proba.__getitem__)
