"""What one value of a request may be: for msgspec, equally for pydantic, and as an example."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from pydantic import BeforeValidator, Field, TypeAdapter, WithJsonSchema

from ..data.schema import Column, Limit, limits
from ..data.written import NumberFormat, normalized

LONGEST_TEXT = 1000
WHOLE = {"ge": -(2**63), "le": 2**63 - 1}  # what a column of whole numbers can hold
SHORT_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(Z|[+-]\d\d:\d\d)?)?")
ID: TypeAlias = (
    Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]
    | Annotated[int, msgspec.Meta(**WHOLE)]
    | Annotated[float, msgspec.Meta(ge=-(2.0**63), le=2.0**63)]
    | None
)
"""A value of an id column, whatever its type: it only comes back."""


def msgspec_type(column: Column) -> Any:
    """Return the type that msgspec checks a column's values with."""
    if column.is_boolean:
        return bool
    if column.is_datetime:
        return datetime
    if column.is_number:
        kind: Any = int if column.is_integer else float
        bounds = _limits(column)
        return Annotated[kind, msgspec.Meta(**bounds)] if bounds else kind
    if column.values is not None and column.on_unseen != "answer":
        return Literal[tuple(str(value) for value in column.values)]
    return Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]


def pydantic_type(column: Column) -> Any:
    """Return the type that pydantic checks a column's values with; equal to msgspec's."""
    if column.is_boolean:
        strict = Annotated[bool, Field(strict=True)]
        if column.values is None:
            return strict
        spellings = {"type": "string", "enum": list(column.spellings)}
        schema = WithJsonSchema({"anyOf": [{"type": "boolean"}, spellings]})
        return Annotated[bool, BeforeValidator(_boolean(column)), schema]
    if column.is_datetime:
        check = in_range(column)
        return Annotated[datetime, BeforeValidator(lambda value: check(_moment(value)))]
    if column.is_number:
        kind: Any = float if column.is_float else int
        number: Any = Annotated[kind, Field(strict=True, **_limits(column))]
        if column.number_format is not None:
            shape = TypeAdapter(number).json_schema()
            how = f"written as {column.number_format.example}"
            either = [shape, {"type": "string", "description": how}]
            number = Annotated[number, WithJsonSchema({"anyOf": either})]
        read = lenient(column)
        return number if read is None else Annotated[number, BeforeValidator(read)]
    text: Any = Annotated[str, Field(strict=True, max_length=LONGEST_TEXT)]
    if column.values is not None and column.on_unseen != "answer":
        text = Literal[tuple(str(value) for value in column.values)]
    read = lenient(column)
    return text if read is None else Annotated[text, BeforeValidator(read)]


def lenient(column: Column) -> Callable[[Any], Any] | None:
    """Return what turns other ways to write a value into the one that msgspec takes.

    Returns:
        A function that leaves all else as it is; None where there is one way only.
    """
    if column.number_format is not None:
        return _number(column.number_format, column.is_integer)
    if column.normalize:
        return lambda value: normalized(value) if isinstance(value, str) else value
    if column.is_integer:
        return whole
    if column.is_datetime:
        return moment
    return _spelled(column) if column.is_boolean and column.values is not None else None


def _number(written: NumberFormat, is_whole: bool) -> Callable[[Any], Any]:
    """Return what reads a number that is written as its table writes it."""

    def read(value: Any) -> Any:
        if isinstance(value, str) and (number := written.read(value)) is not None:
            value = number
        return whole(value) if is_whole else value

    return read


def _spelled(column: Column) -> Callable[[Any], Any]:
    """Return what reads a boolean that is written as its table writes it."""
    meaning = dict(zip(column.spellings, (False, True), strict=True))
    return lambda value: meaning.get(value, value) if isinstance(value, str) else value


def _boolean(column: Column) -> Callable[[Any], bool]:
    """Return the same for pydantic: anything else is refused, and what is taken is named."""
    spelled = _spelled(column)

    def read(value: Any) -> bool:
        found = spelled(value)
        if not isinstance(found, bool):
            raise ValueError(f"must be true, false or as the table has it: {spellings}")
        return found

    spellings = " or ".join(repr(text) for text in column.spellings)
    return read


