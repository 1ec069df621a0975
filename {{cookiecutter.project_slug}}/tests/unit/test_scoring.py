"""The metrics of predictions are scikit-learn's, on all rows or on some, beside the baseline."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from {{ cookiecutter.package_name }}.models import scoring
from {{ cookiecutter.package_name }}.preprocess import processed

Arrays = tuple[NDArray[np.float64], NDArray[np.float64]]


def test_metrics_are_those_of_the_test_rows(trained: SimpleNamespace) -> None:
    frame = processed.read_set(trained.config.paths.processed, "test")
    x, y_true = processed.arrays(frame, trained.model.preprocessor)
    y_pred = trained.model.recipe.predict(x)
    metrics = trained.evaluation.metrics
    assert trained.evaluation.rows == len(y_true)
    if classes := trained.model.preprocessor.classes:
        loss = sk.log_loss(y_true, y_pred, labels=list(range(len(classes))))
        assert metrics["log_loss"].model.value == pytest.approx(loss, rel=1e-5)
        right = sk.accuracy_score(y_true, y_pred.argmax(axis=1))
        assert len(classes) == 2 or metrics["accuracy"].model.value == pytest.approx(right)
    else:
        assert metrics["mae"].model.value == pytest.approx(sk.mean_absolute_error(y_true, y_pred))
        assert metrics["r2"].model.value == pytest.approx(sk.r2_score(y_true, y_pred))


def test_every_metric_has_an_interval_and_stands_beside_the_baseline(
    trained: SimpleNamespace,
) -> None:
    for name, comparison in trained.evaluation.metrics.items():
        assert comparison.model.low <= comparison.model.value <= comparison.model.high, name
        if not name.startswith("interval"):
            difference = comparison.model.value - comparison.baseline.value
            assert comparison.difference.value == pytest.approx(difference)


def test_rows_are_compared_as_if_they_were_all(two_classes: Arrays) -> None:
    y_true, proba = two_classes
    baseline = np.full((400, 2), 0.5)
    rows = np.arange(0, 400, 3)
    predictions = scoring.Predictions(("on time", "late"), y_true, proba, baseline, 0.4, None)
    part = scoring.Predictions(
        ("on time", "late"), y_true[rows], proba[rows], baseline[rows], 0.4, None
    )
    assert scoring.compare(predictions, 20, 0, rows) == scoring.compare(part, 20, 0)


def test_the_baseline_has_no_interval() -> None:
    y_true = np.arange(50.0)
    predictions = scoring.Predictions(None, y_true, y_true + 1, y_true * 0, 0.5, np.full(50, 2.0))
    coverage = scoring.compare(predictions, 0, 0)["interval_coverage"]
    assert coverage.model.value == 1
    assert math.isnan(coverage.baseline.value)
    assert math.isnan(coverage.difference.value)


@pytest.mark.parametrize("classes", ["two_classes", "three_classes"])
def test_confusion_counts_as_scikit_learn(classes: str, request: pytest.FixtureRequest) -> None:
    y_true, proba = request.getfixturevalue(classes)
    y_pred = proba[:, 1] >= 0.4 if classes == "two_classes" else proba.argmax(axis=1)
    expected = sk.confusion_matrix(y_true, y_pred.astype(float))
    assert scoring.confusion_counts(y_true, proba, 0.4) == expected.tolist()


def test_calibration_is_of_the_positive_or_of_the_most_probable_class(
    two_classes: Arrays, three_classes: Arrays
) -> None:
    for (y_true, proba), right in (
        (two_classes, two_classes[0] == 1),
        (three_classes, three_classes[1].argmax(axis=1) == three_classes[0]),
    ):
        bins = scoring.calibration(y_true, proba)
        assert sum(one.rows for one in bins) == len(y_true)
        seen = sum(one.rows * one.observed for one in bins)
        assert seen == pytest.approx(right.sum())


def test_interval_coverage_holds_every_row_once() -> None:
    random = np.random.default_rng(0)
    y_pred = random.normal(0, 10, 317)
    y_true = y_pred + random.normal(0, 1, 317)
    bins = scoring.interval_coverage(y_true, y_pred, np.ones(317))
    assert len(bins) == scoring.COVERAGE_BINS
    assert sum(one.rows for one in bins) == 317
    inside = sum(one.rows * one.covered.value for one in bins)
    assert inside == pytest.approx((abs(y_true - y_pred) <= 1).sum())
    assert all(0 <= one.covered.low <= one.covered.value <= one.covered.high <= 1 for one in bins)
