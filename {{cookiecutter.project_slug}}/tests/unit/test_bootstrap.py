"""Bootstrap intervals hold the truth, differences are paired, and work is bounded."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from {{ cookiecutter.package_name }}.utils import bootstrap
from {{ cookiecutter.package_name }}.utils.metrics import (
    classification_metrics,
    regression_metrics,
)

Array = NDArray[np.float64]
Arrays = tuple[Array, Array]


def compared_errors(
    y_true: Array,
    model: Array,
    baseline: Array | None = None,
    resamples: int = 300,
    seed: int = 0,
) -> bootstrap.Comparison:
    """Return the mean absolute error of two predictions with its intervals."""
    other = model if baseline is None else baseline
    return bootstrap.compare(
        lambda rows: regression_metrics(y_true[rows], model[rows]),
        lambda rows: regression_metrics(y_true[rows], other[rows]),
        len(y_true),
        resamples,
        seed,
    )["mae"]


@pytest.mark.slow
def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(4)
    held = 0
    for seed in range(100):
        y_pred = np.zeros(150)
        mae = compared_errors(random.normal(0, 1, 150), y_pred, resamples=200, seed=seed).model
        held += mae.low <= math.sqrt(2 / math.pi) <= mae.high
    assert 85 <= held <= 100


@pytest.mark.parametrize("rows", [12, 60, 400])
@pytest.mark.parametrize("kind", ["two classes", "three classes", "numbers"])
def test_every_interval_holds_its_value(
    kind: str, rows: int, two_classes: Arrays, three_classes: Arrays
) -> None:
    """Of each metric of the model, of the baseline and of their difference."""
    for seed in range(12):
        part = np.random.default_rng(seed).permutation(400)[:rows]
        y_true, proba = (a[part] for a in (three_classes if kind[1] == "h" else two_classes))
        model, baseline = (
            metrics_of(kind, y_true, p) for p in (proba, np.full_like(proba, 1 / proba.shape[1]))
        )
        compared = bootstrap.compare(model, baseline, rows, 20, seed)
        assert len(compared) >= 4
        for name, one in compared.items():
            for estimate in (one.model, one.baseline, one.difference):
                if math.isfinite(estimate.low):
                    assert estimate.low <= estimate.value <= estimate.high, (name, seed)


def metrics_of(kind: str, y_true: Array, y_pred: Array) -> bootstrap.MetricsOfRows:
    if kind == "numbers":
        return lambda rows: regression_metrics(y_true[rows], y_pred[rows, 1], 0.3)
    return lambda rows: classification_metrics(y_true[rows], y_pred[rows])


@pytest.mark.slow
def test_the_interval_of_the_calibration_error_holds_the_truth() -> None:
    """A model that is 0.05 off: percentiles lie above that, since noise only adds to the gaps."""
    random, held = np.random.default_rng(8), 0
    for seed in range(60):
        positive = random.uniform(0.2, 0.6, 300)
        y_true = (random.random(300) < positive + 0.05).astype(float)
        metrics = metrics_of("two", y_true, np.column_stack([1 - positive, positive]))
        error = bootstrap.compare(metrics, metrics, 300, 100, seed)["calibration_error"].model
        assert error.low >= 0
        held += error.low <= 0.05 <= error.high
    assert held >= 50


def test_the_difference_is_paired() -> None:
    """A better model on the same rows shows, though the two intervals overlap."""
    random = np.random.default_rng(5)
    y_true = random.normal(0, 10, 300)
    mae = compared_errors(y_true, y_true * 0.1, y_true * 0.05)
    assert mae.model.high > mae.baseline.low
    assert mae.difference.high < 0
    assert bootstrap.is_better(mae.difference, higher_is_better=False) is True
    assert bootstrap.is_better(mae.difference, higher_is_better=True) is False
    assert bootstrap.is_better(mae.difference, higher_is_better=None) is None
    assert mae == compared_errors(y_true, y_true * 0.1, y_true * 0.05)


def test_many_rows_are_resampled_in_part_with_the_width_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    y_true = np.random.default_rng(6).normal(0, 1, 4000)
    full = compared_errors(y_true, np.zeros(4000)).model
    monkeypatch.setattr(bootstrap, "RESAMPLED_ROWS", 400)
    part = compared_errors(y_true, np.zeros(4000)).model
    assert part.value == full.value
    assert part.high - part.low == pytest.approx(full.high - full.low, rel=0.3)


def test_no_resamples_no_interval() -> None:
    value = compared_errors(np.ones(9), np.zeros(9), resamples=0).model
    assert math.isfinite(value.value)
    assert math.isnan(value.low)


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_degenerate_cases_are_left_out_and_quiet(rows: int) -> None:
    zeros = np.zeros(rows)
    constant = classification_metrics(zeros, np.column_stack([np.ones(rows), zeros]))
    compared = bootstrap.compare(lambda _: constant, lambda _: constant, rows, resamples=20, seed=0)
    assert "roc_auc" not in compared
    numbers = regression_metrics(zeros, zeros, 0.0)
    bootstrap.compare(lambda _: numbers, lambda _: numbers, rows, resamples=20, seed=0)
