"""Rows of similar probability share a bin, which knows how sure its share is."""

import math

import numpy as np
import pytest

from {{ cookiecutter.package_name }}.utils.calibration import (
    CALIBRATION_BINS,
    calibration_bins,
)


def test_bins_hold_every_row_once() -> None:
    draw = np.random.default_rng(3)
    proba = draw.random(997)
    bins = calibration_bins(draw.random(997) < proba, proba)
    assert len(bins) == CALIBRATION_BINS
    assert sum(one.rows for one in bins) == 997
    assert [one.predicted for one in bins] == sorted(one.predicted for one in bins)
    assert calibration_bins([], []) == []


def test_a_calibration_bin_has_the_interval_of_its_share() -> None:
    (one,) = calibration_bins(np.arange(100) < 20, np.full(100, 0.3))
    assert (one.rows, one.observed) == (100, 0.2)
    assert one.predicted == pytest.approx(0.3)
    assert one.half_width == pytest.approx(1.96 * math.sqrt(0.2 * 0.8 / 100))
