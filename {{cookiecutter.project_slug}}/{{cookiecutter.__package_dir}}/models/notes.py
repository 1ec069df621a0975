"""What a reader should know before trusting the numbers of an evaluation."""

import math
from collections.abc import Iterator

from ..reports.results import Evaluation
from ..reports.style import number
from ..utils.metrics import METRICS
from .scoring import Predictions

FEW_ROWS = 200
CLEAR = 3  # standard errors from which a mean error is worth a note


def notes(evaluation: Evaluation, predictions: Predictions) -> list[str]:
    """Return the notes, one sentence or two each.

    Args:
        evaluation: Complete but for the notes and the learning curve.
        predictions: The test rows that it was measured on.
    """
    return [
        *_few_rows(evaluation),
        *_bias(evaluation, predictions),
        *_worse_metrics(evaluation),
        *_uncommitted(evaluation),
        *_interval(evaluation),
    ]


def _few_rows(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.rows < FEW_ROWS:
        yield f"The test set has {evaluation.rows} rows only: take its numbers as rough."
    absent = [
        name
        for name, row in zip(evaluation.classes or (), evaluation.confusion, strict=True)
        if not sum(row)
    ]
    if absent:
        yield (
            f"No test row is of class {', '.join(absent)}, so some metrics are undefined or "
            "leave it out."
        )


def _bias(evaluation: Evaluation, predictions: Predictions) -> Iterator[str]:
    """Note where predictions are too high or too low on average, beyond chance."""
    if evaluation.classes is not None and len(evaluation.classes) > 2:
        return
    y_true, y_pred = predictions.y_true, predictions.y_pred
    if evaluation.classes is not None:
        y_pred = y_pred[:, 1]
    gap = y_pred - y_true
    mean, error = float(gap.mean()), float(gap.std()) / math.sqrt(len(gap))
    if abs(mean) <= CLEAR * error:
        return
    way = "high" if mean > 0 else "low"
    if evaluation.classes is None:
        unit = f" {evaluation.unit}" if evaluation.unit else ""
        yield f"Predictions are too {way} on average, by {number(abs(mean))}{unit}."
    else:
        yield (
            f"Probabilities are too {way} on average: {y_pred.mean():.1%} predicted, "
            f"{y_true.mean():.1%} seen. The test rows differ from the training rows."
        )


def _worse_metrics(evaluation: Evaluation) -> Iterator[str]:
    worse = [
        METRICS[name].label for name in evaluation.metrics if evaluation.is_better_in(name) is False
    ]
    if worse:
        yield f"The baseline is better in: {', '.join(worse)}."


def _uncommitted(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.metadata.dirty:
        yield "Trained with uncommitted changes: the commit alone does not reproduce this version."


def _interval(evaluation: Evaluation) -> Iterator[str]:
    """Note where the prediction interval does not hold the share that it promises."""
    interval = evaluation.metadata.interval
    if interval is None or "interval_coverage" not in evaluation.metrics:
        return
    level, covered = interval.level, evaluation.metrics["interval_coverage"].model
    if covered.high < level or covered.low > level:
        narrow = "narrow" if covered.high < level else "wide"
        yield (
            f"The {level:.0%} prediction interval holds {covered.value:.1%} of the true "
            f"values: it is too {narrow} for rows like these."
        )
    uneven = [part for part in evaluation.coverage if part.covered.high < level]
    if uneven:
        worst = min(uneven, key=lambda part: part.covered.value)
        yield (
            f"The {level:.0%} prediction interval is too narrow for some predictions: about "
            f"{number(worst.predicted)} it holds {worst.covered.value:.0%}."
        )
