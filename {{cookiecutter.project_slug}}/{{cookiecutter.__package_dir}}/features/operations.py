"""What a derived feature is once it is traced: operations on columns and constants, as plain data.

A model version keeps this in preprocessor.json, so that it goes on computing what it was trained
with, whatever becomes of feature_funcs.py. Both forms of a feature are made from it: a function of
one row and an expression over a table, each operation from one line of `OPERATIONS`. Arithmetic
follows IEEE 754 and never raises; comparisons are those of polars, where NaN equals itself and is
above all.

    >>> speed = Traced(
    ...     kind="number",
    ...     columns={"km": "number", "h": "number"},
    ...     steps=(Step(operation="divide", operands=(0, 1)),),
    ...     result=2,
    ... )
    >>> of_row = row_function(speed)
    >>> of_row({"km": 90, "h": 2}), of_row({"km": 90, "h": 0}), of_row({"km": None, "h": 2})
    (45.0, None, None)
"""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, model_validator

from .scalars import SCALARS, WEEKDAYS, modulo_of_table

if TYPE_CHECKING:  # a server that has only single rows never loads polars
    import polars as pl

ValueKind: TypeAlias = Literal["number", "text", "datetime"]
"""What the values of a column are; a boolean is the number 0 or 1."""

Kind: TypeAlias = ValueKind | Literal["condition"]
ResultKind: TypeAlias = Literal["number", "category"]
RowFunction: TypeAlias = Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True)
class Operation:
    """An operation on operands of one kind.

    Attributes:
        takes: The kind of its operands; None where a helper looks after them.
        gives: The kind of its result; None where it is that of the operands.
        row: Python for one row, with {} for each operand, or what makes it of their names.
        table: What makes an expression of the operands: expressions and constants.
        shown: What to call it in messages.
    """

    takes: Kind | None
    gives: Kind | None
    row: str | Callable[..., str]
    table: Callable[..., Any]
    shown: str = ""

    def source(self, *operands: str) -> str:
        """Return the Python for one row."""
        return self.row.format(*operands) if isinstance(self.row, str) else self.row(*operands)


def _arithmetic(row: str, table: Callable[..., Any], shown: str) -> Operation:
    return Operation("number", "number", row, table, shown)


def _function(name: str) -> Operation:
    """A function that polars and `scalars` know under the same name."""
    return _arithmetic(f"{name}({{}})", lambda x: getattr(x, name)(), f"{name}(x)")


def _comparison(row: str, table: Callable[..., Any], sign: str) -> Operation:
    return Operation(None, "condition", row, table, f"a {sign} b")


def _part(row: str, name: str) -> Operation:
    """A number out of a datetime."""
    return Operation("datetime", "number", f"float({row})", lambda x: _float(getattr(x.dt, name)()))


def _float(x: "pl.Expr") -> "pl.Expr":
    import polars as pl

    return x.cast(pl.Float64)


def _literal(x: Any) -> "pl.Expr":
    """Keep a constant text from being read as the name of a column."""
    import polars as pl

    return x if isinstance(x, pl.Expr) else pl.lit(x)


def _where(condition: "pl.Expr", then: Any, otherwise: Any) -> "pl.Expr":
    import polars as pl

    return pl.when(condition).then(_literal(then)).otherwise(_literal(otherwise))


def _join(separator: str, *texts: Any) -> "pl.Expr":
    import polars as pl

    return pl.concat_str([_literal(text) for text in texts], separator=separator)


def _weekday_name(x: "pl.Expr") -> "pl.Expr":
    import polars as pl

    names = dict(enumerate(WEEKDAYS, start=1))
    return x.dt.weekday().replace_strict(names, return_dtype=pl.String)


def _modulo(x: Any, period: Any) -> "pl.Expr":
    import polars as pl

    both = [_literal(x), _literal(period)]
    return pl.map_batches(both, modulo_of_table, is_elementwise=True)


def _tuple(*names: str) -> str:
    return f"({', '.join(names)},)"


