"""The tracer: what no table can do is refused before any row; missing in gives missing out."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from {{ cookiecutter.package_name }}.features import helpers as h
from {{ cookiecutter.package_name }}.features.compile import ResultKind, RowFunction, compile_row


def compiled(function: Callable[..., Any], kind: ResultKind = "number") -> RowFunction:
    """Compile a definition of one column of numbers, `a`."""
    return compile_row("ad_hoc", function, {"a": "number"}, kind)


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
        compile_row(
            "ad_hoc", lambda t: h.where(t < constant, 1.0, 0.0), {"t": "datetime"}, "number"
        )
