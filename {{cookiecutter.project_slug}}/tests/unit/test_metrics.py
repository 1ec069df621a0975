"""Metrics agree with scikit-learn, stay quiet in degenerate cases, and intervals cover."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from {{cookiecutter.package_name}}.utils import metrics as m

ONES = np.ones


def two_classes(rows: int = 400, seed: int = 0) -> tuple[m.Array, m.Array]:
    """Return a target and probabilities with ties that know something about it."""
    random = np.random.default_rng(seed)
    target = (random.random(rows) < 0.3).astype(float)
    yes = np.clip(random.normal(0.3 + 0.2 * target, 0.2), 0.01, 0.99).round(2)
    return target, np.column_stack([1 - yes, yes])


def three_classes(rows: int = 400) -> tuple[m.Array, m.Array]:
    """Return a target and probabilities of three classes."""
    random = np.random.default_rng(1)
    target = random.integers(0, 3, rows).astype(float)
    raw = random.random((rows, 3)) + np.eye(3)[target.astype(int)]
    return target, raw / raw.sum(axis=1, keepdims=True)


def errors(
    target: m.Array,
    model: m.Array,
    baseline: m.Array | None = None,
    resamples: int = 300,
    seed: int = 0,
) -> m.Comparison:
    """Return the mean absolute error of two predictions with its intervals."""
    other = model if baseline is None else baseline
    return m.compare(
        lambda rows: m.regression_metrics(target[rows], model[rows]),
        lambda rows: m.regression_metrics(target[rows], other[rows]),
        len(target),
        resamples,
        seed,
    )["mae"]


def test_two_classes_as_scikit_learn() -> None:
    target, probability = two_classes()
    yes, called = probability[:, 1], probability[:, 1] >= 0.4
    assert m.classification_metrics(target, probability, 0.4)(ONES(400)) == pytest.approx(
        {
            "roc_auc": sk.roc_auc_score(target, yes),
            "average_precision": sk.average_precision_score(target, yes),
            "log_loss": sk.log_loss(target, yes),
            "brier": sk.brier_score_loss(target, yes),
            "accuracy": sk.accuracy_score(target, called),
            "precision": sk.precision_score(target, called),
            "recall": sk.recall_score(target, called),
            "f1": sk.f1_score(target, called),
            "calibration_error": sum(
                b.rows / 400 * abs(b.predicted - b.observed)
                for b in m.calibration_bins(target == 1, yes)
            ),
        }
    )


def test_three_classes_as_scikit_learn() -> None:
    target, probability = three_classes()
    called = probability.argmax(axis=1)
    squares = ((probability - np.eye(3)[target.astype(int)]) ** 2).sum(axis=1)
    found = m.classification_metrics(target, probability)(ONES(400))
    expected = {
        "roc_auc": sk.roc_auc_score(target, probability, multi_class="ovr"),
        "average_precision": sk.average_precision_score(np.eye(3)[target.astype(int)], probability),
        "log_loss": sk.log_loss(target, probability),
        "brier": squares.mean(),
        "accuracy": sk.accuracy_score(target, called),
        "precision": sk.precision_score(target, called, average="macro"),
        "recall": sk.recall_score(target, called, average="macro"),
        "f1": sk.f1_score(target, called, average="macro"),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


def test_numbers_as_scikit_learn() -> None:
    random = np.random.default_rng(2)
    target = random.normal(100, 20, 301)
    guess = target + random.normal(0, 5, 301)
    assert m.regression_metrics(target, guess, 8.0)(ONES(301)) == pytest.approx(
        {
            "mae": sk.mean_absolute_error(target, guess),
            "rmse": sk.root_mean_squared_error(target, guess),
            "median_absolute_error": sk.median_absolute_error(target, guess),
            "r2": sk.r2_score(target, guess),
            "interval_coverage": np.mean(np.abs(target - guess) <= 8),
            "interval_width": 16.0,
        }
    )


def test_weights_mean_repeated_rows() -> None:
    random = np.random.default_rng(3)
    weights = random.integers(0, 4, 400)
    again = np.repeat(np.arange(400), weights)
    target, probability = three_classes()
    scorers: list[Callable[[Any], m.Scorer]] = [
        lambda rows: m.classification_metrics(target[rows], probability[rows]),
        lambda rows: m.classification_metrics(target[rows] > 0, probability[rows][:, :2]),
        lambda rows: m.regression_metrics(target[rows], probability[rows, 0], 1.0),
    ]
    for scorer in scorers:
        weighted = scorer(np.arange(400))(weights.astype(float))
        repeated = scorer(again)(ONES(len(again)))
        for values in (weighted, repeated):
            values.pop("calibration_error", None)  # its bins are those of all rows
        assert weighted == pytest.approx(repeated)


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_degenerate_cases_are_nan_and_quiet(rows: int) -> None:
    zeros = np.zeros(rows)
    sure = np.column_stack([np.ones(rows), zeros])
    constant = m.classification_metrics(zeros, sure)
    values = constant(ONES(rows))
    assert math.isnan(values["roc_auc"])
    assert math.isnan(values["recall"])
    assert rows == 0 or values["accuracy"] == 1
    compared = m.compare(lambda _: constant, lambda _: constant, rows, resamples=20, seed=0)
    assert "roc_auc" not in compared
    numbers = m.regression_metrics(zeros, zeros, 0.0)
    assert math.isnan(numbers(ONES(rows))["r2"])
    m.compare(lambda _: numbers, lambda _: numbers, rows, resamples=20, seed=0)
    assert len(m.roc_points(zeros, zeros)[0]) == 0
    assert len(m.precision_recall_points(zeros, zeros)[0]) == 0
    assert sum(b.rows for b in m.calibration_bins(zeros, zeros)) == rows


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(4)
    held = 0
    for seed in range(100):
        guess = np.zeros(150)
        mae = errors(random.normal(0, 1, 150), guess, resamples=200, seed=seed).model
        held += mae.low <= math.sqrt(2 / math.pi) <= mae.high
    assert 85 <= held <= 100


def test_the_difference_is_paired() -> None:
    """A better model on the same rows shows, though the two intervals overlap."""
    random = np.random.default_rng(5)
    target = random.normal(0, 10, 300)
    mae = errors(target, target * 0.1, target * 0.05)
    assert mae.model.high > mae.baseline.low
    assert mae.difference.high < 0
    assert m.is_better(mae.difference, higher_is_better=False) is True
    assert m.is_better(mae.difference, higher_is_better=True) is False
    assert m.is_better(mae.difference, higher_is_better=None) is None
    assert mae == errors(target, target * 0.1, target * 0.05)


def test_many_rows_are_resampled_in_part_with_the_width_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = np.random.default_rng(6).normal(0, 1, 4000)
    full = errors(target, np.zeros(4000)).model
    monkeypatch.setattr(m, "RESAMPLED_ROWS", 400)
    part = errors(target, np.zeros(4000)).model
    assert part.value == full.value
    assert part.high - part.low == pytest.approx(full.high - full.low, rel=0.3)


def test_no_resamples_no_interval() -> None:
    value = errors(np.ones(9), np.zeros(9), resamples=0).model
    assert math.isfinite(value.value)
    assert math.isnan(value.low)


def test_curves_as_scikit_learn() -> None:
    target, probability = two_classes()
    false, true = m.roc_points(target, probability[:, 1])
    assert np.trapezoid(true, false) == pytest.approx(sk.roc_auc_score(target, probability[:, 1]))
    recall, precision = m.precision_recall_points(target, probability[:, 1])
    known = sk.precision_recall_curve(target, probability[:, 1])
    assert precision[::-1] == pytest.approx(known[0][: len(precision)])
    assert recall[::-1] == pytest.approx(known[1][: len(recall)])


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        m.classification_metrics([0, 1], [[0.5, 0.5]])
    with pytest.raises(ValueError, match="do not fit"):
        m.regression_metrics([0, 1], [0])
