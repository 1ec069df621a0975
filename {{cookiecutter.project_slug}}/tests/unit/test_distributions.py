"""What is drawn of predictions: few points, every row counted once."""

import numpy as np
import pytest
from numpy.typing import NDArray

from {{ cookiecutter.package_name }}.models import distributions
from {{ cookiecutter.package_name }}.models.scoring import Predictions
from {{ cookiecutter.package_name }}.reports.results import MOST_CURVES
from {{ cookiecutter.package_name }}.reports.style import CLASS_COLORS
from {{ cookiecutter.package_name }}.utils.ranking import roc_points

Arrays = tuple[NDArray[np.float64], NDArray[np.float64]]


def classified(y_true: NDArray[np.float64], proba: NDArray[np.float64]) -> Predictions:
    """Return predictions beside a baseline that knows nothing."""
    k = proba.shape[1]
    names = tuple(f"class {number}" for number in range(k))
    return Predictions(names, y_true, proba, np.full((len(y_true), k), 1 / k), 0.5, None)


def test_two_classes_have_the_curve_of_the_positive_one(two_classes: Arrays) -> None:
    (curves,) = distributions.curves(classified(*two_classes))
    x, y = roc_points(two_classes[0] == 1, two_classes[1][:, 1])
    assert curves.class_index == 1
    assert (curves.roc.x, curves.roc.y) == (x.tolist(), y.tolist())
    assert curves.baseline_roc.x == curves.baseline_roc.y == [0, 1]


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    random = np.random.default_rng(0)
    positive = random.random(20_000)
    y_true = (random.random(20_000) < positive).astype(float)
    (curves,) = distributions.curves(classified(y_true, np.column_stack([1 - positive, positive])))
    for points in (curves.roc, curves.precision_recall):
        assert len(points.x) == len(points.y) == distributions.MOST_POINTS
    assert (curves.roc.x[0], curves.roc.y[0], curves.roc.x[-1], curves.roc.y[-1]) == (0, 0, 1, 1)


def test_of_many_classes_the_most_frequent_have_curves() -> None:
    random = np.random.default_rng(0)
    y_true = np.concatenate([np.zeros(1), np.repeat(np.arange(1.0, 12), 10)])
    proba = random.dirichlet(np.ones(13), len(y_true))  # class 12 has no row
    curves = distributions.curves(classified(y_true, proba))
    assert [one.class_index for one in curves] == list(range(1, 1 + MOST_CURVES))
    assert len(CLASS_COLORS) >= MOST_CURVES


def test_scores_share_out_every_row(two_classes: Arrays, three_classes: Arrays) -> None:
    for y_true, proba in (two_classes, three_classes):
        scores = distributions.scores(classified(y_true, proba))
        assert sum(scores.rows) == len(y_true)
        expected = [100 if rows else 0 for rows in scores.rows]
        assert [sum(group) for group in scores.percent] == pytest.approx(expected)
        assert scores.baseline_median == pytest.approx(1 / proba.shape[1])


def test_residuals_count_every_row_and_sample_some() -> None:
    random = np.random.default_rng(0)
    y_true = random.normal(0, 10, 9000)
    y_pred = y_true + random.standard_t(2, 9000)
    residuals = distributions.residuals(
        Predictions(None, y_true, y_pred, np.zeros(9000), 0.5, None)
    )
    assert sum(residuals.rows) == sum(residuals.baseline_rows) == 9000
    assert len(residuals.y_true) == len(residuals.y_pred) == distributions.MOST_POINTS
    pairs = set(zip(y_true.tolist(), y_pred.tolist(), strict=True))
    assert pairs.issuperset(zip(residuals.y_true, residuals.y_pred, strict=True))
    assert residuals.smallest == min(y_true.min(), y_pred.min())


def test_residuals_of_an_exact_model_have_a_range() -> None:
    constant = np.ones(5)
    residuals = distributions.residuals(Predictions(None, constant, constant, constant, 0.5, None))
    assert (residuals.edges[0], residuals.edges[-1]) == (-1, 1)
    assert sum(residuals.rows) == 5
