"""Metrics agree with scikit-learn and stay quiet in degenerate cases."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from {{ cookiecutter.package_name }}.utils.calibration import calibration_bins
from {{ cookiecutter.package_name }}.utils.metrics import (
    WeightedMetrics,
    classification_metrics,
    regression_metrics,
)

Arrays = tuple[NDArray[np.float64], NDArray[np.float64]]
ONES = np.ones


def test_two_classes_as_scikit_learn(two_classes: Arrays) -> None:
    y_true, proba = two_classes
    positive, y_pred = proba[:, 1], proba[:, 1] >= 0.4
    assert classification_metrics(y_true, proba, 0.4)(ONES(400)) == pytest.approx(
        {
            "roc_auc": sk.roc_auc_score(y_true, positive),
            "average_precision": sk.average_precision_score(y_true, positive),
            "log_loss": sk.log_loss(y_true, positive),
            "brier": sk.brier_score_loss(y_true, positive),
            "accuracy": sk.accuracy_score(y_true, y_pred),
            "precision": sk.precision_score(y_true, y_pred),
            "recall": sk.recall_score(y_true, y_pred),
            "f1": sk.f1_score(y_true, y_pred),
            "calibration_error": sum(
                b.rows / 400 * abs(b.predicted - b.observed)
                for b in calibration_bins(y_true == 1, positive)
            ),
        }
    )


def test_three_classes_as_scikit_learn(three_classes: Arrays) -> None:
    y_true, proba = three_classes
    y_pred = proba.argmax(axis=1)
    squares = ((proba - np.eye(3)[y_true.astype(int)]) ** 2).sum(axis=1)
    values = classification_metrics(y_true, proba)(ONES(400))
    expected = {
        "roc_auc": sk.roc_auc_score(y_true, proba, multi_class="ovr"),
        "average_precision": sk.average_precision_score(np.eye(3)[y_true.astype(int)], proba),
        "log_loss": sk.log_loss(y_true, proba),
        "brier": squares.mean(),
        "accuracy": sk.accuracy_score(y_true, y_pred),
        "precision": sk.precision_score(y_true, y_pred, average="macro"),
        "recall": sk.recall_score(y_true, y_pred, average="macro"),
        "f1": sk.f1_score(y_true, y_pred, average="macro"),
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected)


def test_numbers_as_scikit_learn() -> None:
    random = np.random.default_rng(2)
    y_true = random.normal(100, 20, 301)
    y_pred = y_true + random.normal(0, 5, 301)
    assert regression_metrics(y_true, y_pred, 8.0)(ONES(301)) == pytest.approx(
        {
            "mae": sk.mean_absolute_error(y_true, y_pred),
            "rmse": sk.root_mean_squared_error(y_true, y_pred),
            "median_absolute_error": sk.median_absolute_error(y_true, y_pred),
            "r2": sk.r2_score(y_true, y_pred),
            "interval_coverage": np.mean(np.abs(y_true - y_pred) <= 8),
            "interval_width": 16.0,
        }
    )


def test_weights_mean_repeated_rows(three_classes: Arrays) -> None:
    random = np.random.default_rng(3)
    weights = random.integers(0, 4, 400)
    again = np.repeat(np.arange(400), weights)
    y_true, proba = three_classes
    kinds: list[Callable[[Any], WeightedMetrics]] = [
        lambda rows: classification_metrics(y_true[rows], proba[rows]),
        lambda rows: classification_metrics(y_true[rows] > 0, proba[rows][:, :2]),
        lambda rows: regression_metrics(y_true[rows], proba[rows, 0], 1.0),
    ]
    for kind in kinds:
        weighted = kind(np.arange(400))(weights.astype(float))
        repeated = kind(again)(ONES(len(again)))
        for values in (weighted, repeated):
            values.pop("calibration_error", None)  # its bins are those of all rows
        assert weighted == pytest.approx(repeated)


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_degenerate_cases_are_nan_and_quiet(rows: int) -> None:
    zeros = np.zeros(rows)
    sure = np.column_stack([np.ones(rows), zeros])
    values = classification_metrics(zeros, sure)(ONES(rows))
    assert math.isnan(values["roc_auc"])
    assert math.isnan(values["recall"])
    assert rows == 0 or values["accuracy"] == 1
    numbers = regression_metrics(zeros, zeros, 0.0)
    assert math.isnan(numbers(ONES(rows))["r2"])
    assert all(math.isnan(value) or value == 0 for value in numbers(zeros).values())
    assert sum(b.rows for b in calibration_bins(zeros, zeros)) == rows


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        classification_metrics([0, 1], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="do not fit"):
        regression_metrics([0, 1], [0])
