"""Derived features: one definition, equal on tables and on single rows."""

import math
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import product
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from {{cookiecutter.package_name}}.features import FEATURES, Feature
from {{cookiecutter.package_name}}.features import helpers as h

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


def type_that_fits(feature: Feature, column: str) -> str:
    """Return the first type with which the feature can be computed for this column."""
    others = [name for name in feature.columns if name != column]
    kinds = ("float", "category", "datetime")
    for kind, *rest in product(kinds, repeat=len(feature.columns)):
        try:
            feature.row_function({column: kind, **dict(zip(others, rest, strict=True))})
        except TypeError:
            continue
        return kind
    raise AssertionError(f"feature {feature.name} fits no type of column {column}")


def same(one: float | str | None, other: float | str | None) -> bool:
    """Hold texts equal exactly, numbers to 1e-12 relative (or absolute below 1)."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    return one == other


def check(feature: Feature, types: dict[str, str], rows: list[dict[str, Any]]) -> None:
    """Hold the feature of a table equal to the feature of its rows, one by one."""
    schema = {name: DTYPES[types[name]] for name in feature.columns}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    column = frame.select(feature.expression(types)).to_series()
    assert column.name == feature.name
    row_function = feature.row_function(types)
    for row, batch in zip(rows, column.to_list(), strict=True):
        single = row_function(row)
        assert same(batch, single), f"{feature.name} of {row}: {batch!r} in a table, not {single!r}"


def ad_hoc(function: Callable[..., Any], columns: str, kind: h.Kind = "number") -> Feature:
    """Make a feature that is not registered."""
    return Feature("ad_hoc", tuple(columns.split()), kind, function)


@pytest.mark.parametrize("name", sorted(FEATURES))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_table_and_a_row_give_the_same_feature(name: str, data: st.DataObject) -> None:
    feature = FEATURES[name]
    types = {column: type_that_fits(feature, column) for column in feature.columns}
    row = st.fixed_dictionaries({c: st.none() | VALUES[types[c]] for c in feature.columns})
    check(feature, types, data.draw(st.lists(row, min_size=1, max_size=20)))


HELPERS = [
    (ad_hoc(lambda a, b: a + 2 * b - 3, "a b"), "float float"),
    (ad_hoc(lambda a, b: a / b, "a b"), "float float"),
    (ad_hoc(lambda a, b: 7 / a + b / 49, "a b"), "float float"),
    (ad_hoc(lambda a, b: h.where(b == 0, 0.0, a / b), "a b"), "float integer"),
    (ad_hoc(lambda a: h.where(h.log(a) > 0, 1.0, -1.0), "a"), "float"),
    (ad_hoc(lambda a: h.where(a > 0, h.log(a), 0.0), "a"), "float"),
    (ad_hoc(lambda a: h.log(1 + abs(a)), "a"), "float"),
    (ad_hoc(lambda a: h.modulo(a, 49), "a"), "integer"),
    (ad_hoc(lambda a: h.modulo(a, 49), "a"), "float"),
    (ad_hoc(lambda a: h.floor(a / 49), "a"), "float"),
    (ad_hoc(lambda a: h.sqrt(a) + h.exp(a), "a"), "float"),
    (ad_hoc(lambda a: a**2 + a**-1, "a"), "float"),
    (ad_hoc(lambda a: 2**a, "a"), "float"),
    (ad_hoc(lambda a: h.clip(a, -1, 1), "a"), "float"),
    (ad_hoc(lambda a, b: (a > 0) & ((b <= 1) | (a != b)), "a b"), "float float"),
    (ad_hoc(lambda a: a * 1, "a"), "boolean"),
    (ad_hoc(lambda a: h.one_of(a, ["a", "b"]), "a"), "category"),
    (ad_hoc(lambda a: h.one_of(a, [0, 1.0, -1]), "a"), "float"),
    (ad_hoc(lambda t: h.where(t < datetime(2013, 1, 1), 1.0, 0.0), "t"), "datetime"),
    (ad_hoc(lambda t: h.hours_between(datetime(2013, 1, 1), t), "t"), "datetime"),
    (ad_hoc(lambda a: h.where(a < 1, "low", "high"), "a", "category"), "float"),
    (ad_hoc(lambda a, b: h.join("|", a, "x", b), "a b", "category"), "category category"),
    (ad_hoc(lambda a: h.where(a >= h.sqrt(a), a, h.log(2) - a), "a"), "float"),
    (ad_hoc(lambda a: h.where(a < h.sqrt(a), h.sine(a), h.cosine(a)), "a"), "float"),
    (ad_hoc(lambda a: h.where(h.sqrt(a) != h.log(a), 1.0, 0.0), "a"), "float"),
    (ad_hoc(lambda a: h.where(h.sqrt(a) <= h.log(a), 1.0, 0.0), "a"), "float"),
    (ad_hoc(lambda a, b: a + "/" + b, "a b", "category"), "category category"),
    (ad_hoc(lambda t: h.minute_of_day(t), "t"), "datetime"),
    (ad_hoc(lambda t: h.year(t) * 400 + h.day_of_year(t), "t"), "datetime"),
    (ad_hoc(lambda t: h.day(t) + h.weekday_number(t), "t"), "datetime"),
    (ad_hoc(lambda t, u: h.hours_between(t, u), "t u"), "datetime datetime"),
]


@pytest.mark.parametrize("number", range(len(HELPERS)))
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_helpers_agree_on_tables_and_rows(number: int, data: st.DataObject) -> None:
    feature, kinds = HELPERS[number]
    types = dict(zip(feature.columns, kinds.split(), strict=True))
    row = st.fixed_dictionaries({c: st.none() | VALUES[types[c]] for c in feature.columns})
    # Two rows at least: polars divides by a column of one row as by a constant, one bit off.
    check(feature, types, data.draw(st.lists(row, min_size=2, max_size=20)))


def of_row(feature: Feature, row: dict[str, Any]) -> float | str | None:
    """Return the feature of one row, whose values tell the types of its columns."""
    kinds = {float: "float", int: "integer", str: "category", datetime: "datetime"}
    types = {name: kinds.get(type(value), "float") for name, value in row.items()}
    result: float | str | None = feature.row_function(types)(row)
    return result


def test_known_values_of_the_shipped_features() -> None:
    moment = datetime(2013, 12, 25, 18, 30)
    assert of_row(FEATURES["departure_hour_sin"], {"scheduled_departure": moment}) == -1.0
    assert of_row(FEATURES["weekday"], {"scheduled_departure": moment}) == "Wed"
    assert of_row(FEATURES["month_cos"], {"scheduled_departure": moment}) == 1.0
    assert of_row(FEATURES["route"], {"origin": "JFK", "dest": "LAX"}) == "JFK-LAX"
    late_evening = {"departure_minute": 1380, "arrival_minute": 60}
    assert of_row(FEATURES["scheduled_duration"], late_evening) == 120.0
    from_the_west = {"wind_speed": 10, "wind_dir": 270}
    assert of_row(FEATURES["wind_east"], from_the_west) == pytest.approx(10.0)
    assert of_row(FEATURES["wind_north"], from_the_west) == pytest.approx(0.0, abs=1e-12)


def test_a_whole_multiple_has_no_remainder() -> None:
    """49 * (1 / 49) is below 1 in floating point; that must not become a whole period."""
    feature = ad_hoc(lambda a: h.modulo(a, 49), "a")
    column = pl.Series("a", [49.0 * k for k in range(-999, 999)])
    remainders = pl.DataFrame([column]).select(feature.expression({"a": "float"})).to_series()
    assert remainders.unique().to_list() == [0.0]


@pytest.mark.parametrize("bad", [None, math.nan, math.inf, 10**400])
def test_missing_in_gives_missing_out(bad: float | None) -> None:
    assert of_row(ad_hoc(lambda a: h.where(a > 0, 1.0, 2.0), "a"), {"a": bad}) is None


def test_column_names_that_are_no_identifiers() -> None:
    feature = Feature("ad_hoc", ("Größe in m",), "number", lambda a: a * 2)
    check(feature, {"Größe in m": "float"}, [{"Größe in m": 1.5}])


def test_mistakes_in_a_definition_are_named() -> None:
    with pytest.raises(ValueError, match="two features are named weekday"):
        h.feature()(FEATURES["weekday"].function)
    with pytest.raises(ValueError, match="takes 1 columns"):
        h.feature(columns=("a", "b"))(lambda a: a)


MISTAKES = [
    (lambda a: a, "category", "result must be text"),
    (lambda a: h.weekday_name(a), "number", "takes a moment, not a number"),
    (lambda a: h.where(a > 0, "x", "y"), "number", "result must be a number"),
    (lambda a: a % 7, "number", "modulo"),
    (lambda a: a // 7, "number", "floor"),
    (lambda a: h.where(a, 1.0, 2.0), "number", "condition"),
    (lambda a: h.where(a > 0, 1.0, "x"), "number", "do not mix"),
    (lambda a: a + "x", "number", "takes a number, not a text"),
    (lambda a: 1.0 if a > 0 else 2.0, "number", "where"),
    (lambda a: None, "number", "not NoneType"),
    (lambda a: (a > 0) + (a > 1), "number", "where"),
    (lambda a: (a > 1) * 2, "number", "where"),
    (lambda a: -(a > 1), "number", "where"),
    (lambda a: h.where(h.one_of(a, ["x"]), 1.0, 0.0), "number", "no number"),
    (lambda a: h.where(h.one_of(a, [math.nan]), 1.0, 0.0), "number", "no number"),
]


@pytest.mark.parametrize(("function", "kind", "message"), MISTAKES)
def test_mistakes_in_a_definition_are_found_before_any_row(
    function: Callable[..., Any], kind: h.Kind, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        ad_hoc(function, "a", kind).row_function({"a": "float"})


@pytest.mark.parametrize("constant", [date(2013, 1, 1), datetime(2013, 1, 1, tzinfo=UTC)])
def test_moments_are_datetimes_without_a_zone(constant: date) -> None:
    feature = ad_hoc(lambda t: h.where(t < constant, 1.0, 0.0), "t")
    with pytest.raises(TypeError, match="takes a moment"):
        feature.row_function({"t": "datetime"})


def test_single_rows_need_no_polars() -> None:
    code = (
        "import sys; sys.modules['polars'] = None\n"
        "from {{cookiecutter.package_name}}.features import FEATURES\n"
        "route = FEATURES['route'].row_function({'origin': 'category', 'dest': 'category'})\n"
        "print(route({'origin': 'JFK', 'dest': 'LAX'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "JFK-LAX", done.stderr
