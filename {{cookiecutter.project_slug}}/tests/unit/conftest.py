"""What the tests of features share: rows of any values, and both forms of a feature held equal."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.data.schema import Column, value_kinds
from {{ cookiecutter.package_name }}.features import Feature

EXTREMES = [0.0, -0.0, 1.0, -1.0, 5e-324, 1e308, -1e308, 1440.0, 49.0, math.inf, math.nan]
NUMBERS = st.one_of(
    st.sampled_from(EXTREMES),
    st.integers(-(10**6), 10**6).map(float),
    st.floats(width=64),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "float": NUMBERS,
    "integer": st.integers(-(2**62), 2**62),
    "boolean": st.booleans(),
    "category": st.text(st.characters(codec="utf-8"), max_size=8),
    "datetime": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),
}
DTYPES: dict[str, Any] = {
    "float": pl.Float64,
    "integer": pl.Int64,
    "boolean": pl.Boolean,
    "category": pl.String,
    "datetime": pl.Datetime("us"),
}


@pytest.fixture(scope="session")
def hold_equal() -> Callable[[Feature, dict[str, str], list[dict[str, Any]]], None]:
    """Hold a feature of a table equal to that of its rows: `hold_equal(feature, types, rows)`."""
    return check


@pytest.fixture(scope="session")
def row_of() -> Callable[[dict[str, str]], st.SearchStrategy[dict[str, Any]]]:
    """Rows of columns by their types in the schema, as `row_of(types)`: a strategy."""
    return lambda types: st.fixed_dictionaries(
        {name: st.none() | VALUES[kind] for name, kind in types.items()}
    )


def check(feature: Feature, types: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """Hold the feature of a table equal to the feature of its rows, one by one."""
    kinds = value_kinds({name: Column.model_validate({"type": types[name]}) for name in types})
    schema = {name: DTYPES[types[name]] for name in feature.columns}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    column = frame.select(feature.expression(kinds)).to_series()
    assert column.name == feature.name
    row_function = feature.row_function(kinds)
    for row, batch in zip(rows, column.to_list(), strict=True):
        single = row_function(row)
        assert same(batch, single), f"{feature.name} of {row}: {batch!r} in a table, not {single!r}"


def same(one: float | str | None, other: float | str | None) -> bool:
    """Hold texts equal exactly, numbers to 1e-12 relative (or absolute below 1)."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    return one == other
