"""What derived features are written with, besides operators.

Each takes a column of a table, a column of single rows, or a constant as in the examples. Inside a
feature nothing is missing and nothing raises: a result that is not a finite number is missing.
"""

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from .compile import ResultKind, Symbol, call, compile_row, kind_of
from .scalars import SCALARS, WEEKDAYS, modulo_of_table

if TYPE_CHECKING:  # a server that has only single rows never loads polars
    import polars as pl

Column: TypeAlias = Any  # of a table or of single rows, or a constant


def where(condition: Column, then: Column, otherwise: Column) -> Column:
    """Return `then` where the condition holds, else `otherwise`.

    Combine conditions with `&` and `|`, each in parentheses; swap the two values instead of `~`.

    >>> where((2 > 1) & (2 < 3), "between", "beyond")
    'between'
    """
    if isinstance(condition, Symbol) or _is_constant(condition):
        if (kind := kind_of(condition)) != "condition":
            raise TypeError(f"where: the condition must be a comparison, not a {kind}")
        if not isinstance(condition, Symbol):
            return then if condition else otherwise
        return condition.trace.choose(condition, then, otherwise)
    import polars as pl

    return pl.when(condition).then(_literal(then)).otherwise(_literal(otherwise))


def one_of(x: Column, values: Sequence[str | float]) -> Column:
    """Return the condition that x is one of some constants.

    >>> where(one_of("JFK", ["JFK", "LGA"]), "New York", "elsewhere")
    'New York'
    """
    if isinstance(x, Symbol):
        return x.trace.contains(x, values)
    if _is_constant(x):
        return x in values
    return x.is_in([value if isinstance(value, str) else float(value) for value in values])


def join(separator: str, *texts: Column) -> Column:
    """Return the texts with a separator between them.

    >>> join("-", "JFK", "LAX")
    'JFK-LAX'
    """
    if any(isinstance(text, Symbol) for text in texts):
        return call(f"{{}}.join(({'{},' * len(texts)}))", "text", "text", separator, *texts)
    if all(map(_is_constant, texts)):
        return separator.join(texts)
    import polars as pl

    return pl.concat_str([_literal(text) for text in texts], separator=separator)


def modulo(x: Column, period: Column) -> Column:
    """Return the remainder of x by a positive number, from 0 up to but not including it.

    >>> modulo(1500.0, 1440), modulo(-60.0, 1440)
    (60.0, 1380.0)
    """
    if isinstance(x, Symbol) or isinstance(period, Symbol):
        return call("modulo({}, {})", "number", "number", x, period, shown="modulo(x, period)")
    if _is_constant(x) and _is_constant(period):
        return SCALARS["modulo"](float(x), float(period))
    import polars as pl

    return pl.map_batches([_literal(x), _literal(period)], modulo_of_table, is_elementwise=True)


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
    return _function("floor", x)


def log(x: Column) -> Column:
    """Return the natural logarithm; undefined (so missing) where x is not above 0.

    >>> log(1 + 0.0)
    0.0
    """
    return _function("log", x)


def exp(x: Column) -> Column:
    """Return e to the power of x.

    >>> exp(0.0)
    1.0
    """
    return _function("exp", x)


def sqrt(x: Column) -> Column:
    """Return the square root; undefined (so missing) where x is below 0.

    >>> sqrt(9.0)
    3.0
    """
    return _function("sqrt", x)


def sine(angle: Column) -> Column:
    """Return the sine of an angle in radians.

    >>> sine(radians(90.0))
    1.0
    """
    return _function("sin", angle)


def cosine(angle: Column) -> Column:
    """Return the cosine of an angle in radians.

    >>> cosine(radians(180.0))
    -1.0
    """
    return _function("cos", angle)


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
    return _part(moment, "{}.year", lambda column: column.dt.year())


def month(moment: Column) -> Column:
    """Return the month of a datetime, 1 to 12.

    >>> month(datetime(2013, 12, 25, 18, 30))
    12.0
    """
    return _part(moment, "{}.month", lambda column: column.dt.month())


