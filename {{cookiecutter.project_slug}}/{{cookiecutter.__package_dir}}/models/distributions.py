"""Curves, histograms and samples of predictions: what the plots of an evaluation are drawn from."""

import math

import numpy as np
from numpy.typing import NDArray

from ..reports.results import MOST_CURVES, Curves, Points, Residuals, Scores
from ..utils.ranking import precision_recall_points, roc_points
from .scoring import Predictions

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

MOST_POINTS = 4000  # of a curve or a sample
HISTOGRAM_BINS = 50
OUTERMOST = 0.005  # share of the residuals on either side that the outermost bins take


def curves(predictions: Predictions) -> list[Curves]:
    """Return ROC and precision-recall points of the positive class.

    With more than two classes each of the MOST_CURVES most frequent ones is held against the
    rest; classes without a row are left out.
    """
    y_true = predictions.y_true.astype(np.int64)
    classes = predictions.y_pred.shape[1]
    counts = np.bincount(y_true, minlength=classes)
    if classes == 2:
        chosen = [1]
    else:
        frequent = np.argsort(-counts, kind="stable")[:MOST_CURVES]
        chosen = [int(k) for k in np.sort(frequent) if counts[k]]
    return [
        Curves(
            class_index=k,
            roc=_thin(*roc_points(y_true == k, predictions.y_pred[:, k])),
            baseline_roc=_thin(*roc_points(y_true == k, predictions.baseline[:, k])),
            precision_recall=_thin(*precision_recall_points(y_true == k, predictions.y_pred[:, k])),
            baseline_precision_recall=_thin(
                *precision_recall_points(y_true == k, predictions.baseline[:, k])
            ),
        )
        for k in chosen
    ]


def scores(predictions: Predictions) -> Scores:
    """Return histograms of the probabilities by true class, or by right and wrong."""
    y_true, proba, baseline = predictions.y_true, predictions.y_pred, predictions.baseline
    if proba.shape[1] == 2:
        score, reference = proba[:, 1], baseline[:, 1]
        groups = [y_true == 0, y_true == 1]
    else:
        score, reference = proba.max(axis=1), baseline.max(axis=1)
        right = proba.argmax(axis=1) == y_true
        groups = [right, ~right]
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    if len(score):
        low, high = math.floor(20 * score.min()) / 20, math.ceil(20 * score.max()) / 20
        low, high = max(0.0, min(low, high - 0.2)), min(1.0, max(high, low + 0.2))
        edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    rows = [int(group.sum()) for group in groups]
    percent = [
        np.histogram(score[group], edges, weights=np.full(n, 100 / max(n, 1)))[0].tolist()
        for group, n in zip(groups, rows, strict=True)
    ]
    return Scores(
        edges=edges.tolist(),
        rows=rows,
        percent=percent,
        baseline_median=float(np.median(reference)) if len(reference) else None,
    )


def residuals(predictions: Predictions) -> Residuals:
    """Return a sample of true and predicted values, and histograms of true - predicted."""
    y_true, y_pred, baseline = predictions.y_true, predictions.y_pred, predictions.baseline
    model_residuals, baseline_residuals = y_true - y_pred, y_true - baseline
    both = np.concatenate([model_residuals, baseline_residuals]) if len(y_true) else np.zeros(2)
    low, high = (float(edge) for edge in np.quantile(both, [OUTERMOST, 1 - OUTERMOST]))
    low, high = (low, high) if high > low else (low - 1, low + 1)
    edges = np.linspace(low, high, HISTOGRAM_BINS + 1)
    values = np.concatenate([y_true, y_pred]) if len(y_true) else np.array([0.0, 1.0])
    sample = _sample(len(y_true))
    return Residuals(
        y_true=y_true[sample].tolist(),
        y_pred=y_pred[sample].tolist(),
        baseline=baseline[sample].tolist(),
        smallest=float(values.min()),
        largest=float(values.max()),
        edges=edges.tolist(),
        rows=_counts(model_residuals, edges),
        baseline_rows=_counts(baseline_residuals, edges),
    )


def _counts(values: Array, edges: Array) -> list[int]:
    """Count values by bin; the outermost bins take what lies beyond."""
    counts: list[int] = np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0].tolist()
    return counts


def _sample(rows: int) -> Rows:
    """Choose rows to show; every one where they are few."""
    if rows <= MOST_POINTS:
        return np.arange(rows)
    return np.random.default_rng(0).choice(rows, MOST_POINTS, replace=False)


def _thin(x: Array, y: Array) -> Points:
    """Keep the first, the last and evenly many points between them."""
    if len(x) > MOST_POINTS:
        kept = np.linspace(0, len(x) - 1, MOST_POINTS).astype(np.int64)
        x, y = x[kept], y[kept]
    return Points(x.tolist(), y.tolist())
