"""What the raw table must look like: configs/schema.yml, column by column.

Free of data frames, so that the server can use it too; `checks` holds tables against it.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import UserError
from ..features.operations import ValueKind
from ..utils.yaml import explain, read_yaml
from .written import NumberFormat, check_spellings, label

Type = Literal["integer", "float", "boolean", "category", "string", "datetime"]
Unseen = Literal["answer", "refuse"]
Direction = Literal["up", "down"]
Role = Literal["feature", "target", "id", "time", "leak", "ignore"]


class Column(BaseModel):
    """One column of the raw table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Type
    role: Role = "feature"
    nullable: bool = True
    min: float | datetime | None = None
    max: float | datetime | None = None
    values: tuple[str | int | float | bool, ...] | None = Field(
        default=None, description="all that occur; of a boolean how the table writes false and true"
    )
    format: str | None = Field(
        default=None, description="of a date written in another way than ISO 8601"
    )
    number_format: NumberFormat | None = Field(
        default=None, description="of a number written with marks, a currency or a unit"
    )
    null_values: tuple[str, ...] = Field(
        default=(), description='texts that mean "missing" here, besides those of the table'
    )
    normalize: bool = Field(
        default=False, description="texts that differ by case or blanks only are one"
    )
    on_unseen: Unseen | None = Field(
        default=None, description="of this column; as for the table if left out"
    )
    lookup: str | None = Field(
        default=None, description="second table that has it for rows which come without it"
    )
    monotone: Direction | None = Field(
        default=None, description="where the prediction goes as the value grows: the fit obeys"
    )
    expect: Direction | None = Field(
        default=None, description="where it is expected to go in the mean: `evaluate` looks"
    )
    invariant: bool = Field(default=False, description="the prediction must not change with it")
    unit: str | None = None
    description: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "Column":
        for bound in (self.min, self.max):
            if bound is not None and (isinstance(bound, datetime) or not self.is_number) != (
                isinstance(bound, datetime) and self.is_datetime
            ):
                raise ValueError(f"min and max of a {self.type} column: {bound!r} does not fit")
        if self.min is not None and self.max is not None and self.min > self.max:  # type: ignore[operator]  # both of one type, checked above
            raise ValueError(f"min {self.min} is more than max {self.max}")
        if self.values is not None and (self.is_float or self.is_datetime):
            raise ValueError(f"`values` cannot be listed for type {self.type}")
        if self.values is not None and self.is_boolean:
            check_spellings(self.values)
        numbers = "integer, float or boolean"
        for name, fits, types in (
            ("format", self.is_datetime, "datetime"),
            ("number_format", self.is_number, "integer or float"),
            ("normalize", self.is_text, "category or string"),
            ("monotone", self.is_number or self.is_boolean, numbers),
            ("expect", self.is_number or self.is_boolean, numbers),
        ):
            if getattr(self, name) and not fits:
                raise ValueError(f"`{name}` is for type {types}")
        if (self.monotone or self.expect) and self.role != "feature":
            raise ValueError("`monotone` and `expect` are for role: feature")
        if self.role == "time" and (not self.is_datetime or self.nullable):
            raise ValueError("role time needs type: datetime and nullable: false")
        if self.role == "target" and self.is_datetime:
            raise ValueError("a datetime cannot be the target")
        if self.lookup is not None and (self.role != "feature" or not self.nullable):
            raise ValueError(
                "`lookup` is for role: feature and nullable: true; it may find nothing"
            )
        return self

    # The only place that knows which types there are and how they belong together.

    @property
    def is_number(self) -> bool:
        """Whether its values are numbers: integer or float."""
        return self.is_integer or self.is_float

    @property
    def is_integer(self) -> bool:
        """Whether its values are whole numbers."""
        return self.type == "integer"

    @property
    def is_float(self) -> bool:
        """Whether its values are numbers with a fraction."""
        return self.type == "float"

    @property
    def is_boolean(self) -> bool:
        """Whether its values are true and false."""
        return self.type == "boolean"

    @property
    def is_text(self) -> bool:
        """Whether its values are texts: category or string."""
        return self.type in ("category", "string")

    @property
    def is_category(self) -> bool:
        """Whether its values are texts from a limited set."""
        return self.type == "category"

    @property
    def is_datetime(self) -> bool:
        """Whether its values are dates, with or without a time."""
        return self.type == "datetime"

    @property
    def may_be_missing(self) -> bool:
        """Whether a row without a value gets a prediction."""
        return self.nullable or self.on_unseen == "answer"

    @property
    def spellings(self) -> tuple[str, str]:
        """How a boolean column's table writes false and true."""
        if self.values is None:
            return "false", "true"
        return label(self.values[0]), label(self.values[1])

    @property
    def value_kind(self) -> ValueKind:
        """What a derived feature gets of it; a boolean is the number 0 or 1."""
        if self.is_text:
            return "text"
        return "datetime" if self.is_datetime else "number"


