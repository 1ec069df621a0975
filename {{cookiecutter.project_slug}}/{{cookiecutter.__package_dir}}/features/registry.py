"""What a derived feature is: one definition, as an expression over a table and a function of a row.

For a table the definition is called with polars expressions, for single rows once with the symbols
of `compile`. Inside it nothing is missing (a missing input makes the result missing) and numbers
follow IEEE 754. A result that is not finite is missing. So tables and single rows agree.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from .compile import ResultKind, RowFunction, ValueKind, compile_row

if TYPE_CHECKING:  # a server that has only single rows never loads polars
    import polars as pl

Function = TypeVar("Function", bound=Callable[..., Any])


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
    kind: ResultKind
    function: Callable[..., Any]

    def expression(self, kinds: Mapping[str, ValueKind]) -> "pl.Expr":
        """Return the feature as an expression over a table, named like the feature.

        Args:
            kinds: What the values of each column are. Numbers enter as Float64, texts as String.

        Raises:
            KeyError: A column has no kind.
        """
        import polars as pl

        inputs, present = [], []
        for column in self.columns:
            kind = kinds[column]
            if kind == "number":
                value = pl.col(column).cast(pl.Float64)
                present.append(value.is_not_null() & value.is_finite())
            else:
                value = pl.col(column)
                if kind != "datetime":
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

    def row_function(self, kinds: Mapping[str, ValueKind]) -> RowFunction:
        """Return the feature as a function of one row, equal to `expression` on a table with it.

        Args:
            kinds: What the values of each column are.

        Returns:
            A function of values by column (numbers, booleans, texts, naive datetimes or None)
            that gives a finite float, a text, or None where an input is missing or the result
            undefined; KeyError where a column is not in the row at all.

        Raises:
            KeyError: A column has no kind.
            TypeError: The definition does what a table cannot, or its result is of another kind.
        """
        columns = {column: kinds[column] for column in self.columns}
        return compile_row(self.name, self.function, columns, self.kind)


FEATURES: dict[str, Feature] = {}
"""Every derived feature by name."""


def feature(
    *, columns: Sequence[str] | None = None, kind: ResultKind = "number"
) -> Callable[[Function], Function]:
    """Register a function as a derived feature; the function itself stays as it is.

    Args:
        columns: The columns to hand over, where the argument names cannot say it.
        kind: "number", or "category" where the result is text.

    Raises:
        ValueError: The name is taken, there is no such kind, or `columns` does not fit the
            arguments.
    """

    def register(function: Function) -> Function:
        name = function.__name__
        arguments = tuple(inspect.signature(function).parameters)
        wanted = arguments if columns is None else tuple(columns)
        if kind not in get_args(ResultKind):
            raise ValueError(f'feature {name}: kind is "number" or "category", not {kind!r}')
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
