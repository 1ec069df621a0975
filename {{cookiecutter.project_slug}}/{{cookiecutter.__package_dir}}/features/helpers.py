"""What a derived feature is made of: one definition serves tables and single rows.

For a table it is called with polars expressions, for single rows once with the symbols of
`tracing`. Inside a feature nothing is missing (a missing input makes the result missing) and
numbers follow IEEE 754: a division by zero gives an infinity or NaN, never an error. A result that
is not finite is missing. So tables and single rows agree, down to the extremes.
Importing this module needs no polars; a server that has only single rows never loads it.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

from . import compile as tracing
from .compile import WEEKDAYS, RowFunction, Symbol, call

if TYPE_CHECKING:
    import polars as pl

Column: TypeAlias = Any
"""A polars expression, a symbol, or a constant."""

Kind: TypeAlias = Literal["number", "category"]
Function = TypeVar("Function", bound=Callable[..., Any])

NUMERIC = ("integer", "float", "boolean")


@dataclass(frozen=True)
class Feature:
    """A derived feature.

    Attributes:
        name: The function's name; also the name of the new column.
        columns: The columns it is computed from, in the order of the arguments.
        kind: "number" (the result is a float) or "category" (it is text).
        function: The definition.
    """

    name: str
    columns: tuple[str, ...]
    kind: Kind
    function: Callable[..., Any]

    def expression(self, types: Mapping[str, str]) -> "pl.Expr":
        """Return the feature as an expression over a table, named like the feature.

        Args:
            types: The schema's type of each column: integer, float, boolean, category, string or
                datetime. Numbers enter as Float64, texts as String.

        Raises:
            KeyError: A column has no type.
        """
        import polars as pl

        inputs, present = [], []
        for column in self.columns:
            known = types[column]
            if known in NUMERIC:
                value = pl.col(column).cast(pl.Float64)
                present.append(value.is_not_null() & value.is_finite())
            else:
                value = pl.col(column)
                if known != "datetime":
                    value = value.cast(pl.String)
                present.append(value.is_not_null())
            inputs.append(value)
        result = self.function(*inputs)
        if not isinstance(result, pl.Expr):
            result = pl.lit(result)
        if self.kind == "number":
            result = result.cast(pl.Float64)
            present.append(result.is_finite())
        return pl.when(pl.all_horizontal(present)).then(result).alias(self.name)

    def row_function(self, types: Mapping[str, str]) -> RowFunction:
        """Return the feature as a function of one row, equal to `expression` on a table with it.

        Args:
            types: The schema's type of each column.

        Returns:
            A function of values by column (numbers, booleans, texts, naive datetimes or None)
            that gives a finite float, a text, or None where an input is missing or the result
            undefined; KeyError where a column is not in the row at all.

        Raises:
            KeyError: A column has no type.
            TypeError: The definition does what a table cannot, or its result is of another kind.
        """
        known = {column: types[column] for column in self.columns}
        return tracing.compile_row(self.name, self.function, known, self.kind)


FEATURES: dict[str, Feature] = {}
"""Every derived feature by name."""


def feature(
    *, columns: Sequence[str] | None = None, kind: Kind = "number"
) -> Callable[[Function], Function]:
    """Register a function as a derived feature; the function itself stays as it is.

    Args:
        columns: The columns to hand over, where the argument names cannot say it.
        kind: "number", or "category" where the result is text.

    Raises:
        ValueError: The name is taken, or `columns` does not fit the arguments.
    """

    def register(function: Function) -> Function:
        name = function.__name__
        arguments = tuple(inspect.signature(function).parameters)
        wanted = arguments if columns is None else tuple(columns)
        if name in FEATURES:
            raise ValueError(f"two features are named {name}")
        if not wanted or len(wanted) != len(arguments) or len(set(wanted)) != len(wanted):
            raise ValueError(
                f"feature {name} takes {len(arguments)} columns {arguments}, none twice, "
                f"not {wanted}"
            )
        FEATURES[name] = Feature(name, wanted, kind, function)
        return function

    return register


def where(condition: Column, yes: Column, no: Column) -> Column:
    """Return `yes` where the condition holds, else `no`.

    Combine conditions with `&` and `|`, each in parentheses; swap `yes` and `no` instead of `~`.
    """
    if isinstance(condition, Symbol) or _is_constant(condition):
        sort = tracing.sort_of(condition)
        if sort != "condition":
            raise TypeError(f"where: the condition must be a comparison, not a {sort}")
        if not isinstance(condition, Symbol):
            return yes if condition else no
        return condition.trace.choose(condition, yes, no)
    import polars as pl

    return pl.when(condition).then(_literal(yes)).otherwise(_literal(no))


def one_of(x: Column, values: Sequence[str | float]) -> Column:
    """Return the condition that x is one of some constants."""
    if isinstance(x, Symbol):
        return x.trace.contains(x, values)
    if _is_constant(x):
        return x in values
    return x.is_in([value if isinstance(value, str) else float(value) for value in values])


def join(separator: str, *texts: Column) -> Column:
    """Return the texts with a separator between them."""
    if any(isinstance(text, Symbol) for text in texts):
        blanks = ", ".join("{}" for _ in texts)
        return call(f"{{}}.join(({blanks},))", "text", "text", separator, *texts)
    if all(map(_is_constant, texts)):
        return separator.join(texts)
    import polars as pl

    return pl.concat_str([_literal(text) for text in texts], separator=separator)


def modulo(x: Column, period: float) -> Column:
    """Return the remainder of x by a positive constant, from 0 up to but not including it."""
    rest = x - floor(x / period) * period
    rest = where(rest < 0, rest + period, rest)
    return where(rest >= period, rest - period, rest)


def clip(x: Column, low: float, high: float) -> Column:
    """Return x, held between two constants."""
    return where(x < low, low, where(x > high, high, x))


def floor(x: Column) -> Column:
    """Return the greatest whole number not above x."""
    return _function("floor", x)


def log(x: Column) -> Column:
    """Return the natural logarithm; undefined (so missing) where x is not above 0."""
    return _function("log", x)


def exp(x: Column) -> Column:
    """Return e to the power of x."""
    return _function("exp", x)


def sqrt(x: Column) -> Column:
    """Return the square root; undefined (so missing) where x is below 0."""
    return _function("sqrt", x)


def sine(angle: Column) -> Column:
    """Return the sine of an angle in radians."""
    return _function("sin", angle)


def cosine(angle: Column) -> Column:
    """Return the cosine of an angle in radians."""
    return _function("cos", angle)


def radians(degrees: Column) -> Column:
    """Turn degrees into radians."""
    return degrees * (math.pi / 180)


def sin_cycle(x: Column, period: float) -> Column:
    """Return the sine part of x on a circle of that period: hours 24, months 12, degrees 360."""
    return sine(x * (2 * math.pi / period))


def cos_cycle(x: Column, period: float) -> Column:
    """Return the cosine part of x on a circle of that period."""
    return cosine(x * (2 * math.pi / period))


def year(moment: Column) -> Column:
    """Return the year of a datetime."""
    return _part(moment, "{}.year", lambda column: column.dt.year())


def month(moment: Column) -> Column:
    """Return the month of a datetime, 1 to 12."""
    return _part(moment, "{}.month", lambda column: column.dt.month())


def day(moment: Column) -> Column:
    """Return the day of the month of a datetime, 1 to 31."""
    return _part(moment, "{}.day", lambda column: column.dt.day())


def day_of_year(moment: Column) -> Column:
    """Return the day of the year of a datetime, 1 to 366."""
    return _part(moment, "{}.timetuple().tm_yday", lambda column: column.dt.ordinal_day())


def weekday_number(moment: Column) -> Column:
    """Return the day of the week of a datetime, 1 (Monday) to 7 (ISO 8601)."""
    return _part(moment, "{}.isoweekday()", lambda column: column.dt.weekday())


def weekday_name(moment: Column) -> Column:
    """Return the day of the week of a datetime as text, Mon to Sun."""
    if isinstance(moment, Symbol):
        return call("WEEKDAYS[{}.weekday()]", "moment", "text", moment)
    import polars as pl

    names = dict(enumerate(WEEKDAYS, start=1))
    return moment.dt.weekday().replace_strict(names, return_dtype=pl.String)


def hour(moment: Column) -> Column:
    """Return the hour of a datetime, 0 to 23."""
    return _part(moment, "{}.hour", lambda column: column.dt.hour())


def minute_of_day(moment: Column) -> Column:
    """Return the minutes since midnight of a datetime, 0 to 1439."""
    return hour(moment) * 60 + _part(moment, "{}.minute", lambda column: column.dt.minute())


def hours_between(start: Column, end: Column) -> Column:
    """Return the hours from one datetime to another."""
    if isinstance(start, Symbol) or isinstance(end, Symbol):
        return call("({1} - {0}).total_seconds()", "moment", "number", start, end) / 3600
    return _float((end - start).dt.total_microseconds()) / 1e6 / 3600


def _function(name: str, x: Column) -> Column:
    """Apply a function that polars and `tracing` know under the same name."""
    if isinstance(x, Symbol):
        return call(f"{name}({{}})", "number", "number", x)
    return tracing.SCALARS[name](float(x)) if _is_constant(x) else getattr(x, name)()


def _part(moment: Column, source: str, of_table: Callable[["pl.Expr"], "pl.Expr"]) -> Column:
    """Take a number out of a datetime."""
    if isinstance(moment, Symbol):
        return call(f"float({source})", "moment", "number", moment)
    return _float(of_table(moment))


def _is_constant(x: Any) -> bool:
    return isinstance(x, float | str | date | int)


def _literal(x: Column) -> Any:
    """Keep a constant text from being read as the name of a column."""
    if not _is_constant(x):
        return x
    import polars as pl

    return pl.lit(x if isinstance(x, str | bool | date) else float(x))


def _float(x: "pl.Expr") -> "pl.Expr":
    import polars as pl

    return x.cast(pl.Float64)
