import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from {{ cookiecutter.package_name }}.monitoring.bins import (
    MISSING,
    NEW,
    OTHER,
    watch_category,
    watch_number,
)

NUMBERS = arrays.arrays(
    np.float32,
    st.integers(1, 200),
    elements=st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6, width=32), st.integers(0, 3)),
)


@given(NUMBERS, st.integers(2, 20))
def test_every_number_has_one_bin(values: np.ndarray, bins: int) -> None:
    one = watch_number(values, bins, role="input", name="x")
    assert sum(one.counts) == sum(one.fine_counts) == len(values)
    assert len(one.labels) == len(one.counts) <= bins + 1
    assert one.counts[-1] == np.isnan(values).sum()
    assert one.labels[-1] == MISSING
    assert list(one.count(values)) == list(one.counts)
    halves = one.count(values[::2]) + one.count(values[1::2])
    assert list(halves) == list(one.counts)  # counts of parts add up
    assert set(one.edges or ()) <= set(one.fine)
    if one.fine:
        assert list(one.joined(one.count_fine(values))) == list(one.counts)


def test_bins_have_equal_frequency_and_tell_their_ends() -> None:
    one = watch_number(np.arange(1, 1001, dtype=np.float32), 4, role="input", name="x")
    assert one.labels == ("up to 250", "250 to 500", "500 to 750", "over 750", MISSING)
    assert one.counts == (250, 250, 250, 250, 0)
    assert list(one.count(np.array([250, 250.5, 9e9, -9e9, np.nan]))) == [2, 1, 0, 1, 1]


def test_odd_numbers() -> None:
    constant = watch_number(np.full(50, 7.0), 10, role="input", name="x")
    assert constant.labels == ("up to 7", "over 7", MISSING)
    nothing = watch_number(np.full(5, np.nan), 10, role="input", name="x")
    assert nothing.labels == ("any", MISSING)
    assert list(nothing.count(np.array([1.0, np.nan]))) == [1, 1]
    flag = watch_number(np.array([0.0, 1.0, 1.0]), 10, ("false", "true"), role="input", name="x")
    assert flag.labels == ("false", "true", MISSING)
    assert flag.counts == (1, 2, 0)


def test_slack_keeps_equal_predictions_together() -> None:
    """float32 may put a prediction a little above the edge that it was in training."""
    one = watch_number(np.full(50, 0.3), 10, slack=1e-5, role="output", name="x")
    assert one.count(np.array([0.3, np.float32(0.3), 0.3 + 1e-6]))[0] == 3


@given(st.lists(st.integers(0, 8) | st.just(float("nan")), min_size=1), st.integers(1, 12))
def test_every_category_has_one_bin(codes: list[float], most: int) -> None:
    values = np.array(codes, dtype=np.float32)
    levels = tuple(f"level {i}" for i in range(9))
    one = watch_category(values, levels, most, role="input", name="x")
    assert one.labels[-2:] == (OTHER, NEW)
    assert sum(one.counts) == len(values)
    assert one.counts[-1] == np.isnan(values).sum()
    for label, count in zip(one.labels[:-2], one.counts, strict=False):
        assert count == (values == levels.index(label)).sum()


def test_the_expected_share_is_never_0() -> None:
    one = watch_category(np.zeros(9), ("a", "b"), 2, role="input", name="x")
    assert (one.expected > 0).all()
    assert one.expected.sum() == pytest.approx(1)
    assert len(one.count_fine(np.zeros(3))) == 0