OPERATIONS: Mapping[str, Operation] = {
    "add": _arithmetic("{} + {}", operator.add, "a + b"),
    "subtract": _arithmetic("{} - {}", operator.sub, "a - b"),
    "multiply": _arithmetic("{} * {}", operator.mul, "a * b"),
    "divide": _arithmetic("divide({}, {})", operator.truediv, "a / b"),
    "power": _arithmetic("power({}, {})", operator.pow, "a ** b"),
    "modulo": _arithmetic("modulo({}, {})", _modulo, "modulo(a, b)"),
    "negate": _arithmetic("-{}", operator.neg, "-a"),
    "absolute": _arithmetic("abs({})", abs, "abs(a)"),
    **{name: _function(name) for name in ("floor", "log", "exp", "sqrt", "sin", "cos")},
    "equal": _comparison("{0} == {1} or ({0} != {0} and {1} != {1})", operator.eq, "=="),
    "not_equal": _comparison("{0} != {1} and ({0} == {0} or {1} == {1})", operator.ne, "!="),
    "less": _comparison("{0} < {1} or ({1} != {1} and {0} == {0})", operator.lt, "<"),
    "less_equal": _comparison("{0} <= {1} or {1} != {1}", operator.le, "<="),
    "greater": _comparison("{0} > {1} or ({0} != {0} and {1} == {1})", operator.gt, ">"),
    "greater_equal": _comparison("{0} >= {1} or {0} != {0}", operator.ge, ">="),
    "and": Operation("condition", "condition", "{} and {}", operator.and_, "a & b"),
    "or": Operation("condition", "condition", "{} or {}", operator.or_, "a | b"),
    "where": Operation(None, None, "{1} if {0} else {2}", _where),
    "one_of": Operation(
        None,
        "condition",
        lambda x, *values: f"{x} in {_tuple(*values)}",
        lambda x, *values: x.is_in(list(values)),
    ),
    "concatenate": Operation("text", "text", "{} + {}", operator.add, "a + b"),
    "join": Operation(
        "text", "text", lambda by, *texts: f"{by}.join({_tuple(*texts)})", _join, "join"
    ),
    "year": _part("{}.year", "year"),
    "month": _part("{}.month", "month"),
    "day": _part("{}.day", "day"),
    "day_of_year": _part("{}.timetuple().tm_yday", "ordinal_day"),
    "weekday_number": _part("{}.isoweekday()", "weekday"),
    "weekday_name": Operation("datetime", "text", "WEEKDAYS[{}.weekday()]", _weekday_name),
    "hour": _part("{}.hour", "hour"),
    "minute": _part("{}.minute", "minute"),
    "seconds_between": Operation(
        "datetime",
        "number",
        "({1} - {0}).total_seconds()",
        lambda start, end: _float((end - start).dt.total_microseconds()) / 1e6,
    ),
}


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Constant(_Data):
    """A constant among the operands; exactly one of them is set."""

    number: float | None = None
    text: str | None = None
    moment: datetime | None = None

    @property
    def value(self) -> Any:
        """The constant itself."""
        return next(x for x in (self.number, self.text, self.moment) if x is not None)


Operand: TypeAlias = int | Constant
"""The position of a column or of an earlier step, columns first; or a constant."""


class Step(_Data):
    """One operation."""

    operation: str
    operands: tuple[Operand, ...]


class Traced(_Data):
    """A traced feature.

    Attributes:
        kind: "number" (the result is a float) or "category" (it is text).
        columns: What the values of each column are that it is computed from.
        steps: The operations, in their order.
        result: What it gives.
    """

    kind: ResultKind
    columns: dict[str, ValueKind]
    steps: tuple[Step, ...]
    result: Operand

    @model_validator(mode="after")
    def _sound(self) -> "Traced":
        for place, step in enumerate(self.steps, start=len(self.columns)):
            if step.operation not in OPERATIONS:
                raise ValueError(f"there is no operation {step.operation!r}")
            if any(isinstance(one, int) and not 0 <= one < place for one in step.operands):
                raise ValueError(f"step {place} uses what comes later")
        if isinstance(self.result, int) and not 0 <= self.result < len(self.columns) + len(
            self.steps
        ):
            raise ValueError("the result is no step")
        return self


def row_function(traced: Traced) -> RowFunction:
    """Return a traced feature as a function of one row.

    Returns:
        A function of values by column (numbers, booleans, texts, naive datetimes or None; others
        are ignored) that gives a finite float or a text, or None where an input is missing or the
        result undefined. It raises KeyError where a column is not in the row at all.
    """
    names: dict[str, Any] = dict(SCALARS)

    def name_of(operand: Operand) -> str:
        if isinstance(operand, int):
            return f"v{operand}"
        name = f"c{len(names)}"
        names[name] = operand.value
        return name

    lines = []
    for place, (column, kind) in enumerate(traced.columns.items()):
        lines += [f"v{place} = row[{column!r}]", f"if v{place} is None: return None"]
        if kind == "number":
            lines.append(f"try: v{place} = float(v{place})")
            lines.append("except OverflowError: return None")  # beyond the largest float
            lines.append(f"if not isfinite(v{place}): return None")
    for place, step in enumerate(traced.steps, start=len(traced.columns)):
        source = OPERATIONS[step.operation].source(*map(name_of, step.operands))
        lines.append(f"v{place} = {source}")
    result = name_of(traced.result)
    if traced.kind == "number":
        lines.append(f"result = float({result})")
        result = "result if isfinite(result) else None"
    body = "\n    ".join([*lines, f"return {result}"])
    code = compile(f"def function(row):\n    {body}", "<feature>", "exec")
    exec(code, names)  # of OPERATIONS and column names' reprs, written above  # nosec B102
    function: RowFunction = names["function"]
    return function


def expression(traced: Traced) -> "pl.Expr":
    """Return a traced feature as an expression over a table, equal to `row_function` on its rows.

    Numbers enter as Float64, texts as String.
    """
    import polars as pl

    values: list[Any] = []
    present = []
    for column, kind in traced.columns.items():
        value = pl.col(column)
        if kind == "number":
            value = value.cast(pl.Float64)
            present.append(value.is_not_null() & value.is_finite())
        else:
            value = value.cast(pl.String) if kind == "text" else value
            present.append(value.is_not_null())
        values.append(value)

    def value_of(operand: Operand) -> Any:
        return values[operand] if isinstance(operand, int) else operand.value

    for step in traced.steps:
        values.append(OPERATIONS[step.operation].table(*map(value_of, step.operands)))
    result = _literal(value_of(traced.result))
    if traced.kind == "number":
        result = result.cast(pl.Float64)
        present.append(result.is_finite())
    return pl.when(pl.all_horizontal(present)).then(result)
