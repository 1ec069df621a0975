"""A definition is traced once: called with symbols in place of values, it leaves its operations.

Why not call it for each row? A request costs a third less than with helpers that ask each value for
its type, and rows and tables agree to the last bit, a division by zero included: both are made from
the same operations, see `operations`.

    >>> columns = {"km": "number", "h": "number"}
    >>> trace("speed", lambda km, h: km / h, columns, "number").steps
    (Step(operation='divide', operands=(0, 1)),)
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NoReturn

from .operations import (
    OPERATIONS,
    Constant,
    Kind,
    Operand,
    ResultKind,
    Step,
    Traced,
    ValueKind,
)
from .scalars import SCALARS


def trace(
    name: str,
    function: Callable[..., Any],
    columns: Mapping[str, ValueKind],
    result_kind: ResultKind,
) -> Traced:
    """Trace a definition.

    Args:
        name: The feature's name, for messages.
        function: The definition; it is called once, with a symbol for each column.
        columns: What the values of each column are, in the order of the arguments.
        result_kind: What the definition must give: a number, or a text.

    Raises:
        TypeError: The definition does what a table cannot.
        ResultError: Its result does not fit `result_kind`.
    """
    steps = Steps(len(columns))
    result = function(*(Symbol(steps, i, kind) for i, kind in enumerate(columns.values())))
    check_result(name, result, result_kind)
    return Traced(
        kind=result_kind,
        columns=dict(columns),
        steps=tuple(steps.made),
        result=_operand(result),
    )


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


class Steps:
    """The operations of one definition while it is traced."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self.made: list[Step] = []

    def add(self, operation: str, operands: tuple[Any, ...], kind: Kind) -> "Symbol":
        """Add an operation, and return the symbol of its value."""
        self.made.append(Step(operation=operation, operands=tuple(map(_operand, operands))))
        return Symbol(self, self._columns + len(self.made) - 1, kind)


class Symbol:
    """Stands for a value while a definition is traced."""

    __slots__ = ("kind", "place", "steps")
    __hash__ = None  # type: ignore[assignment]  # `==` gives a condition

    def __init__(self, steps: Steps, place: int, kind: Kind) -> None:
        self.steps, self.place, self.kind = steps, place, kind

    def __add__(self, other: Any) -> Any:
        return _add(self, other)

    def __radd__(self, other: Any) -> Any:
        return _add(other, self)

    def __sub__(self, other: Any) -> Any:
        return apply("subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return apply("subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return apply("multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return apply("multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, Symbol) or kind_of(other) != "number" or other == 0:
            return apply("divide", self, other)
        return apply("multiply", self, 1.0 / other)  # as polars divides by a constant

    def __rtruediv__(self, other: Any) -> Any:
        return apply("divide", other, self)

    def __pow__(self, other: Any) -> Any:
        return apply("power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return apply("power", other, self)

    def __neg__(self) -> Any:
        return apply("negate", self)

    def __abs__(self) -> Any:
        return apply("absolute", self)

    def __eq__(self, other: object) -> Any:
        return apply("equal", self, other, takes=self.kind)

    def __ne__(self, other: object) -> Any:
        return apply("not_equal", self, other, takes=self.kind)

    def __lt__(self, other: Any) -> Any:
        return apply("less", self, other, takes=self.kind)

    def __le__(self, other: Any) -> Any:
        return apply("less_equal", self, other, takes=self.kind)

    def __gt__(self, other: Any) -> Any:
        return apply("greater", self, other, takes=self.kind)

    def __ge__(self, other: Any) -> Any:
        return apply("greater_equal", self, other, takes=self.kind)

    def __and__(self, other: Any) -> Any:
        return apply("and", self, other)

    def __or__(self, other: Any) -> Any:
        return apply("or", self, other)

    def __mod__(self, other: Any) -> NoReturn:
        # `modulo` is exact in both forms; the % of tables is a period off for large numbers.
        raise TypeError("in features write modulo(a, b), not a % b")

    __rmod__ = __mod__

    def __floordiv__(self, other: Any) -> NoReturn:
        raise TypeError("in features write floor(a / b), not a // b")

    __rfloordiv__ = __floordiv__

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "in features write where(condition, then, otherwise), not if, and, or, not; "
            'combine conditions with & and |, each in parentheses; for `in` write one_of(x, ["a"])'
        )

    def __invert__(self) -> NoReturn:
        raise TypeError("in features swap `then` and `otherwise` of where, not ~condition")

    def __str__(self) -> NoReturn:
        raise TypeError(
            'a column is no text while a feature is read: write join("-", a, b), not str() or a '
            "text with {a} in it; leave print out"
        )

    def __format__(self, format_spec: str) -> NoReturn:
        self.__str__()


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


def apply(
    operation: str, *operands: Any, takes: Kind | None = None, gives: Kind | None = None
) -> Any:
    """Apply an operation: to constants at once, else to symbols, for later.

    Args:
        operation: One of `OPERATIONS`.
        operands: Symbols and constants.
        takes: The kind that all operands must have, where the operation does not say it.
        gives: The kind of the result, where the operation does not say it.

    Raises:
        TypeError: An operand has another kind.
    """
    known = OPERATIONS[operation]
    wanted = known.takes or takes
    for operand in operands if wanted is not None else ():
        kind = kind_of(operand)
        if kind != wanted and not (wanted == "number" and isinstance(operand, bool)):
            given = kind or type(operand).__name__
            what = known.shown or "in features this"
            raise TypeError(f"{what} takes a {wanted}, not a {given}{HINTS.get(given, '')}")
    steps = next((one.steps for one in operands if isinstance(one, Symbol)), None)
    if steps is not None:
        return steps.add(operation, operands, known.gives or gives or "number")
    names = [f"c{i}" for i in range(len(operands))]
    values = dict(zip(names, (_operand(one).value for one in operands), strict=True))  # type: ignore[union-attr]
    return eval(known.source(*names), {**SCALARS, **values})  # of OPERATIONS  # nosec B307


def _add(a: Any, b: Any) -> Any:
    texts = kind_of(a) == kind_of(b) == "text"
    return apply("concatenate" if texts else "add", a, b)


def _operand(value: Any) -> Operand:
    """Return a symbol or a constant as the data that it is."""
    if isinstance(value, Symbol):
        return value.place
    if isinstance(value, bool | int | float):
        return Constant(number=float(value))
    return Constant(text=value) if isinstance(value, str) else Constant(moment=value)


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
