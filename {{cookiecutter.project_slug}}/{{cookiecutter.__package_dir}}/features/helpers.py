"""What derived features are written with, besides operators.

Each takes columns, what was made of them, or constants as in the examples. Inside a
feature nothing is missing and nothing raises: a result that is not a finite number is missing.
"""

import math
from collections.abc import Sequence
from datetime import datetime  # noqa: F401  # for the examples
from typing import Any, TypeAlias

from .compile import Symbol, apply, kind_of

Column: TypeAlias = Any  # the symbol of a column or of what was made of it, or a constant


def where(condition: Column, then: Column, otherwise: Column) -> Column:
    """Return `then` where the condition holds, else `otherwise`.

    Combine conditions with `&` and `|`, each in parentheses; swap the two values instead of `~`.

    >>> where((2 > 1) & (2 < 3), "between", "beyond")
    'between'
    """
    kind = kind_of(condition)
    if kind != "condition":
        raise TypeError(f"where: the condition must be a comparison, not a {kind}")
    if not isinstance(condition, Symbol):
        return then if condition else otherwise
    if (kind := kind_of(then)) is None or kind_of(otherwise) != kind:
        one, other = (kind_of(x) or type(x).__name__ for x in (then, otherwise))
        raise TypeError(f"where: {one} and {other} do not mix; give two of one kind")
    return apply("where", condition, then, otherwise, gives=kind)


def one_of(x: Column, values: Sequence[str | float]) -> Column:
    """Return the condition that x is one of some constants.

    >>> where(one_of("JFK", ["JFK", "LGA"]), "New York", "elsewhere")
    'New York'
    """
    values = tuple(values)
    for value in values:
        if kind_of(value) != kind_of(x) or value != value:
            raise TypeError(f"one_of: {value!r} is no {kind_of(x)} that a column can hold")
    return apply("one_of", x, *values)


def join(separator: str, *texts: Column) -> Column:
    """Return the texts with a separator between them.

    >>> join("-", "JFK", "LAX")
    'JFK-LAX'
    """
    return apply("join", separator, *texts)


def modulo(x: Column, period: Column) -> Column:
    """Return the remainder of x by a positive number, from 0 up to but not including it.

    >>> modulo(1500.0, 1440), modulo(-60.0, 1440)
    (60.0, 1380.0)
    """
    return apply("modulo", x, period)


def clip(x: Column, low: float, high: float) -> Column:
    """Return x, held between two constants.

    >>> clip(7.0, 0.0, 5.0)
    5.0
    """
    return where(x < low, low, where(x > high, high, x))


def floor(x: Column) -> Column:
    """Return the greatest whole number not above x.

    >>> floor(-1.5)
    -2.0
    """
    return apply("floor", x)


def log(x: Column) -> Column:
    """Return the natural logarithm; undefined (so missing) where x is not above 0.

    >>> log(1 + 0.0)
    0.0
    """
    return apply("log", x)


def exp(x: Column) -> Column:
    """Return e to the power of x.

    >>> exp(0.0)
    1.0
    """
    return apply("exp", x)


def sqrt(x: Column) -> Column:
    """Return the square root; undefined (so missing) where x is below 0.

    >>> sqrt(9.0)
    3.0
    """
    return apply("sqrt", x)


def sine(angle: Column) -> Column:
    """Return the sine of an angle in radians.

    >>> sine(radians(90.0))
    1.0
    """
    return apply("sin", angle)


def cosine(angle: Column) -> Column:
    """Return the cosine of an angle in radians.

    >>> cosine(radians(180.0))
    -1.0
    """
    return apply("cos", angle)


def radians(degrees: Column) -> Column:
    """Turn degrees into radians.

    >>> radians(180.0) == math.pi
    True
    """
    return degrees * (math.pi / 180)


def sin_cycle(x: Column, period: float) -> Column:
    """Return the sine part of x on a circle of that period: hours 24, months 12, degrees 360.

    >>> sin_cycle(6.0, 24)
    1.0
    """
    return sine(modulo(x, period) * (2 * math.pi / period))


def cos_cycle(x: Column, period: float) -> Column:
    """Return the cosine part of x on a circle of that period.

    >>> cos_cycle(12.0, 24)
    -1.0
    """
    return cosine(modulo(x, period) * (2 * math.pi / period))


def year(moment: Column) -> Column:
    """Return the year of a datetime.

    >>> year(datetime(2013, 12, 25, 18, 30))
    2013.0
    """
    return apply("year", moment)


def month(moment: Column) -> Column:
    """Return the month of a datetime, 1 to 12.

    >>> month(datetime(2013, 12, 25, 18, 30))
    12.0
    """
    return apply("month", moment)


def day(moment: Column) -> Column:
    """Return the day of the month of a datetime, 1 to 31.

    >>> day(datetime(2013, 12, 25, 18, 30))
    25.0
    """
    return apply("day", moment)


def day_of_year(moment: Column) -> Column:
    """Return the day of the year of a datetime, 1 to 366.

    >>> day_of_year(datetime(2013, 12, 25, 18, 30))
    359.0
    """
    return apply("day_of_year", moment)


def weekday_number(moment: Column) -> Column:
    """Return the day of the week of a datetime, 1 (Monday) to 7 (ISO 8601).

    >>> weekday_number(datetime(2013, 12, 25, 18, 30))
    3.0
    """
    return apply("weekday_number", moment)


def weekday_name(moment: Column) -> Column:
    """Return the day of the week of a datetime as text, Mon to Sun.

    >>> weekday_name(datetime(2013, 12, 25, 18, 30))
    'Wed'
    """
    return apply("weekday_name", moment)


def hour(moment: Column) -> Column:
    """Return the hour of a datetime, 0 to 23.

    >>> hour(datetime(2013, 12, 25, 18, 30))
    18.0
    """
    return apply("hour", moment)


def minute_of_day(moment: Column) -> Column:
    """Return the minutes since midnight of a datetime, 0 to 1439.

    >>> minute_of_day(datetime(2013, 12, 25, 18, 30))
    1110.0
    """
    return hour(moment) * 60 + apply("minute", moment)


def hours_between(start: Column, end: Column) -> Column:
    """Return the hours from one datetime to another.

    >>> hours_between(datetime(2013, 12, 25, 18, 30), datetime(2013, 12, 26))
    5.5
    """
    return apply("seconds_between", start, end) / 3600
