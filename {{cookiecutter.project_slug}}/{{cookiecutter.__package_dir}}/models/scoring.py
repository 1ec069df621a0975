"""The metrics of a model's predictions, as its task and classes ask for them."""

import numpy as np
from numpy.typing import NDArray

from ..utils import metrics

Doubles = NDArray[np.float64]


def scorer(
    classes: tuple[str, ...] | None,
    y_true: Doubles,
    y_pred: Doubles,
    half_width: float | None = None,
    threshold: float = 0.5,
) -> metrics.Scorer:
    """Prepare the metrics.

    Args:
        classes: The labels of the classes; None for regression.
        y_true: n targets: numbers or class indices.
        y_pred: (n, classes) probabilities or n predictions.
        half_width: Regression: half the width of the prediction interval, if there is one.
        threshold: Two classes: from this probability on it is the positive class.
    """
    if classes is not None:
        return metrics.classification_metrics(y_true, y_pred, threshold)
    return metrics.regression_metrics(y_true, y_pred, half_width)


def values(
    classes: tuple[str, ...] | None,
    y_true: Doubles,
    y_pred: Doubles,
    half_width: float | None,
    threshold: float,
) -> dict[str, float]:
    """Return the metrics by name, without those that are undefined; arguments as for `scorer`."""
    score = scorer(classes, y_true, y_pred, half_width, threshold)
    found = score(np.ones(len(y_true)))
    return {name: value for name, value in found.items() if np.isfinite(value)}
