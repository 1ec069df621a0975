"""The tracer: what no table can do is refused before any row; missing in gives missing out."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from {{ cookiecutter.package_name }}.features import helpers as h
from {{ cookiecutter.package_name }}.features.compile import trace
from {{ cookiecutter.package_name }}.features.operations import (
    ResultKind,
    RowFunction,
    Traced,
    ValueKind,
    expression,
    row_function,
)


def compiled(function: Callable[..., Any], kind: ResultKind = "number") -> RowFunction:
    """Compile a definition of one column of numbers, `a`."""
    return row_function(trace("ad_hoc", function, {"a": "number"}, kind))


@pytest.mark.parametrize("bad", [None, math.nan, math.inf, 10**400])
def test_missing_in_gives_missing_out(bad: float | None) -> None:
    assert compiled(lambda a: h.where(a > 0, 1.0, 2.0))({"a": bad}) is None


MISTAKES = [
    (lambda a: a, "category", "result must be text"),
    (lambda a: h.weekday_name(a), "number", "takes a datetime, not a number"),
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
    function: Callable[..., Any], kind: ResultKind, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        compiled(function, kind)


@pytest.mark.parametrize("constant", [date(2013, 1, 1), datetime(2013, 1, 1, tzinfo=UTC)])
def test_moments_are_datetimes_without_a_zone(constant: date) -> None:
    with pytest.raises(TypeError, match="takes a datetime"):
        trace("ad_hoc", lambda t: h.where(t < constant, 1.0, 0.0), {"t": "datetime"}, "number")


def test_a_constant_beyond_64_bits_is_a_float_in_both_forms() -> None:
    traced = trace("ad_hoc", lambda a: a * 10**60, {"a": "number"}, "number")
    assert row_function(traced)({"a": 2}) == 2e60
    assert pl.DataFrame({"a": [2]}).select(expression(traced)).item() == 2e60


def test_a_traced_feature_is_data(tmp_path: Path) -> None:
    """What is read back from JSON computes the same, without the definition."""
    columns: dict[str, ValueKind] = {"a": "number", "b": "text", "t": "datetime"}
    limit = datetime(2020, 1, 1)

    def definition(a: Any, b: Any, t: Any) -> Any:
        late = h.where((t > limit) & h.one_of(b, ["x", "y"]), a / -math.inf, h.log(a) ** 2)
        return late + h.hour(t) * 0.1

    traced = trace("ad_hoc", definition, columns, "number")
    again = Traced.model_validate_json(traced.model_dump_json())
    assert again == traced
    rows: list[dict[str, Any]] = [
        {"a": 2.0, "b": "x", "t": datetime(2021, 1, 1, 5)},
        {"a": 2.0, "b": "z", "t": datetime(2021, 1, 1, 5)},
        {"a": -2.0, "b": "z", "t": datetime(2021, 1, 1, 5)},
        {"a": None, "b": "x", "t": datetime(2001, 1, 1)},
    ]
    of_row = row_function(again)
    table = pl.DataFrame(rows).select(expression(again)).to_series().to_list()
    assert [of_row(row) for row in rows] == pytest.approx(table)
    assert table[2:] == [None, None]


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": [{"operation": "import", "operands": [0]}]},
        {"steps": [{"operation": "negate", "operands": [7]}]},
        {"steps": [{"operation": "negate", "operands": [-1]}]},
        {"result": 9},
    ],
)
def test_what_is_no_traced_feature_is_refused(changes: dict[str, Any]) -> None:
    traced = trace("ad_hoc", lambda a: -a, {"a": "number"}, "number")
    with pytest.raises(ValueError, match=r"no operation|comes later|no step"):
        Traced.model_validate(traced.model_dump() | changes)
