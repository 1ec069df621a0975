"""What a model goes by: what it loses when one input says nothing, and what each input adds."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..preprocess.transforms import Floats
from ..reports.results import Importance
from ..utils.metrics import METRICS
from ..utils.progress import progress
from . import scoring
from .explain import mean_contributions
from .model_io import ModelVersion
from .predictor import Predictor

Array = NDArray[np.float64]

SHUFFLES = 5
SHUFFLED_CELLS = 400_000  # rows x inputs x shuffles


def sample_size(rows: int, inputs: int) -> int:
    """Return how many of the rows to measure the importance of so many inputs on."""
    return min(rows, max(500, min(5000, SHUFFLED_CELLS // max(1, inputs * SHUFFLES))))


def importance(
    model: ModelVersion, x: Floats, y_true: Array, metric: str, threshold: float, seed: int
) -> list[Importance]:
    """Return `permutation_importance` of the recipe, with each input's contributions to the model.

    Args:
        model: The version.
        x: (n, inputs) transformed rows.
        y_true: n targets: numbers or class indices.
        metric: A name of METRICS.
        threshold: Two classes: from this probability on it is the positive class.
        seed: Of the shuffles.
    """
    found = permutation_importance(model.recipe, x, y_true, metric, threshold, seed)
    if (shares := mean_contributions(model, x)) is None:
        return found
    names = [item.name for item in model.preprocessor.inputs]
    added = dict(zip(names, shares.tolist(), strict=True))
    return [replace(one, contribution=added[one.name]) for one in found]


def permutation_importance(
    predictor: Predictor, x: Floats, y_true: Array, metric: str, threshold: float, seed: int
) -> list[Importance]:
    """Shuffle one input at a time (Breiman, 2001) and see how much worse the metric gets.

    Args:
        predictor: Predicts transformed rows.
        x: (n, inputs) transformed rows.
        y_true: n targets: numbers or class indices.
        metric: A name of METRICS.
        threshold: Two classes: from this probability on it is the positive class.
        seed: Of the shuffles.

    Returns:
        The most important input first; empty where the metric is undefined on these rows.
    """
    weights = np.ones(len(x))
    sign = 1 if METRICS[metric].higher_is_better else -1
    inputs, classes = predictor.preprocessor.inputs, predictor.preprocessor.classes

    def value(x: Floats) -> float:
        y_pred = predictor.predict(x).astype(np.float64)
        measure = scoring.weighted_metrics(classes, y_true, y_pred, threshold=threshold)
        return measure(weights)[metric]

    intact = value(x)
    if math.isnan(intact):
        return []
    random = np.random.default_rng(seed)
    importance = []
    shuffled = x.copy()
    with progress("permutation importance", len(inputs), "inputs") as bar:
        for position, item in enumerate(inputs):
            drops = []
            for _ in range(SHUFFLES):
                shuffled[:, position] = random.permutation(x[:, position])
                drops.append(sign * (intact - value(shuffled)))
            shuffled[:, position] = x[:, position]
            importance.append(Importance(item.name, float(np.mean(drops)), float(np.std(drops))))
            bar.update(1)
    return sorted(importance, key=lambda one: -one.mean)
