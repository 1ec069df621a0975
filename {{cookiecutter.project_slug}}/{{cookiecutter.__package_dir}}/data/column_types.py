"""The values of one column as the schema types them, whatever a table has in their place."""

from collections.abc import Mapping

import polars as pl

from .schema import Column
from .written import BLANKS, BOOLEANS, PLAIN, NumberFormat

DTYPES: Mapping[str, pl.DataType] = {
    "integer": pl.Int64(),
    "float": pl.Float64(),
    "boolean": pl.Boolean(),
    "category": pl.String(),
    "string": pl.String(),
    "datetime": pl.Datetime("us"),
}
DATETIME_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
)


def cast_column(raw: pl.Series, column: Column) -> pl.Series:
    """Give values the type that the schema says, each by itself; unreadable ones are missing.

    Those of the column's own `null_values` are missing already: see `without_missing`.
    """
    dtype = DTYPES[column.type]
    if raw.dtype == pl.Binary:
        raw = decoded(raw)
    if is_opaque(raw):
        return pl.Series(raw.name, [None] * raw.len(), dtype=dtype)
    if raw.dtype == dtype and not column.normalize:
        # NaN is how other tools write a missing number.
        return raw.fill_nan(None) if column.is_float else raw
    if isinstance(raw.dtype, pl.Categorical | pl.Enum):
        raw = raw.cast(pl.String)
    text = isinstance(raw.dtype, pl.String)
    if column.is_text:
        return _normalized(_to_text(raw)) if column.normalize else _to_text(raw)
    if text and column.number_format is not None:
        raw, text = _numbers(raw, column.number_format), False
    if text:
        raw = raw.str.strip_chars()
    if column.is_boolean:
        return _to_boolean(raw, text, column)
    if column.is_datetime:
        return _to_datetime(raw, text, column.format)
    if column.is_float:
        return raw.cast(dtype, strict=False).fill_nan(None)
    if raw.dtype == pl.Boolean:
        return raw.cast(dtype)
    return _to_integer(raw)


def without_missing(raw: pl.Series, column: Column) -> pl.Series:
    """Take out the texts that mean "missing" in this column."""
    if not column.null_values or raw.dtype != pl.String:
        return raw
    is_missing = raw.str.strip_chars().is_in(list(column.null_values))
    return pl.select(pl.when(~is_missing).then(raw).alias(raw.name)).to_series()


def is_opaque(raw: pl.Series) -> bool:
    """Tell values that no type of a schema fits: lists, structures, durations, bytes."""
    return raw.dtype.is_nested() or raw.dtype in (pl.Binary, pl.Duration, pl.Object)


def decoded(raw: pl.Series) -> pl.Series:
    """Return bytes as text; missing where they are no UTF-8."""
    try:
        return raw.cast(pl.String)
    except pl.exceptions.ComputeError:
        return pl.Series(raw.name, [_decoded(value) for value in raw], dtype=pl.String)


def _decoded(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _to_text(raw: pl.Series) -> pl.Series:
    if raw.dtype == pl.Boolean:
        return raw.replace_strict({True: "true", False: "false"}, return_dtype=pl.String)
    return _number_as_text(raw) if raw.dtype.is_float() else raw.cast(pl.String, strict=False)


def _number_as_text(raw: pl.Series) -> pl.Series:
    """Write each number by itself, whatever else is in the batch: 3.0 as 3, 3.5 as 3.5."""
    raw = raw.fill_nan(None)
    whole = raw.cast(pl.Int64, strict=False)
    is_whole = (whole.cast(raw.dtype) == raw).fill_null(False)
    texts = pl.when(is_whole).then(whole.cast(pl.String)).otherwise(raw.cast(pl.String))
    return pl.select(texts.alias(raw.name)).to_series()


def spaced_texts(raw: pl.Series) -> pl.Series:
    """The same as `written.spaced`, for many texts."""
    for odd, plain in PLAIN.items():
        raw = raw.str.replace_all(odd, plain, literal=True)
    return raw.str.replace_all(BLANKS, " ")


def _normalized(raw: pl.Series) -> pl.Series:
    """The same as `written.normalized`, for many texts."""
    return raw.str.replace_all(BLANKS, " ").str.strip_chars(" ").str.to_lowercase()


def _numbers(raw: pl.Series, written: NumberFormat) -> pl.Series:
    """The same as `NumberFormat.read`, for many texts."""
    text = spaced_texts(raw)
    for mark in written.marks:
        text = text.str.replace_all(mark, "", literal=True)
    text = text.str.strip_chars(" ")
    is_number = text.str.contains(written.pattern)
    text = text.str.replace_all(" ", "", literal=True)
    if written.thousands:
        text = text.str.replace_all(written.thousands, "", literal=True)
    number = text.str.replace_all(written.decimal, ".", literal=True).cast(pl.Float64, strict=False)
    return pl.select(pl.when(is_number).then(number).alias(raw.name)).to_series()


def _to_integer(raw: pl.Series) -> pl.Series:
    value = raw.cast(pl.Int64, strict=False)
    if raw.dtype.is_float() or value.null_count() > raw.null_count():
        # 3.0 is how tables with missing values write 3; 3.5 is not a whole number.
        number = raw.cast(pl.Float64, strict=False)
        whole = number.cast(pl.Int64, strict=False)
        exact = pl.select(pl.when(whole.cast(pl.Float64) == number).then(whole).alias("v"))["v"]
        return exact if raw.dtype.is_float() else value.fill_null(exact)
    return value


def _to_boolean(raw: pl.Series, text: bool, column: Column) -> pl.Series:
    if not text:
        raw = raw.cast(pl.String, strict=False)
    known = BOOLEANS | {word.lower(): i == 1 for i, word in enumerate(column.spellings)}
    return raw.str.to_lowercase().replace_strict(known, default=None, return_dtype=pl.Boolean)


def _to_datetime(raw: pl.Series, text: bool, given: str | None) -> pl.Series:
    if isinstance(raw.dtype, pl.Datetime):
        if raw.dtype.time_zone is not None:
            raw = raw.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return raw.cast(pl.Datetime("us"))
    if not text:
        if raw.dtype == pl.Date:
            return raw.cast(pl.Datetime("us"))
        return pl.Series(raw.name, [None] * raw.len(), dtype=pl.Datetime("us"))
    value: pl.Series | None = None
    for form in (given,) if given else DATETIME_FORMATS:
        parsed = _parse_datetime(raw, form)
        value = parsed if value is None else value.fill_null(parsed)
        if value.null_count() == raw.null_count():
            break
    assert value is not None
    if value.null_count() > raw.null_count() and not given:
        zoned = raw.str.to_datetime("%+", time_unit="us", strict=False)
        value = value.fill_null(zoned.dt.replace_time_zone(None))
    return value


def _parse_datetime(raw: pl.Series, form: str) -> pl.Series:
    if any(mark in form for mark in ("%H", "%I", "%T", "%R", "%s", "%+")):
        return raw.str.to_datetime(form, time_unit="us", strict=False).dt.replace_time_zone(None)
    return raw.str.to_date(form, strict=False).cast(pl.Datetime("us"))
