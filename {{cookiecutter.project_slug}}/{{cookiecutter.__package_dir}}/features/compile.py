"""Features of single rows: a definition is traced once, and compiled to plain Python.

Why not call the definition for each row? A request costs a third less than with helpers that ask
each value for its type, and rows and tables agree to the last bit, a division by zero included.
So the definition is called once, with symbols in place of values; each operator and helper that it
applies writes a line of source. Arithmetic follows IEEE 754 and never raises; comparisons are those
of polars, where NaN equals itself and is above all.

    >>> columns = {"km": "number", "h": "number"}
    >>> speed = compile_row("speed", lambda km, h: km / h, columns, "number")
    >>> speed({"km": 90, "h": 2}), speed({"km": 90, "h": 0}), speed({"km": None, "h": 2})
    (45.0, None, None)
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NoReturn, TypeAlias

from .scalars import SCALARS

ValueKind: TypeAlias = Literal["number", "text", "datetime"]
"""What the values of a column are; a boolean is the number 0 or 1."""

Kind: TypeAlias = ValueKind | Literal["condition"]
ResultKind: TypeAlias = Literal["number", "category"]
RowFunction: TypeAlias = Callable[[Mapping[str, Any]], Any]


def compile_row(
    name: str,
    function: Callable[..., Any],
    columns: Mapping[str, ValueKind],
    result_kind: ResultKind,
) -> RowFunction:
    """Compile a definition into a function of one row.

    Args:
        name: The feature's name, for messages.
        function: The definition; it is called once, with a symbol for each column.
        columns: What the values of each column are, in the order of the arguments.
        result_kind: What the definition must give: a number, or a text.

    Returns:
        A function of values by column (numbers, booleans, texts, naive datetimes or None; others
        are ignored) that gives a finite float or a text, or None where an input is missing or the
        result undefined. It raises KeyError where a column is not in the row at all.

    Raises:
        TypeError: The definition does what a table cannot.
        ResultError: Its result does not fit `result_kind`.
    """
    trace = Trace()
    symbols = [trace.column(column, kind) for column, kind in columns.items()]
    result = function(*symbols)
    check_result(name, result, result_kind)
    return trace.finish(name, trace.source(result), result_kind)


class ResultError(TypeError):
    """A definition that gives something else than its feature's kind says."""


def check_result(name: str, result: Any, result_kind: ResultKind) -> None:
    """Raise ResultError where a traced definition's result does not fit its feature's kind."""
    kind = kind_of(result)
    if kind in (("text",) if result_kind == "category" else ("number", "condition")):
        return
    if result is None:
        hint = ": end the function with `return ...`"
    elif kind == "text":
        hint = ': write @feature(kind="category") above it'
    elif kind in ("number", "condition"):
        hint = ": write @feature() above it"
    else:
        hint = ""
    raise ResultError(
        f"feature {name}: kind is {result_kind}, so the result must be "
        f"{'text' if result_kind == 'category' else 'a number'}, "
        f"not {kind or type(result).__name__}{hint}"
    )


