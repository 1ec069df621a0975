"""Curves of a ranking agree with scikit-learn's, and are empty where they are undefined."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from {{ cookiecutter.package_name }}.utils.ranking import (
    precision_recall_points,
    roc_points,
)

Arrays = tuple[NDArray[np.float64], NDArray[np.float64]]


def test_curves_as_scikit_learn(two_classes: Arrays) -> None:
    y_true, proba = two_classes
    false, true = roc_points(y_true, proba[:, 1])
    assert np.trapezoid(true, false) == pytest.approx(sk.roc_auc_score(y_true, proba[:, 1]))
    recall, precision = precision_recall_points(y_true, proba[:, 1])
    known = sk.precision_recall_curve(y_true, proba[:, 1])
    assert precision[::-1] == pytest.approx(known[0][: len(precision)])
    assert recall[::-1] == pytest.approx(known[1][: len(recall)])


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_curves_without_a_positive_row_are_empty(rows: int) -> None:
    zeros = np.zeros(rows)
    assert len(roc_points(zeros, zeros)[0]) == 0
    assert len(precision_recall_points(zeros, zeros)[0]) == 0
