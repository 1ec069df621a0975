"""Two classes: precision, recall and cost by threshold, and one to propose.

The threshold is proposed from the validation rows; the test rows only measure it.
"""

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import Costs, Evaluate
from ..data import tables
from ..preprocess import processed
from ..reports.thresholds import AtThreshold, BothSets, Thresholds
from ..utils.classes import predicted_classes
from ..utils.ranking import Ranking
from .model_io import ModelVersion
from .scoring import Predictions

log = logging.getLogger(__name__)

Array = NDArray[np.float64]

POINTS = 100  # of the curves
BELOW_ONE = float(np.nextafter(1.0, 0.0))


def read_thresholds(
    model: ModelVersion, folder: Path, test: Predictions, settings: Evaluate, batch_rows: int
) -> Thresholds | None:
    """Predict the validation rows batch by batch, and weigh the thresholds by them.

    Args:
        model: Whose recipe predicts.
        folder: data/processed.
        test: What the recipe predicts for the test rows.
        settings: The threshold in use, and what a proposal is asked for.
        batch_rows: Rows to read at a time.

    Returns:
        None unless there are two classes, and validation rows of both.
    """
    preprocessor = model.preprocessor
    if preprocessor.classes is None or len(preprocessor.classes) != 2:
        if settings.costs is not None or settings.min_precision is not None:
            log.warning("evaluate.costs and evaluate.min_precision count for two classes only")
        return None
    columns = [*(item.name for item in preprocessor.inputs), processed.TARGET]
    targets, scores = [np.zeros(0)], [np.zeros(0)]
    path = processed.set_path(folder, "val")
    for frame in tables.iter_batches(path, batch_rows, columns=columns):
        x, y = processed.arrays(frame, preprocessor)
        targets.append(y)
        scores.append(model.recipe.predict(x)[:, 1].astype(np.float64))
    return weigh(np.concatenate(targets), np.concatenate(scores), test, settings)


def weigh(y_true: Array, score: Array, test: Predictions, settings: Evaluate) -> Thresholds | None:
    """Return the curves, and the threshold to propose if costs or a precision are stated.

    By costs it is the cheapest one, of equal ones that nearest to the threshold in use; by
    precision the one of highest recall among those that reach it.

    Args:
        y_true: (n,) class indices of the validation rows.
        score: (n,) their probabilities of the positive class.
        test: Measures what is found.
        settings: As for `read_thresholds`.

    Returns:
        None where the validation rows are of one class.
    """
    positive = y_true == 1
    if positive.all() or not positive.any():
        return None
    costs = settings.costs or Costs()
    least, most, points = _candidates(positive, score, costs)
    found = _choose(points, least, most, settings)
    shown = np.unique(np.linspace(0, len(most) - 1, POINTS).round().astype(np.int64))

    def both(threshold: float) -> BothSets:
        return BothSets(
            _measure(y_true, score, threshold, costs),
            _measure(test.y_true, test.y_pred[:, 1].astype(np.float64), threshold, costs),
        )

    return Thresholds(
        rows=len(y_true),
        false_positive=costs.false_positive,
        false_negative=costs.false_negative,
        min_precision=settings.min_precision,
        asked=settings.costs is not None or settings.min_precision is not None,
        points=[
            AtThreshold(*map(float, (most[i], *points[:, i]))) for i in reversed(shown.tolist())
        ],
        used=both(settings.threshold),
        proposed=None if found is None else both(found),
    )


def _candidates(
    positive: NDArray[np.bool_], score: Array, costs: Costs
) -> tuple[Array, Array, Array]:
    """Return all that thresholds can do, the strictest first.

    Returns:
        (k,) and (k,) the ends of the range of thresholds that do the same, without the lower end
        and with the upper one; (3, k) precision, recall and cost a row.
    """
    true, false = Ranking(positive, score).counts()
    true, false = (np.concatenate([[0.0], counts]) for counts in (true, false))  # no row at all
    most = np.minimum(np.concatenate([[BELOW_ONE], np.unique(score)[::-1]]), BELOW_ONE)
    least = np.append(most[1:], 0.0)
    kept = least < most
    true, false, least, most = (values[kept] for values in (true, false, least, most))
    return least, most, _rates(true, false, int(positive.sum()), len(positive), costs)


def _rates(true: Array, false: Array, positive: int, rows: int, costs: Costs) -> Array:
    """Return (3, k) precision, recall and cost a row; NaN where undefined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = true / (true + false), true / np.float64(positive)
        cost = costs.false_positive * false + costs.false_negative * (positive - true)
        return np.stack([precision, recall, cost / np.float64(rows)])


def _measure(y_true: Array, score: Array, threshold: float, costs: Costs) -> AtThreshold:
    predicted = predicted_classes(np.stack([1 - score, score], axis=1), threshold) == 1
    counts = [np.array([np.sum(y_true[predicted] == kind)], dtype=np.float64) for kind in (1, 0)]
    rates = _rates(counts[0], counts[1], int(np.sum(y_true == 1)), len(y_true), costs)
    return AtThreshold(threshold, *map(float, rates[:, 0]))


def _choose(points: Array, least: Array, most: Array, settings: Evaluate) -> float | None:
    """Return the threshold to propose; None if none is asked for, or none reaches the precision."""
    precision, recall, cost = points
    if settings.costs is not None:
        equal = np.flatnonzero(np.isclose(cost, cost.min(), rtol=1e-12, atol=0))
        ends = np.clip(settings.threshold, least[equal], most[equal])
        place = equal[np.argmin(np.abs(ends - settings.threshold))]
        if least[place] < settings.threshold <= most[place]:
            return settings.threshold
    elif settings.min_precision is not None:
        enough = precision >= settings.min_precision  # False for NaN
        if not (enough & (recall > 0)).any():
            return None
        place = np.argmax(np.where(enough, recall, -1.0))
    else:
        return None
    return _shortest(float(least[place]), float(most[place]))


def _shortest(least: float, most: float) -> float:
    """Return the number of fewest digits in a range that does not hold its lower end."""
    for digits in range(2, 18):
        number = round(np.floor(most * 10**digits) / 10**digits, digits)
        if least < number <= most:
            return float(number)
    return most
