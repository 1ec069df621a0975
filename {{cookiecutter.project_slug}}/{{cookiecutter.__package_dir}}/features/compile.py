"""Features of single rows: a definition is traced once, and compiled to plain Python.

The definition is called with symbols in place of values. Each operator and helper that it applies
writes one line of source, so that afterwards a row costs a few operations on floats.

Arithmetic is total and follows IEEE 754, as in a table: a division by zero gives an infinity or
NaN, never an error; comparisons are those of polars, where NaN equals itself and is above all.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NoReturn, TypeAlias

Sort: TypeAlias = Literal["number", "text", "moment", "condition"]
SORTS: Mapping[str, Sort] = {
    "integer": "number",
    "float": "number",
    "boolean": "number",
    "category": "text",
    "string": "text",
    "datetime": "moment",
}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
RowFunction: TypeAlias = Callable[[Mapping[str, Any]], Any]


def compile_row(
    name: str,
    function: Callable[..., Any],
    types: Mapping[str, str],
    kind: Literal["number", "category"],
) -> RowFunction:
    """Compile a definition into a function of one row.

    Args:
        name: The feature's name, for messages.
        function: The definition; it is called once, with a symbol for each column.
        types: The schema's type of each column, in the order of the arguments.
        kind: What the definition must give: a number, or a text.

    Returns:
        A function of values by column (numbers, booleans, texts, naive datetimes or None; others
        are ignored) that gives a finite float or a text, or None where an input is missing or the
        result undefined. It raises KeyError where a column is not in the row at all.

    Raises:
        TypeError: The definition does what a table cannot, or its result does not fit the kind.
    """
    trace = Trace()
    symbols = [trace.column(column, SORTS[known]) for column, known in types.items()]
    result = function(*symbols)
    wanted = ("text",) if kind == "category" else ("number", "condition")
    sort = sort_of(result)
    if sort not in wanted:
        article = "text" if kind == "category" else "a number"
        raise TypeError(
            f"feature {name}: kind is {kind}, so the result must be {article}, "
            f"not {sort or type(result).__name__}"
        )
    return trace.finish(name, trace.source(result), kind)


class Trace:
    """The source of one function while it is written."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._names: dict[str, Any] = dict(SCALARS)

    def column(self, name: str, sort: Sort) -> "Symbol":
        """Read a column of the row; the function ends where it is missing or not finite."""
        symbol = self.write(f"row[{name!r}]", sort)
        self._lines.append(f"if {symbol.name} is None: return None")
        if sort == "number":
            self._lines.append(f"try: {symbol.name} = float({symbol.name})")
            self._lines.append("except OverflowError: return None")  # beyond the largest float
            self._lines.append(f"if not isfinite({symbol.name}): return None")
        return symbol

    def write(self, source: str, sort: Sort) -> "Symbol":
        """Add a line that computes an expression, and return the symbol of its value."""
        name = f"v{len(self._lines)}"
        self._lines.append(f"{name} = {source}")
        return Symbol(self, name, sort)

    def choose(self, condition: "Symbol", yes: Any, no: Any) -> "Symbol":
        """Write the choice between two values of one sort."""
        sort = sort_of(yes)
        if sort is None or sort_of(no) != sort:
            raise TypeError(f"where: {sort or type(yes).__name__} and {sort_of(no)} do not mix")
        words = self.source(yes), condition.name, self.source(no)
        return self.write("{} if {} else {}".format(*words), sort)

    def contains(self, x: "Symbol", values: Sequence[str | float]) -> "Symbol":
        """Write the condition that a value is one of some constants."""
        for value in values:
            if sort_of(value) != x.sort or value != value:
                raise TypeError(f"one_of: {value!r} is no {x.sort} that a column can hold")
        return self.write(f"{x.name} in {self.source(frozenset(values))}", "condition")

    def source(self, value: Any) -> str:
        """Return how the function names a symbol or a constant."""
        if isinstance(value, Symbol):
            return value.name
        if isinstance(value, bool | int | float):
            value = float(value)
        name = f"c{len(self._names)}"
        self._names[name] = value
        return name

    def finish(self, name: str, result: str, kind: str) -> RowFunction:
        """Compile the lines into a function."""
        if kind == "number":
            self._lines.append(f"result = float({result})")
            result = "result if isfinite(result) else None"
        body = "\n    ".join([*self._lines, f"return {result}"])
        code = compile(f"def function(row):\n    {body}", f"<feature {name}>", "exec")
        exec(code, self._names)  # written above from operators and column names' reprs alone
        function: RowFunction = self._names["function"]
        return function