class Trace:
    """The source of one function while it is written."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._names: dict[str, Any] = dict(SCALARS)

    def column(self, name: str, kind: ValueKind) -> "Symbol":
        """Read a column of the row; the function ends where it is missing or not finite."""
        symbol = self.write(f"row[{name!r}]", kind)
        self._lines.append(f"if {symbol.name} is None: return None")
        if kind == "number":
            self._lines.append(f"try: {symbol.name} = float({symbol.name})")
            self._lines.append("except OverflowError: return None")  # beyond the largest float
            self._lines.append(f"if not isfinite({symbol.name}): return None")
        return symbol

    def write(self, source: str, kind: Kind) -> "Symbol":
        """Add a line that computes an expression, and return the symbol of its value."""
        name = f"v{len(self._lines)}"
        self._lines.append(f"{name} = {source}")
        return Symbol(self, name, kind)

    def choose(self, condition: "Symbol", then: Any, otherwise: Any) -> "Symbol":
        """Write the choice between two values of one kind."""
        kind = kind_of(then)
        if kind is None or kind_of(otherwise) != kind:
            one, other = (kind_of(x) or type(x).__name__ for x in (then, otherwise))
            raise TypeError(f"where: {one} and {other} do not mix; give two of one kind")
        words = self.source(then), condition.name, self.source(otherwise)
        return self.write("{} if {} else {}".format(*words), kind)

    def contains(self, x: "Symbol", values: Sequence[str | float]) -> "Symbol":
        """Write the condition that a value is one of some constants."""
        for value in values:
            if kind_of(value) != x.kind or value != value:
                raise TypeError(f"one_of: {value!r} is no {x.kind} that a column can hold")
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

    def finish(self, name: str, result: str, result_kind: ResultKind) -> RowFunction:
        """Compile the lines into a function."""
        if result_kind == "number":
            self._lines.append(f"result = float({result})")
            result = "result if isfinite(result) else None"
        body = "\n    ".join([*self._lines, f"return {result}"])
        code = compile(f"def function(row):\n    {body}", f"<feature {name}>", "exec")
        exec(code, self._names)  # written above from operators and column names' reprs alone
        function: RowFunction = self._names["function"]
        return function


class Symbol:
    """Stands for the value of a row while a definition is traced."""

    __slots__ = ("kind", "name", "trace")
    __hash__ = None  # type: ignore[assignment]  # `==` gives a condition

    def __init__(self, trace: Trace, name: str, kind: Kind) -> None:
        self.trace, self.name, self.kind = trace, name, kind

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
        return self._compare("==", "{0} == {1} or ({0} != {0} and {1} != {1})", other)

    def __ne__(self, other: object) -> "Symbol":  # type: ignore[override]  # a condition
        return self._compare("!=", "{0} != {1} and ({0} == {0} or {1} == {1})", other)

    def __lt__(self, other: Any) -> "Symbol":
        return self._compare("<", "{0} < {1} or ({1} != {1} and {0} == {0})", other)

    def __le__(self, other: Any) -> "Symbol":
        return self._compare("<=", "{0} <= {1} or {1} != {1}", other)

    def __gt__(self, other: Any) -> "Symbol":
        return self._compare(">", "{0} > {1} or ({0} != {0} and {1} == {1})", other)

    def __ge__(self, other: Any) -> "Symbol":
        return self._compare(">=", "{0} >= {1} or {0} != {0}", other)

    def __and__(self, other: Any) -> "Symbol":
        return call("{} and {}", "condition", "condition", self, other, shown="a & b")

    def __or__(self, other: Any) -> "Symbol":
        return call("{} or {}", "condition", "condition", self, other, shown="a | b")

    def __mod__(self, other: Any) -> NoReturn:
        # In tables a division by a constant may be one bit off, which these turn into a period.
        raise TypeError("in features write modulo(a, b), not a % b")

    __rmod__ = __mod__

    def __floordiv__(self, other: Any) -> NoReturn:
        raise TypeError("in features write floor(a / b), not a // b")

    __rfloordiv__ = __floordiv__

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "in features write where(condition, then, otherwise), not if, and, or, not; "
            "combine conditions with & and |, each in parentheses"
        )

    def __invert__(self) -> NoReturn:
        raise TypeError("in features swap `then` and `otherwise` of where, not ~condition")

    def __str__(self) -> NoReturn:
        raise TypeError('in features write join("-", a, b), not str() or a text with {a} in it')

    def __format__(self, format_spec: str) -> NoReturn:
        self.__str__()

    def _arithmetic(self, source: str, *operands: Any) -> "Symbol":
        if source == "{} + {}" and all(kind_of(x) == "text" for x in operands):
            return self.trace.write(source.format(*map(self.trace.source, operands)), "text")
        return call(source, "number", "number", *operands, shown=source.format("a", "b"))

    def _compare(self, operator: str, source: str, other: Any) -> "Symbol":
        return call(source, self.kind, "condition", self, other, shown=f"a {operator} b")


def kind_of(value: Any) -> Kind | None:
    """Return the kind of a symbol or a constant, or None where it is neither."""
    if isinstance(value, Symbol):
        return value.kind
    if isinstance(value, datetime) and value.tzinfo is not None:
        return None  # a table's datetimes have no zone
    for types, kind in CONSTANTS:
        if isinstance(value, types):
            return kind
    return None


def call(source: str, wanted: Kind, kind: Kind, *operands: Any, shown: str = "") -> Symbol:
    """Write an expression over operands of one kind.

    Args:
        source: Python, with `{}` for each operand.
        wanted: The kind that all operands must have.
        kind: The kind of the result.
        operands: Symbols and constants, at least one of them a symbol.
        shown: What to call the expression in messages.

    Raises:
        TypeError: An operand has another kind.
    """
    for operand in operands:
        known = kind_of(operand)
        if known != wanted and not (wanted == "number" and isinstance(operand, bool)):
            given = known or type(operand).__name__
            what = shown or "in features this"
            raise TypeError(f"{what} takes a {wanted}, not a {given}{HINTS.get(given, '')}")
    trace: Trace = next(operand.trace for operand in operands if isinstance(operand, Symbol))
    return trace.write(source.format(*map(trace.source, operands)), kind)


HINTS: Mapping[str, str] = {
    "condition": "; write where(condition, 1, 0)",
    "text": "; texts go with texts, as in join(separator, a, b)",
    "datetime": "; write hour(x), month(x) or hours_between(start, end)",
}
CONSTANTS: tuple[tuple[type | tuple[type, ...], Kind], ...] = (
    (bool, "condition"),
    ((int, float), "number"),
    (str, "text"),
    (datetime, "datetime"),
)
