"""What a derived feature is made of: one function serves a polars expression and a plain value.

Inside a feature nothing is missing (a missing input makes the result missing before the function
is asked) and numbers follow IEEE 754: a division by zero gives an infinity or NaN, never an error.
A result that is not finite is missing. So tables and single rows agree, down to the extremes.
Importing this module needs no polars; a server that has only single rows never loads it.
"""

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypeVar

if TYPE_CHECKING:
    import polars as pl

Column: TypeAlias = Any
"""A polars expression, or one plain value: a number, a text or a datetime."""

Kind: TypeAlias = Literal["number", "category"]
Function = TypeVar("Function", bound=Callable[..., Any])

NUMERIC = ("integer", "float", "boolean")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


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

    def value(self, row: Mapping[str, Any]) -> float | str | None:
        """Return the feature of one row, equal to `expression` on a table with that row.

        Args:
            row: Values by column: numbers, booleans, texts, datetimes, None. Others are ignored.

        Returns:
            A finite float, a text, or None where an input is missing or the result undefined.

        Raises:
            KeyError: A column is not in the row at all.
            TypeError: The function's result does not fit the feature's kind.
        """
        inputs: list[Any] = []
        for column in self.columns:
            value = row[column]
            if value is None:
                return None
            if isinstance(value, bool | int | float):
                try:
                    value = Number(value)
                except OverflowError:  # a whole number beyond the largest float
                    return None
                if not math.isfinite(value):
                    return None
            inputs.append(value)
        result = self.function(*inputs)
        if self.kind == "category":
            if not isinstance(result, str):
                raise TypeError(
                    f"feature {self.name}: kind is category, so the result must be text, "
                    f"not {type(result).__name__}"
                )
            return result
        if not isinstance(result, bool | int | float):
            raise TypeError(
                f"feature {self.name}: kind is number, so the result must be a number, "
                f"not {type(result).__name__}"
            )
        return float(result) if math.isfinite(result) else None


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
        if not wanted or len(wanted) != len(arguments):
            raise ValueError(
                f"feature {name} takes {len(arguments)} columns {arguments}, not {wanted}"
            )
        FEATURES[name] = Feature(name, wanted, kind, function)
        return function

    return register


class Number(float):
    """A float whose operators never raise and compare like polars: NaN equals itself, above all.

    `%` and `//` are refused: in tables a division by a constant may be one bit off, which these
    turn into a whole period. Use `modulo`.
    """

    __slots__ = ()

    def __add__(self, other: float) -> "Number":
        return Number(float.__add__(self, float(other)))

    def __radd__(self, other: float) -> "Number":
        return Number(float.__add__(float(other), self))

    def __sub__(self, other: float) -> "Number":
        return Number(float.__sub__(self, float(other)))

    def __rsub__(self, other: float) -> "Number":
        return Number(float.__sub__(float(other), self))

    def __mul__(self, other: float) -> "Number":
        return Number(float.__mul__(self, float(other)))

    def __rmul__(self, other: float) -> "Number":
        return Number(float.__mul__(float(other), self))

    def __truediv__(self, other: float) -> "Number":
        if isinstance(other, Number) or other == 0:
            return Number(_divide(self, other))
        return Number(float.__mul__(self, 1.0 / other))  # as polars divides by a constant

    def __rtruediv__(self, other: float) -> "Number":
        return Number(_divide(other, self))

    def __pow__(self, other: float, modulus: None = None) -> "Number":
        return Number(_power(self, other))

    def __rpow__(self, other: float, modulus: None = None) -> "Number":
        return Number(_power(other, self))

    def __mod__(self, other: float) -> "Number":
        raise TypeError("in features write modulo(a, b), not a % b")

    __rmod__ = __mod__

    def __floordiv__(self, other: float) -> "Number":
        raise TypeError("in features write floor(a / b), not a // b")

    __rfloordiv__ = __floordiv__

    def __neg__(self) -> "Number":
        return Number(float.__neg__(self))

    def __abs__(self) -> "Number":
        return Number(float.__abs__(self))

    def __eq__(self, other: object) -> bool:
        return float.__eq__(self, other) is True or (_is_nan(self) and _is_nan(other))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: float) -> bool:
        return not self >= other

    def __le__(self, other: float) -> bool:
        return _is_nan(other) or float.__le__(self, float(other))

    def __gt__(self, other: float) -> bool:
        return not self <= other

    def __ge__(self, other: float) -> bool:
        return _is_nan(self) or float.__ge__(self, float(other))

    def __hash__(self) -> int:
        return float.__hash__(self)


def where(condition: Column, yes: Column, no: Column) -> Column:
    """Return `yes` where the condition holds, else `no`.

    Combine conditions with `&` and `|`, each in parentheses; swap `yes` and `no` instead of `~`.
    """
    if _is_plain(condition):
        if not isinstance(condition, bool):
            raise TypeError(f"where: the condition must be a comparison, not {condition!r}")
        return yes if condition else no
    import polars as pl

    return pl.when(condition).then(_literal(yes)).otherwise(_literal(no))


