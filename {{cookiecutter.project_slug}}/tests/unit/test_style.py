"""Numbers, intervals and names as people read them."""

import math

from {{ cookiecutter.package_name }}.reports.style import interval, number, short
from {{ cookiecutter.package_name }}.utils.bootstrap import Estimate


def test_numbers_are_written_with_the_digits_that_count() -> None:
    shown = [number(x) for x in (0.12345, 12.345, 123.45, 12345.6, 0.0, 1e-7, math.nan)]
    assert shown == ["0.123", "12.35", "123.5", "12,346", "0.000", "1.0e-07", "-"]
    assert number(0.5, sign=True) == "+0.500"
    assert interval(Estimate(1, 0.5, 1.5)) == "0.500 to 1.500"
    assert interval(Estimate(1)) == interval(Estimate(1, 1, 1)) == ""


def test_long_names_are_cut_to_one_short_line() -> None:
    assert short("two\n words") == "two words"
    assert short("x" * 27) == "x" * 23 + "..."
