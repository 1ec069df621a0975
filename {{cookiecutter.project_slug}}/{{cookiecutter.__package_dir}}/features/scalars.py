"""Functions of plain floats that never raise: they follow IEEE 754, as tables do."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a server that has only single rows never loads polars
    import polars as pl

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def divide(a: float, b: float) -> float:
    """Return a / b by IEEE 754.

    >>> divide(1.0, 0.0), divide(-1.0, 0.0), divide(0.0, 0.0)
    (inf, -inf, nan)
    """
    if b:
        return a / b
    if a == 0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def power(a: float, b: float) -> float:
    """Return a to the power of b by IEEE 754.

    >>> power(2.0, 0.5) == math.sqrt(2), power(0.0, -1.0), power(-1.0, 0.5)
    (True, inf, nan)
    """
    odd = b % 2 == 1
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0 and odd else math.inf
    except ValueError:  # a negative number to a fraction, or zero to a negative number
        return math.nan if a else math.copysign(math.inf, a if odd else 1.0)


def floor(x: float) -> float:
    """Return the greatest whole number not above x."""
    return float(math.floor(x)) if math.isfinite(x) else x


def modulo(x: float, period: float) -> float:
    """Return the remainder of x by a period above 0; exact, as IEEE 754 defines it.

    A quotient that is one bit off, as x * (1 / period) may be, would be a whole period off here.

    >>> modulo(1500.0, 1440.0), modulo(-60.0, 1440.0), modulo(6.4e25, 49.0), modulo(1.0, 0.0)
    (60.0, 1380.0, 21.0, nan)
    """
    if not period:
        return math.nan
    rest = x % period
    return 0.0 if rest == period else rest  # -1e-20 is too near to 0 to stay below the period


def modulo_of_table(x_and_period: "Sequence[pl.Series]") -> "pl.Series":
    """Return `modulo` of two columns of a table; missing is NaN."""
    import numpy as np
    import polars as pl

    x, period = (column.cast(pl.Float64).to_numpy() for column in x_and_period)
    with np.errstate(invalid="ignore"):
        rest = np.mod(x, period)
    return pl.Series(x_and_period[0].name, np.where(rest == period, 0.0, rest))


def log(x: float) -> float:
    """Return the natural logarithm; NaN below 0."""
    if x > 0:
        return math.log(x)
    return -math.inf if x == 0 else math.nan


def exp(x: float) -> float:
    """Return e to the power of x; infinity where that is beyond the largest float."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def sqrt(x: float) -> float:
    """Return the square root; NaN below 0."""
    return math.sqrt(x) if x >= 0 else math.nan


def sin(x: float) -> float:
    """Return the sine; NaN where x is not finite."""
    return math.sin(x) if math.isfinite(x) else math.nan


def cos(x: float) -> float:
    """Return the cosine; NaN where x is not finite."""
    return math.cos(x) if math.isfinite(x) else math.nan


SCALARS: Mapping[str, Any] = {
    "isfinite": math.isfinite,
    "WEEKDAYS": WEEKDAYS,
    **{f.__name__: f for f in (divide, power, floor, modulo, log, exp, sqrt, sin, cos)},
}
"""What the source of a compiled feature may name; polars knows the functions under these names."""