def example(column: Column) -> Any:
    """Return a valid value of a column."""
    if column.is_boolean:
        return True
    if column.is_datetime:
        bound = column.min if column.min is not None else column.max
        return bound.isoformat() if isinstance(bound, datetime) else "2013-07-01T08:30:00"
    if column.is_number:
        bounds = _bounds(column)
        low, high = bounds.get("ge"), bounds.get("le")
        if low is None and high is None:
            middle: float = 1
        elif low is None or high is None:
            middle = low if low is not None else high  # type: ignore[assignment]  # one is a number
        else:
            middle = low + (high - low) / 4
        if column.is_integer:
            return round(middle)
        short = round(float(middle), 2)
        return short if bounds.get("ge", short) <= short <= bounds.get("le", short) else middle
    return str(column.values[0]) if column.values else "text"


def unseen_warnings(column: Column) -> Callable[[Any], list[str]] | None:
    """Return what names the rules that a value of a request breaks, as files have them.

    None where there is no rule, or values that break one are refused.
    """
    if column.on_unseen != "answer" or not (rules := limits(column)):
        return None

    def broken(rule: Limit, value: Any) -> bool:
        if value is None or rule.kind == "missing":
            return value is None and rule.kind == "missing"
        if rule.kind == "values":
            return value not in rule.bound
        bound = rule.bound.replace(tzinfo=None) if isinstance(rule.bound, datetime) else rule.bound
        return bool(value < bound if rule.kind == "min" else value > bound)

    return lambda value: [rule.text for rule in rules if broken(rule, value)]


def _bounds(column: Column) -> dict[str, Any]:
    bounds: dict[str, Any] = {}
    for key, value in (("ge", column.min), ("le", column.max)):
        if isinstance(value, int | float):
            whole = min(max(value, WHOLE["ge"]), WHOLE["le"])
            bounds[key] = int(whole) if column.is_integer else float(value)
    return bounds


def _limits(column: Column) -> dict[str, Any]:
    bounds = {} if column.on_unseen == "answer" else _bounds(column)
    return (WHOLE if column.is_integer else {}) | bounds


def whole(value: Any) -> Any:
    """Return 3.0 as 3, and anything else as it is."""
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if is_whole else value


def _id(value: object) -> Any:
    """Read a value of an id column as msgspec does."""
    try:
        return msgspec.convert(value, ID)
    except msgspec.ValidationError:
        raise ValueError("must be a text or a number") from None


def _moment(value: object) -> datetime:
    """Read a date as msgspec does: RFC 3339, with or without an offset, and the short forms."""
    try:
        return msgspec.convert(moment(value), datetime)
    except msgspec.ValidationError:
        raise ValueError("must be a date and time such as 2013-07-01T08:30:00") from None


def in_range(column: Column) -> Callable[[datetime], datetime]:
    """Return what gives a date of UTC without its offset; ValueError outside of min and max."""
    low, high = (None, None) if column.on_unseen == "answer" else (column.min, column.max)

    def check(moment: datetime) -> datetime:
        if moment.tzinfo is not None:
            try:
                moment = moment.astimezone(UTC).replace(tzinfo=None)
            except OverflowError:
                raise ValueError("must lie in the years 1 to 9999 of UTC") from None
        if isinstance(low, datetime) and moment < low:
            raise ValueError(f"must not be before {low}")
        if isinstance(high, datetime) and moment > high:
            raise ValueError(f"must not be after {high}")
        return moment

    return check


def moment(value: Any) -> Any:
    """Return a date without seconds, or without a time, as RFC 3339 has it; else what it is."""
    parts = isinstance(value, str) and SHORT_MOMENT.fullmatch(value)
    return f"{parts[1]}T{parts[2] or '00:00'}:00{parts[3] or ''}" if parts else value


ID_SCHEMA: list[Mapping[str, Any]] = [
    {"type": "string", "maxLength": LONGEST_TEXT},
    {"type": "number", "minimum": WHOLE["ge"], "maximum": WHOLE["le"]},
    {"type": "null"},
]
PYDANTIC_ID: TypeAlias = Annotated[Any, BeforeValidator(_id), WithJsonSchema({"anyOf": ID_SCHEMA})]
"""The same for pydantic."""