class Limit(NamedTuple):
    """A rule for a column's values besides their type.

    Attributes:
        text: What a value that breaks it is.
        kind: How `bound` is meant; "missing" needs none.
        bound: A number or a date, or all values there are.
    """

    text: str
    kind: Literal["missing", "min", "max", "values"]
    bound: Any = None


def limits(column: Column) -> list[Limit]:
    """Return the rules for a column's values; numbers are finite besides."""
    found = []
    if not column.nullable:
        found.append(Limit("missing, and must not be", "missing"))
    if column.min is not None:
        found.append(Limit(f"below the minimum {column.min}", "min", column.min))
    if column.max is not None:
        found.append(Limit(f"above the maximum {column.max}", "max", column.max))
    if column.values is not None and not column.is_boolean:
        shown = ", ".join(map(str, column.values[:12])) + ", ..." * (len(column.values) > 12)
        values = tuple(map(str, column.values)) if column.is_text else column.values
        found.append(Limit(f"not one of: {shown}", "values", values))
    return found


def value_kinds(columns: Mapping[str, Column]) -> dict[str, ValueKind]:
    """Return what derived features get of each column."""
    return {name: column.value_kind for name, column in columns.items()}


def class_labels(column: Column) -> tuple[str, ...] | None:
    """Return the labels of a target's listed values, as texts, in their order."""
    if column.is_boolean:
        return column.spellings
    return None if column.values is None else tuple(label(value) for value in column.values)


class Schema(BaseModel):
    """All columns of the raw table, in its order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    null_values: tuple[str, ...] = ("",)
    on_unseen: Unseen = Field(
        default="refuse",
        description="of a row whose values break `min`, `max`, `values` or `nullable`: refuse it, "
        "or answer with a warning; ingest always refuses",
    )
    columns: dict[str, Column]

    @model_validator(mode="after")
    def _consistent(self) -> "Schema":
        if len(self._with("target")) != 1:
            raise ValueError(
                f"exactly one column must have role: target (now: {self._with('target')})"
            )
        if len(self._with("time")) > 1:
            raise ValueError(f"at most one column can have role: time (now: {self._with('time')})")
        if not self._with("feature"):
            raise ValueError("at least one column must have role: feature")
        reserved = [name for name in self.columns if name.startswith("__")]
        if reserved:
            raise ValueError(f"column names that start with __ are taken: {reserved}")
        return self

    def _with(self, role: Role) -> list[str]:
        return [name for name, column in self.columns.items() if column.role == role]

    @cached_property
    def target(self) -> str:
        """The column to predict."""
        return self._with("target")[0]

    @cached_property
    def features(self) -> list[str]:
        """Columns the model may see."""
        return self._with("feature")

    @cached_property
    def ids(self) -> list[str]:
        """Columns that name a row; passed through, never seen by the model."""
        return self._with("id")

    @cached_property
    def time(self) -> str | None:
        """The column that says when a row was known."""
        return next(iter(self._with("time")), None)

    @cached_property
    def leaks(self) -> list[str]:
        """Columns known only after the fact: never features."""
        return self._with("leak")

    @cached_property
    def hash(self) -> str:
        """SHA-256 of what matters to data and model; a new description leaves it as it is."""
        text = json.dumps(
            self.model_dump(
                mode="json",
                exclude_defaults=True,  # so that a new setting leaves the hash as it is
                exclude={"columns": {"__all__": {"description", "unit"}}},
            ),
            sort_keys=True,
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def subset(self, names: Collection[str]) -> dict[str, Column]:
        """Return the named columns in the schema's order, each with its own `on_unseen`."""
        wanted = set(names)
        return {
            name: column.model_copy(update={"on_unseen": column.on_unseen or self.on_unseen})
            for name, column in self.columns.items()
            if name in wanted
        }


def load_schema(path: Path) -> Schema:
    """Read a schema file.

    Raises:
        UserError: The file is missing or wrong; each problem is named; exit code 2.
    """
    values = read_yaml(path)
    try:
        return Schema.model_validate(values)
    except ValidationError as error:
        lines = [f"{path}: {line}" for line in explain(error, model=Schema)]
        raise UserError("\n".join(lines), 2) from None
