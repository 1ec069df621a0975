"""The fitted transformation as JSON: readable, diffable, executes nothing.

`Preprocessor` says how raw columns become model inputs. For tables it gives polars expressions, for
the server a function of one row; a property test holds both equal.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from ..data.lookups import Lookup
from ..data.schema import Column, Schema
from ..features.operations import Traced, expression, row_function
from . import transforms
from .transforms import Floats

if TYPE_CHECKING:  # the server encodes single rows and does without polars
    import polars as pl

DESIGN_LEVELS = 50  # one-hot columns at most, the most frequent; the rest are all zeros
DESIGN_CLIP = 10.0  # standard deviations

Source = Literal["number", "boolean", "datetime", "category", "derived"]


class InputSpec(BaseModel):
    """One model input: where it comes from and what was fitted on the training rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    kind: Literal["number", "category"]
    source: Source
    levels: tuple[str, ...] = ()  # categories, the most frequent first; their positions are x
    median: float = 0.0
    mean: float = 0.0
    std: float = 0.0
    traced: Traced | None = None  # of a derived feature: what it was when it was fitted

    @property
    def design_width(self) -> int:
        """How many columns of the design matrix it becomes."""
        return min(len(self.levels), DESIGN_LEVELS) if self.kind == "category" else 1

    def raw(self) -> "pl.Expr":
        """Return the input before it is encoded, as an expression over a typed batch."""
        import polars as pl

        return pl.col(self.name) if self.traced is None else expression(self.traced)

    def encoded(self) -> "pl.Expr":
        """Return the input as float32, named like it; NaN is missing."""
        column = self.raw()
        if self.kind == "category":
            column = transforms.encode_category(column, self.levels)
        elif self.source == "datetime":
            column = transforms.encode_datetime(column)
        else:
            column = transforms.encode_number(column)
        return column.alias(self.name)


def input_specs(schema: Schema, derived: Mapping[str, Traced]) -> list[InputSpec]:
    """Say what the inputs are, before anything is fitted: their kinds and sources.

    Args:
        schema: Of the raw table.
        derived: Derived features by name, as they are traced now.
    """
    columns = [_of_column(name, schema.columns[name]) for name in schema.features]
    return columns + [
        InputSpec(name=name, kind=traced.kind, source="derived", traced=traced)
        for name, traced in derived.items()
    ]


def _of_column(name: str, column: Column) -> InputSpec:
    if column.is_text:
        return InputSpec(name=name, kind="category", source="category")
    source: Source = "number"
    if column.is_boolean or column.is_datetime:
        source = "boolean" if column.is_boolean else "datetime"
    return InputSpec(name=name, kind="number", source=source)


class Preprocessor(BaseModel):
    """The fitted transformation from raw columns to model inputs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["classification", "regression"]
    target: str
    classes: tuple[str, ...] | None  # labels of the classes, in the order of the probabilities
    ids: tuple[str, ...]
    time: str | None
    null_values: tuple[str, ...]  # texts that mean "missing" in CSV
    columns: dict[str, Column]  # the raw columns that the inputs need
    inputs: tuple[InputSpec, ...]  # in the order of the arrays' columns
    schema_hash: str
    lookups: dict[str, Lookup] = {}  # by second table: how rows find what they come without

    @cached_property
    def passed_through(self) -> tuple[str, ...]:
        """Columns that are no input and come back with the prediction: ids, and the row's time."""
        time = () if self.time is None or self.time in self.columns else (self.time,)
        return (*self.ids, *time)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the preprocessor's JSON."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @cached_property
    def categorical(self) -> list[int]:
        """Positions of the inputs that are categories."""
        return [i for i, item in enumerate(self.inputs) if item.kind == "category"]

    @property
    def width(self) -> int:
        """Numbers in a prediction: one for each class, or one."""
        return 1 if self.classes is None else len(self.classes)

    def expressions(self) -> "list[pl.Expr]":
        """Return one float32 expression for each input, over a typed batch."""
        return [item.encoded() for item in self.inputs]

    def transform(self, typed: "pl.DataFrame") -> Floats:
        """Transform a typed batch.

        Args:
            typed: n rows with at least the preprocessor's columns, typed by the schema.

        Returns:
            Array (n, inputs), C order; NaN is missing, a category is its position in `levels`.
        """
        # Lazily, so that what several inputs have in common is computed once.
        x = typed.lazy().select(self.expressions()).collect()
        return np.ascontiguousarray(x.to_numpy(), dtype=np.float32)

    def compile_row(self) -> Callable[[Mapping[str, Any]], list[float]]:
        """Compile the preprocessor into a function from one row's values to one number an input.

        The function takes plain values (number, text, bool, naive datetime or None) by column name
        and equals `transform` on a batch of one row.
        """
        steps = [_row_step(item) for item in self.inputs]
        return lambda row: [step(row) for step in steps]

    def design_matrix(self, x: Floats) -> Floats:
        """Impute, scale and clip numbers and one-hot categories, for models that need it.

        Args:
            x: Array (n, inputs) as `transform` returns it.

        Returns:
            Array (n, sum of the inputs' `design_width`) without NaN, C order.
        """
        parts = []
        for i, item in enumerate(self.inputs):
            column = x[:, i]
            if item.kind == "category":
                parts.append(transforms.one_hot(column, item.design_width))
            else:
                column = transforms.impute(column, item.median)
                column = transforms.scale(column, item.mean, item.std)
                parts.append(transforms.clip(column, DESIGN_CLIP)[:, None])
        return np.ascontiguousarray(np.hstack(parts), dtype=np.float32)

    def parse_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Turn a row from JSON into the values that `compile_row` takes: dates become datetimes."""
        return {
            name: datetime.fromisoformat(row[name])
            if column.is_datetime and row[name] is not None
            else row[name]
            for name, column in self.columns.items()
        }

    def save(self, path: Path) -> None:
        """Write the preprocessor as JSON."""
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path: Path) -> "Preprocessor":
        """Read a preprocessor; pydantic's ValidationError where it is broken."""
        return cls.model_validate_json(path.read_bytes())


def _row_step(item: InputSpec) -> Callable[[Mapping[str, Any]], float]:
    """Return the function of a row that gives one input, NaN where it is missing."""
    nan = float("nan")
    name = item.name
    position = {level: float(i) for i, level in enumerate(item.levels)}.get
    if item.traced is not None:
        value = row_function(item.traced)
        if item.kind == "category":
            return lambda row: position(value(row), nan)
        return lambda row: nan if (v := value(row)) is None else v
    if item.kind == "category":
        return lambda row: position(row[name], nan)
    if item.source == "datetime":
        epoch = datetime(1970, 1, 1)
        day = transforms.DAY_MICROSECONDS

        def days(row: Mapping[str, Any]) -> float:
            moment = row[name]
            if moment is None:
                return nan
            delta: timedelta = moment - epoch
            return ((delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds) / day

        return days
    return lambda row: nan if row[name] is None else float(row[name])
