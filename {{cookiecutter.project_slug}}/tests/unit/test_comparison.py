"""Comparison: better, worse, equal, a degraded slice; and against a baseline."""

from typing import Any, Literal

import numpy as np
import pytest

from {{ cookiecutter.package_name }}.models.comparison import (
    Rows,
    compare_versions,
    compare_with_baseline,
)

DRAW = np.random.default_rng(5)
N = 2000
Y_TRUE = (DRAW.random(N) < 0.4).astype(np.float64)


def shares(quality: float, wrong: np.ndarray | None = None) -> np.ndarray:
    """Probabilities that know the y_true to some degree; where `wrong`, they say the opposite."""
    positive = 0.5 + quality * (Y_TRUE - 0.5) + DRAW.normal(0, 0.05, N)
    if wrong is not None:
        positive = np.where(wrong, 1 - positive, positive)
    positive = np.clip(positive, 0.01, 0.99)
    return np.column_stack([1 - positive, positive]).astype(np.float32)


def compare(rows: Rows, task: Literal["classification", "regression"] = "classification") -> Any:
    return compare_versions(rows, task, slice_rows=50, slice_floor=0.05, resamples=200)


def test_better_is_promoted_and_worse_rejected() -> None:
    good, poor = shares(0.15), shares(0.03)
    assert compare(Rows(Y_TRUE, good, poor)).decision == "promote"
    assert compare(Rows(Y_TRUE, poor, good)).decision == "reject"


def test_equal_is_inconclusive() -> None:
    same = shares(0.1)
    decision = compare(Rows(Y_TRUE, same, same))
    assert decision.decision == "inconclusive"
    assert decision.difference == (0.0, 0.0, 0.0)


def test_a_degraded_slice_rejects() -> None:
    small = DRAW.random(N) < 0.08
    names = ["small" if is_small else "rest" for is_small in small]
    better_but = shares(0.6, wrong=small)
    decision = compare(Rows(Y_TRUE, better_but, shares(0.02), {"size": names}))
    assert decision.difference is not None
    assert decision.difference[1] > 0
    assert decision.decision == "reject"
    assert "slice size=small" in decision.reasons[1]


def test_regression_lower_error_is_better() -> None:
    y_true = DRAW.normal(size=N)
    near = (y_true + DRAW.normal(0, 0.1, N)).astype(np.float32)
    far = (y_true + DRAW.normal(0, 0.5, N)).astype(np.float32)
    assert compare(Rows(y_true, near, far), "regression").decision == "promote"
    assert compare(Rows(y_true, far, near), "regression").decision == "reject"


@pytest.mark.slow
@pytest.mark.parametrize("rows", [20, 60, 1300])
def test_a_model_without_skill_does_not_pass_its_baseline(rows: int) -> None:
    draw = np.random.default_rng(rows)
    passed = 0
    for _ in range(20):
        y_true = (draw.random(rows) < 0.3).astype(np.float64)
        positive = draw.random(rows)
        guesses = np.column_stack([1 - positive, positive]).astype(np.float32)
        constant = np.tile(np.array([[0.7, 0.3]], dtype=np.float32), (rows, 1))
        decided = compare_with_baseline(Rows(y_true, guesses, constant), "classification", 200)
        passed += decided.decision == "promote"
        assert decided.decision in ("promote", "inconclusive")
    assert passed <= 2


def test_skill_passes_the_baseline() -> None:
    constant = np.tile(np.array([[0.6, 0.4]], dtype=np.float32), (N, 1))
    decided = compare_with_baseline(Rows(Y_TRUE, shares(0.2), constant), "classification", 200)
    assert decided.decision == "promote"
    assert "better than its baseline" in decided.reasons[0]


def test_one_class_only_is_inconclusive() -> None:
    one = np.zeros(0)
    nothing = np.zeros((0, 2), dtype=np.float32)
    assert compare(Rows(one, nothing, nothing)).decision == "inconclusive"
