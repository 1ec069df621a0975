"""Derived features by name: what `@feature()` registers, and how each is traced."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from .compile import trace
from .operations import ResultKind, RowFunction, Traced, ValueKind, expression, row_function

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

    def trace(self, kinds: Mapping[str, ValueKind]) -> Traced:
        """Return the operations that the definition stands for, as data.

        Args:
            kinds: What the values of each column are.

        Raises:
            KeyError: A column has no kind.
            TypeError: The definition does what a table cannot, or its result is of another kind.
        """
        columns = {column: kinds[column] for column in self.columns}
        return trace(self.name, self.function, columns, self.kind)

    def expression(self, kinds: Mapping[str, ValueKind]) -> "pl.Expr":
        """Return the feature as an expression over a table, named like the feature."""
        return expression(self.trace(kinds)).alias(self.name)

    def row_function(self, kinds: Mapping[str, ValueKind]) -> RowFunction:
        """Return the feature as a function of one row, equal to `expression` on its rows."""
        return row_function(self.trace(kinds))


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