def one_of(x: Column, values: Sequence[str | float]) -> Column:
    """Return the condition that x is one of some constants."""
    return x in values if _is_plain(x) else x.is_in(list(values))


def join(separator: str, *texts: Column) -> Column:
    """Return the texts with a separator between them."""
    if all(map(_is_plain, texts)):
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
    if _is_plain(x):
        return Number(math.floor(x)) if math.isfinite(x) else x
    return x.floor()


def log(x: Column) -> Column:
    """Return the natural logarithm; undefined (so missing) where x is not above 0."""
    if _is_plain(x):
        if x > 0:
            return Number(math.log(x)) if math.isfinite(x) else x
        return Number(-math.inf if x == 0 else math.nan)
    return x.log()


def exp(x: Column) -> Column:
    """Return e to the power of x."""
    if _is_plain(x):
        try:
            return Number(math.exp(x))
        except OverflowError:
            return Number(math.inf)
    return x.exp()


def sqrt(x: Column) -> Column:
    """Return the square root; undefined (so missing) where x is below 0."""
    if _is_plain(x):
        return Number(math.sqrt(x) if x >= 0 else math.nan)
    return x.sqrt()


def sine(angle: Column) -> Column:
    """Return the sine of an angle in radians."""
    if _is_plain(angle):
        return Number(math.sin(angle) if math.isfinite(angle) else math.nan)
    return angle.sin()


def cosine(angle: Column) -> Column:
    """Return the cosine of an angle in radians."""
    if _is_plain(angle):
        return Number(math.cos(angle) if math.isfinite(angle) else math.nan)
    return angle.cos()


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
    return Number(moment.year) if _is_plain(moment) else _float(moment.dt.year())


def month(moment: Column) -> Column:
    """Return the month of a datetime, 1 to 12."""
    return Number(moment.month) if _is_plain(moment) else _float(moment.dt.month())


def day(moment: Column) -> Column:
    """Return the day of the month of a datetime, 1 to 31."""
    return Number(moment.day) if _is_plain(moment) else _float(moment.dt.day())


def day_of_year(moment: Column) -> Column:
    """Return the day of the year of a datetime, 1 to 366."""
    if _is_plain(moment):
        return Number(moment.timetuple().tm_yday)
    return _float(moment.dt.ordinal_day())


def weekday_number(moment: Column) -> Column:
    """Return the day of the week of a datetime, 1 (Monday) to 7 (ISO 8601)."""
    return Number(moment.isoweekday()) if _is_plain(moment) else _float(moment.dt.weekday())


def weekday_name(moment: Column) -> Column:
    """Return the day of the week of a datetime as text, Mon to Sun."""
    if _is_plain(moment):
        return WEEKDAYS[moment.weekday()]
    import polars as pl

    names = dict(enumerate(WEEKDAYS, start=1))
    return moment.dt.weekday().replace_strict(names, return_dtype=pl.String)


def hour(moment: Column) -> Column:
    """Return the hour of a datetime, 0 to 23."""
    return Number(moment.hour) if _is_plain(moment) else _float(moment.dt.hour())


def minute_of_day(moment: Column) -> Column:
    """Return the minutes since midnight of a datetime, 0 to 1439."""
    if _is_plain(moment):
        return Number(moment.hour * 60 + moment.minute)
    return hour(moment) * 60 + _float(moment.dt.minute())


def hours_between(start: Column, end: Column) -> Column:
    """Return the hours from one datetime to another."""
    span = end - start
    if _is_plain(start) and _is_plain(end):
        return Number(span.total_seconds()) / 3600
    return _float(span.dt.total_microseconds()) / 1e6 / 3600


def _is_plain(x: Any) -> bool:
    return isinstance(x, float | str | date | int)


def _is_nan(x: object) -> bool:
    return isinstance(x, float) and math.isnan(x)


def _literal(x: Column) -> Any:
    """Keep a constant text from being read as the name of a column."""
    if not _is_plain(x):
        return x
    import polars as pl

    return pl.lit(x if isinstance(x, str | bool | date) else float(x))


def _float(x: "pl.Expr") -> "pl.Expr":
    import polars as pl

    return x.cast(pl.Float64)


def _divide(a: float, b: float) -> float:
    a, b = float(a), float(b)
    if b:
        return a / b
    if a == 0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def _power(a: float, b: float) -> float:
    a, b = float(a), float(b)
    odd = b % 2 == 1
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0 and odd else math.inf
    except ValueError:  # a negative number to a fraction, or zero to a negative number
        return math.nan if a else math.copysign(math.inf, a if odd else 1.0)
