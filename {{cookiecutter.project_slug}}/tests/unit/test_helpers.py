"""Helpers of features: equal on tables, on single rows and, as in their examples, on constants."""

import doctest
import inspect
import math
from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.features import helpers as h
from {{ cookiecutter.package_name }}.features.known import Feature
from {{ cookiecutter.package_name }}.features.operations import ResultKind, ValueKind

HoldEqual = Callable[[Feature, dict[str, str], list[dict[str, Any]]], None]
RowOf = Callable[[dict[str, str]], st.SearchStrategy[dict[str, Any]]]


def ad_hoc(function: Callable[..., Any], columns: str, kind: ResultKind = "number") -> Feature:
    """Make a feature that is not registered."""
    return Feature("ad_hoc", tuple(columns.split()), kind, function)


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
    (ad_hoc(lambda a, b: h.modulo(a, b), "a b"), "float float"),
    (ad_hoc(lambda a: h.sin_cycle(a, 49) + h.cos_cycle(a, 0.7), "a"), "float"),
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
@given(data=st.data())
def test_helpers_agree_on_tables_and_rows(
    number: int, data: st.DataObject, hold_equal: HoldEqual, row_of: RowOf
) -> None:
    feature, names = HELPERS[number]
    types = dict(zip(feature.columns, names.split(), strict=True))
    # Two rows at least: polars divides by a column of one row as by a constant, one bit off.
    hold_equal(feature, types, data.draw(st.lists(row_of(types), min_size=2, max_size=20)))


def test_a_whole_multiple_has_no_remainder() -> None:
    """49 * (1 / 49) is below 1 in floating point; that must not become a whole period."""
    feature = ad_hoc(lambda a: h.modulo(a, 49), "a")
    column = pl.Series("a", [49.0 * k for k in range(-999, 999)])
    remainders = pl.DataFrame([column]).select(feature.expression({"a": "number"})).to_series()
    assert remainders.unique().to_list() == [0.0]


@pytest.mark.parametrize("x", [6.4e25, -6.4e25, 1e300, -1e-20, 2.0**53 + 2])
def test_a_remainder_is_exact_however_large_the_number(x: float, hold_equal: HoldEqual) -> None:
    exact = float(Fraction(x) % 49)
    exact = 0.0 if exact == 49 else exact  # the nearest float to what is just below 49
    feature = ad_hoc(lambda a: h.modulo(a, 49), "a")
    assert h.modulo(x, 49) == feature.row_function({"a": "number"})({"a": x}) == exact
    hold_equal(feature, {"a": "float"}, [{"a": x}, {"a": -x}])
    cycle = ad_hoc(lambda a: h.sin_cycle(a, 49), "a")
    assert h.sin_cycle(x, 49) == pytest.approx(math.sin(exact * 2 * math.pi / 49), abs=1e-12)
    hold_equal(cycle, {"a": "float"}, [{"a": x}, {"a": -x}])


PUBLIC = {
    name: helper
    for name, helper in vars(h).items()
    if inspect.isfunction(helper) and helper.__module__ == h.__name__ and name[0] != "_"
}


@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_of_each_helper_holds_for_tables_and_rows(name: str) -> None:
    test = doctest.DocTestFinder(recurse=False).find(PUBLIC[name], name)[0]
    assert test.examples, f"{name} has no example in its docstring"
    test.globs = {"math": math, "datetime": datetime}
    test.globs |= {name: in_both_forms(helper) for name, helper in PUBLIC.items()}
    assert doctest.DocTestRunner().run(test).failed == 0


def in_both_forms(helper: Callable[..., Any]) -> Callable[..., Any]:
    """Let a helper take constants as columns: of a table and of a row, which must agree."""

    def call(*values: Any) -> Any:
        parameters = list(inspect.signature(helper).parameters.values())
        columns = {
            f"c{i}": value
            for i, value in enumerate(values)
            if parameters[min(i, len(parameters) - 1)].annotation is Any
        }

        def definition(*symbols: Any) -> Any:
            given = dict(zip(columns, symbols, strict=True))
            # A condition enters as the number that it is compared with.
            given |= {n: given[n] == 1 for n, value in columns.items() if isinstance(value, bool)}
            return helper(*(given.get(f"c{i}", value) for i, value in enumerate(values)))

        row = {n: float(v) if isinstance(v, int) else v for n, v in columns.items()}
        known: dict[type, ValueKind] = {str: "text", datetime: "datetime", float: "number"}
        kinds = {name: known[type(value)] for name, value in row.items()}
        plain = helper(*values)
        kind: ResultKind = "category" if isinstance(plain, str) else "number"
        feature = Feature("example", tuple(row), kind, definition)
        single = feature.row_function(kinds)(row)
        table = pl.DataFrame([row, row]).select(feature.expression(kinds)).item(0, 0)
        assert single == table == plain
        return type(plain)(single)

    return call
