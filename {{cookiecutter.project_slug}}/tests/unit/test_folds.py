"""The folds: never ahead in time, never one group in two, every row held out once."""

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.preprocess.folds import cut
from {{ cookiecutter.package_name }}.preprocess.split import SplitRule

BY_TIME = SplitRule(
    by="time", val_from=datetime(2024, 9, 1), test_from=datetime(2024, 10, 1), columns=("when",)
)
AT_RANDOM = SplitRule(by="random", columns=("x",))
HOURS = st.lists(st.none() | st.integers(0, 500), min_size=2, max_size=80)


@given(HOURS, st.integers(2, 5))
def test_time_never_runs_backwards(hours: list[int | None], count: int) -> None:
    start = datetime(2024, 1, 1)
    moments = [None if hour is None else start + timedelta(hours=hour) for hour in hours]
    keys = pl.Series(moments, dtype=pl.Datetime("us"))
    try:
        folds = cut(BY_TIME, keys, count)
    except UserError:
        assert len(set(hours)) <= 4 * count  # so few moments may not do
        return
    assert len(folds) == count
    order = np.array([-1 if hour is None else hour for hour in hours])
    for fitted, held in folds:
        assert order[fitted].max() < order[held].min()
    held_out = np.concatenate([held for _, held in folds])
    assert len(set(held_out)) == len(held_out)
    assert order[held_out].max() == order.max()


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=80), st.integers(2, 5))
def test_each_row_is_held_out_once_with_its_like(keys: list[int], count: int) -> None:
    series = pl.Series(keys, dtype=pl.UInt64)
    try:
        folds = cut(AT_RANDOM, series, count)
    except UserError:
        assert len({key % count for key in keys}) < count
        return
    assert sorted(np.concatenate([held for _, held in folds])) == list(range(len(keys)))
    for fitted, held in folds:
        assert len(fitted) + len(held) == len(keys)
        assert not {keys[place] for place in fitted} & {keys[place] for place in held}


def test_blocks_of_time_are_of_equal_size() -> None:
    moments = pl.Series([datetime(2024, 1, 1) + timedelta(hours=hour) for hour in range(400)])
    folds = cut(BY_TIME, moments.shuffle(seed=1), 3)
    assert [(len(fitted), len(held)) for fitted, held in folds] == [
        (100, 100),
        (200, 100),
        (300, 100),
    ]


def test_too_few_of_them_are_refused() -> None:
    same = pl.Series([datetime(2024, 1, 1)] * 50)
    with pytest.raises(UserError, match="too few moments for 3 folds"):
        cut(BY_TIME, same, 3)
    group = SplitRule(by="group", group="team", columns=("team",))
    with pytest.raises(UserError, match="too few groups for 2 folds"):
        cut(group, pl.Series([4, 4, 6], dtype=pl.UInt64), 2)
