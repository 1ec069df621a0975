"""The form: one field for each column of a request, and what is typed into it as JSON."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import msgspec

from {{ cookiecutter.package_name }}.data.schema import Column
from {{ cookiecutter.package_name }}.preprocess.preprocessor import Preprocessor
from {{ cookiecutter.package_name }}.reports.style import number as plain_number
from {{ cookiecutter.package_name }}.reports.style import short

Kind = Literal["number", "integer", "boolean", "choice", "text", "datetime"]
Row = dict[str, Any]

MISSING = "(missing)"
MINUS = "\N{MINUS SIGN}"
BOOLEANS = {"yes": True, "no": False}
EXAMPLE_COLUMNS = 4


@dataclass(frozen=True)
class Field:
    """One field of the form.

    Attributes:
        name: The column.
        kind: What may be typed or chosen.
        help: What the column means, its unit and its range.
        choices: Texts to choose from.
        closed: Whether nothing else than the choices is valid.
        missing: The text that says that the value is not known; None where it must be.
        start: What stands in the field at first; empty for a missing value.
    """

    name: str
    kind: Kind
    help: str
    choices: tuple[str, ...]
    closed: bool
    missing: str | None
    start: str


def make_field(name: str, column: Column, preprocessor: Preprocessor, start: Any) -> Field:
    """Make the field of a column.

    Args:
        name: The column's name.
        column: What the schema says about it.
        preprocessor: The fitted preprocessor: it knows the categories of the training rows.
        start: The value to begin with.
    """
    known = choices(name, column, preprocessor)
    kinds: dict[str, Kind] = {
        "integer": "integer",
        "float": "number",
        "datetime": "datetime",
        "boolean": "boolean",
    }
    return Field(
        name,
        kind=kinds.get(column.type) or ("choice" if known else "text"),
        help=help_text(column),
        choices=known,
        closed=column.is_boolean or (column.values is not None and known != ()),
        missing=missing_text(known) if column.may_be_missing else None,
        start=shown(start),
    )


def choices(name: str, column: Column, preprocessor: Preprocessor) -> tuple[str, ...]:
    """Return what can be chosen: the schema's values, else the categories of the training rows."""
    if column.is_boolean:
        return tuple(BOOLEANS)
    if not column.is_text:
        return ()
    if column.values is not None:
        return tuple(map(str, column.values))
    return next((tuple(sorted(i.levels)) for i in preprocessor.inputs if i.name == name), ())


def missing_text(choices: Sequence[str]) -> str:
    """Return the text for a missing value: one that is no value itself."""
    text = MISSING
    while text in choices:
        text = f"({text})"
    return text


def help_text(column: Column) -> str:
    """Say in one line what a column means, its unit, its range, and whether it may be empty."""
    parts = [column.description]
    unit = f" {column.unit}" if column.unit else ""
    if column.is_number:
        low, high = column.min, column.max
        if low is not None and high is not None:
            parts.append(f"{shown(low)} to {shown(high)}{unit}")
        elif low is not None or high is not None:
            edge = f"from {shown(low)}" if low is not None else f"up to {shown(high)}"
            parts.append(edge + unit)
        elif unit:
            parts.append(f"in{unit}")
    if column.is_datetime:
        parts.append("such as 2013-07-01 08:30")
    if column.may_be_missing:
        parts.append("may be empty")
    return "; ".join(part for part in parts if part)


def json_value(column: Column, typed: Any, missing: str = MISSING) -> Any:
    """Turn what was typed into what a caller of the API would send; a mistake stays one.

    Args:
        column: The column that it is for.
        typed: A text, a number, or None for an empty field.
        missing: The text that means a missing value.
    """
    if not isinstance(typed, str):
        return typed
    text = typed.strip()
    if text in ("", missing):
        return None
    if column.is_boolean:
        return BOOLEANS.get(text, text)
    if column.is_number:
        try:
            return msgspec.json.decode(text, type=int | float)
        except msgspec.MsgspecError:
            return text
    if column.is_datetime and re.fullmatch(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d)?", text):
        return text + (":00" if ":" in text else "T00:00:00")
    return typed if column.is_text else text


def shown(value: Any, missing: str = "") -> str:
    """Write a value of a row as it is typed into the form."""
    if value is None:
        return missing
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        pattern = "%Y-%m-%d %H:%M" if value.second == value.microsecond == 0 else None
        return value.strftime(pattern) if pattern else value.isoformat(" ")
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return str(value)


def form_values(row: Row) -> dict[str, str]:
    """Write a whole row as it is typed into the form."""
    return {name: shown(value) for name, value in row.items()}


def brief(value: Any, missing: str = MISSING) -> str:
    """Write a value of a row in a few characters, to be read and not to be typed."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(value) if abs(value) >= 10_000 else f"{value:.5g}".replace("-", MINUS)
    return short(shown(value, missing))


def number(value: float, sign: bool = False) -> str:
    """Write a result with the digits that count, and a minus that is as wide as a plus."""
    return plain_number(value, sign).replace("-", MINUS)


def example_labels(rows: Sequence[Row]) -> list[str]:
    """Name each row by the first columns in which the rows differ."""
    texts = [{name: brief(value) for name, value in row.items()} for row in rows]
    differ = [name for name in rows[0] if len({row[name] for row in texts}) > 1]
    return [
        ", ".join(row[name] for name in differ[:EXAMPLE_COLUMNS]) or f"example {number}"
        for number, row in enumerate(texts, 1)
    ]