def day(moment: Column) -> Column:
    """Return the day of the month of a datetime, 1 to 31.

    >>> day(datetime(2013, 12, 25, 18, 30))
    25.0
    """
    return _part(moment, "{}.day", lambda column: column.dt.day())


def day_of_year(moment: Column) -> Column:
    """Return the day of the year of a datetime, 1 to 366.

    >>> day_of_year(datetime(2013, 12, 25, 18, 30))
    359.0
    """
    return _part(moment, "{}.timetuple().tm_yday", lambda column: column.dt.ordinal_day())


def weekday_number(moment: Column) -> Column:
    """Return the day of the week of a datetime, 1 (Monday) to 7 (ISO 8601).

    >>> weekday_number(datetime(2013, 12, 25, 18, 30))
    3.0
    """
    return _part(moment, "{}.isoweekday()", lambda column: column.dt.weekday())


def weekday_name(moment: Column) -> Column:
    """Return the day of the week of a datetime as text, Mon to Sun.

    >>> weekday_name(datetime(2013, 12, 25, 18, 30))
    'Wed'
    """
    if isinstance(moment, Symbol):
        return call("WEEKDAYS[{}.weekday()]", "datetime", "text", moment)
    if _is_constant(moment):
        return _of_constants(weekday_name, "category", moment)
    import polars as pl

    return moment.dt.weekday().replace_strict(dict(enumerate(WEEKDAYS, 1)), return_dtype=pl.String)


def hour(moment: Column) -> Column:
    """Return the hour of a datetime, 0 to 23.

    >>> hour(datetime(2013, 12, 25, 18, 30))
    18.0
    """
    return _part(moment, "{}.hour", lambda column: column.dt.hour())


def minute_of_day(moment: Column) -> Column:
    """Return the minutes since midnight of a datetime, 0 to 1439.

    >>> minute_of_day(datetime(2013, 12, 25, 18, 30))
    1110.0
    """
    return hour(moment) * 60 + _part(moment, "{}.minute", lambda column: column.dt.minute())


def hours_between(start: Column, end: Column) -> Column:
    """Return the hours from one datetime to another.

    >>> hours_between(datetime(2013, 12, 25, 18, 30), datetime(2013, 12, 26))
    5.5
    """
    if isinstance(start, Symbol) or isinstance(end, Symbol):
        return call("({1} - {0}).total_seconds()", "datetime", "number", start, end) / 3600
    if _is_constant(start) and _is_constant(end):
        return _of_constants(hours_between, "number", start, end)
    import polars as pl

    return (end - start).dt.total_microseconds().cast(pl.Float64) / 1e6 / 3600


def _function(name: str, x: Column) -> Column:
    """Apply a function that polars and `scalars` know under the same name."""
    if isinstance(x, Symbol):
        return call(f"{name}({{}})", "number", "number", x, shown=f"{name}(x)")
    return SCALARS[name](float(x)) if _is_constant(x) else getattr(x, name)()


def _part(moment: Column, source: str, of_table: Callable[["pl.Expr"], "pl.Expr"]) -> Column:
    """Take a number out of a datetime."""
    if isinstance(moment, Symbol):
        return call(f"float({source})", "datetime", "number", moment)
    if _is_constant(moment):
        return _of_constants(lambda column: _part(column, source, of_table), "number", moment)
    import polars as pl

    return of_table(moment).cast(pl.Float64)


def _of_constants(helper: Callable[..., Any], result: ResultKind, *values: datetime) -> Any:
    """Compute a helper of datetimes as for a single row that has these values."""
    row = {f"c{i}": value for i, value in enumerate(values)}
    return compile_row("constant", helper, dict.fromkeys(row, "datetime"), result)(row)


def _is_constant(x: Any) -> bool:
    return isinstance(x, float | str | date | int)


def _literal(x: Column) -> Any:
    """Keep a constant text from being read as the name of a column."""
    if not _is_constant(x):
        return x
    import polars as pl

    return pl.lit(x if isinstance(x, str | bool | date) else float(x))