class Symbol:
    """Stands for the value of a row while a definition is traced."""

    __slots__ = ("name", "sort", "trace")
    __hash__ = None  # type: ignore[assignment]  # `==` gives a condition

    def __init__(self, trace: Trace, name: str, sort: Sort) -> None:
        self.trace, self.name, self.sort = trace, name, sort

    def __add__(self, other: Any) -> "Symbol":
        return self._arithmetic("{} + {}", self, other)

    def __radd__(self, other: Any) -> "Symbol":
        return self._arithmetic("{} + {}", other, self)

    def __sub__(self, other: Any) -> "Symbol":
        return self._arithmetic("{} - {}", self, other)

    def __rsub__(self, other: Any) -> "Symbol":
        return self._arithmetic("{} - {}", other, self)

    def __mul__(self, other: Any) -> "Symbol":
        return self._arithmetic("{} * {}", self, other)

    def __rmul__(self, other: Any) -> "Symbol":
        return self._arithmetic("{} * {}", other, self)

    def __truediv__(self, other: Any) -> "Symbol":
        if isinstance(other, Symbol) or other == 0:
            return self._arithmetic("divide({}, {})", self, other)
        return self._arithmetic("{} * {}", self, 1.0 / other)  # as polars divides by a constant

    def __rtruediv__(self, other: Any) -> "Symbol":
        return self._arithmetic("divide({}, {})", other, self)

    def __pow__(self, other: Any) -> "Symbol":
        return self._arithmetic("power({}, {})", self, other)

    def __rpow__(self, other: Any) -> "Symbol":
        return self._arithmetic("power({}, {})", other, self)

    def __neg__(self) -> "Symbol":
        return self._arithmetic("-{}", self)

    def __abs__(self) -> "Symbol":
        return self._arithmetic("abs({})", self)

    def __eq__(self, other: object) -> "Symbol":  # type: ignore[override]  # a condition
        return self._compare("{0} == {1} or ({0} != {0} and {1} != {1})", other)

    def __ne__(self, other: object) -> "Symbol":  # type: ignore[override]  # a condition
        return self._compare("{0} != {1} and ({0} == {0} or {1} == {1})", other)

    def __lt__(self, other: Any) -> "Symbol":
        return self._compare("{0} < {1} or ({1} != {1} and {0} == {0})", other)

    def __le__(self, other: Any) -> "Symbol":
        return self._compare("{0} <= {1} or {1} != {1}", other)

    def __gt__(self, other: Any) -> "Symbol":
        return self._compare("{0} > {1} or ({0} != {0} and {1} == {1})", other)

    def __ge__(self, other: Any) -> "Symbol":
        return self._compare("{0} >= {1} or {0} != {0}", other)

    def __and__(self, other: Any) -> "Symbol":
        return self._combine("and", other)

    def __or__(self, other: Any) -> "Symbol":
        return self._combine("or", other)

    def __mod__(self, other: Any) -> NoReturn:
        # In tables a division by a constant may be one bit off, which these turn into a period.
        raise TypeError("in features write modulo(a, b), not a % b")

    __rmod__ = __mod__

    def __floordiv__(self, other: Any) -> NoReturn:
        raise TypeError("in features write floor(a / b), not a // b")

    __rfloordiv__ = __floordiv__

    def __bool__(self) -> NoReturn:
        raise TypeError("in features write where(condition, yes, no), not if, and, or, not")

    def _arithmetic(self, source: str, *operands: Any) -> "Symbol":
        if source == "{} + {}" and all(sort_of(x) == "text" for x in operands):
            return self.trace.write(source.format(*map(self.trace.source, operands)), "text")
        return call(source, "number", "number", *operands)

    def _compare(self, source: str, other: Any) -> "Symbol":
        return call(source, self.sort, "condition", self, other)

    def _combine(self, word: str, other: Any) -> "Symbol":
        return call(f"{{}} {word} {{}}", "condition", "condition", self, other)


def sort_of(value: Any) -> Sort | None:
    """Return the sort of a symbol or a constant, or None where it is neither."""
    if isinstance(value, Symbol):
        return value.sort
    if isinstance(value, datetime) and value.tzinfo is not None:
        return None  # a table's datetimes have no zone
    for types, sort in CONSTANTS:
        if isinstance(value, types):
            return sort
    return None


def call(source: str, wanted: Sort, sort: Sort, *operands: Any) -> Symbol:
    """Write an expression over operands of one sort.

    Args:
        source: Python, with `{}` for each operand.
        wanted: The sort that all operands must have.
        sort: The sort of the result.
        operands: Symbols and constants, at least one of them a symbol.

    Raises:
        TypeError: An operand has another sort.
    """
    for operand in operands:
        sort_here = sort_of(operand)
        if sort_here != wanted and not (wanted == "number" and isinstance(operand, bool)):
            shown = sort_here or type(operand).__name__
            hint = "; write where(condition, 1, 0)" if shown == "condition" else ""
            raise TypeError(f"in features this takes a {wanted}, not a {shown}: {source}{hint}")
    trace: Trace = next(operand.trace for operand in operands if isinstance(operand, Symbol))
    return trace.write(source.format(*map(trace.source, operands)), sort)


def divide(a: float, b: float) -> float:
    """Return a / b by IEEE 754."""
    if b:
        return a / b
    if a == 0 or math.isnan(a):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def power(a: float, b: float) -> float:
    """Return a to the power of b by IEEE 754."""
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


CONSTANTS: tuple[tuple[type | tuple[type, ...], Sort], ...] = (
    (bool, "condition"),
    ((int, float), "number"),
    (str, "text"),
    (datetime, "moment"),
)
SCALARS: Mapping[str, Any] = {
    "isfinite": math.isfinite,
    "WEEKDAYS": WEEKDAYS,
    **{f.__name__: f for f in (divide, power, floor, log, exp, sqrt, sin, cos)},
}
