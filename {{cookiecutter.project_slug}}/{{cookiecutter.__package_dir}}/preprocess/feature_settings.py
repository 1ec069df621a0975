"""configs/features.yml: which second tables there are, and how rows are found in them."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema

from ..data.schema import Column, Schema
from ..errors import UserError
from ..utils.yaml import explain, read_yaml

PATH = Path("configs/features.yml")
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
KEY_ROLES = ("feature", "id", "ignore")


def _span(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    number, unit = (value[:-1], value[-1:]) if isinstance(value, str) else ("", "")
    if unit not in UNITS or not number.isdecimal():
        raise ValueError("a span such as 90s, 30m, 2h or 7d")
    return timedelta(**{UNITS[unit]: int(number)})


Span = Annotated[
    timedelta,
    BeforeValidator(_span),
    WithJsonSchema({"type": "string", "pattern": f"^[0-9]+[{''.join(UNITS)}]$"}),
]


class Table(BaseModel):
    """A second table: what happened to an entity, and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str = Field(description="path, URL, s3://, gs:// or az://; CSV or parquet")
    sha256: str | None = Field(
        default=None, pattern="^[0-9a-f]{64}$", description="expected checksum"
    )
    keys: tuple[str, ...] = Field(min_length=1, description="columns of both tables")
    time: str = Field(description="its column that says from when on a row holds")
    delay: Span = Field(default=timedelta(0), description="how much later the row is known")
    max_age: Span | None = Field(default=None, description="older rows count as missing")


class Settings(BaseModel):
    """configs/features.yml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path = Path("data/features")
    tables: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], Table]


def load_settings(path: Path = PATH) -> Settings:
    """Read configs/features.yml.

    Raises:
        UserError: The file is missing or wrong; each problem is named; exit code 2.
    """
    values = read_yaml(path)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        lines = [f"{path}: {line}" for line in explain(error, model=Settings)]
        raise UserError("\n".join(lines), 2) from None


def looked_up(schema: Schema) -> dict[str, tuple[str, ...]]:
    """Return the columns of each second table that the schema names, in its order."""
    found: dict[str, tuple[str, ...]] = {}
    for name, column in schema.columns.items():
        if column.lookup is not None:
            found[column.lookup] = (*found.get(column.lookup, ()), name)
    return found


def key_columns(table: Table, schema: Schema) -> Mapping[str, Column]:
    """Return what the keys look like in the second table, where none may be missing."""
    return {
        name: Column(type=schema.columns[name].type, nullable=False, role="ignore")
        for name in table.keys
    }


def check_table(name: str, table: Table, schema: Schema) -> None:
    """Refuse what no row of the raw table can be found by.

    Raises:
        UserError: It does not fit the schema; exit code 2.
    """
    where = f"{PATH}: tables.{name}"
    if schema.time is None:
        raise UserError(f"{where} needs a column with role: time in the schema", 2)
    for key in table.keys:
        column = schema.columns.get(key)
        if column is None:
            raise UserError(f"{where}.keys: the schema has no column {key!r}", 2)
        if column.role not in KEY_ROLES:
            raise UserError(
                f"{where}.keys: {key!r} has role: {column.role}, and is not known "
                "when a row is to be predicted",
                2,
            )
        if column.lookup is not None or not (column.is_text or column.is_integer):
            raise UserError(
                f"{where}.keys: {key!r} must be a text or a whole number of the raw table",
                2,
            )
    names = [*table.keys, table.time, *looked_up(schema)[name]]
    if twice := sorted({one for one in names if [n.lower() for n in names].count(one.lower()) > 1}):
        raise UserError(f"{where}: names that differ in nothing but case: {', '.join(twice)}", 2)
