"""One column's declaration; free of data frames, so that the server can use it too."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Type = Literal["integer", "float", "boolean", "category", "string", "datetime"]
Role = Literal["feature", "target", "id", "time", "leak", "ignore"]


class Column(BaseModel):
    """One column of the raw table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Type
    role: Role = "feature"
    nullable: bool = True
    min: float | datetime | None = None
    max: float | datetime | None = None
    values: tuple[str | int | float | bool, ...] | None = None
    format: str | None = Field(
        default=None, description="of a date written in another way than ISO 8601"
    )
    unit: str | None = None
    description: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> "Column":
        number = self.type in ("integer", "float")
        for bound in (self.min, self.max):
            if bound is not None and (isinstance(bound, datetime) or not number) != (
                isinstance(bound, datetime) and self.type == "datetime"
            ):
                raise ValueError(f"min and max of a {self.type} column: {bound!r} does not fit")
        if self.min is not None and self.max is not None and self.min > self.max:  # type: ignore[operator]  # both of one type, checked above
            raise ValueError(f"min {self.min} is more than max {self.max}")
        if self.values is not None and self.type in ("float", "datetime"):
            raise ValueError(f"`values` cannot be listed for type {self.type}")
        if self.format is not None and self.type != "datetime":
            raise ValueError("`format` is for type datetime")
        if self.role == "time" and (self.type != "datetime" or self.nullable):
            raise ValueError("role time needs type: datetime and nullable: false")
        if self.role == "target" and self.type == "datetime":
            raise ValueError("a datetime cannot be the target")
        return self


def class_labels(column: Column) -> tuple[str, ...] | None:
    """Return the labels of a target's listed values, as texts, in their order."""
    if column.type == "boolean":
        return ("false", "true")
    return None if column.values is None else tuple(label(value) for value in column.values)


def label(value: Any) -> str:
    """Return a class value as text: booleans as true and false, all else as written."""
    return str(value).lower() if isinstance(value, bool) else str(value)
