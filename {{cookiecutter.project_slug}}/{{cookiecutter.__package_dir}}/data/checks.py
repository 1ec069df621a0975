"""Tables against the schema: types, and every violation with its rows."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from ..errors import UserError
from ..utils.progress import progress
from . import tables
from .schema import BOOLEANS, Column, Schema
from .utils import ahead
from .violations import EXAMPLES, Violations

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


def check_names(
    names: Sequence[str], columns: Mapping[str, Column], violations: Violations, exact: bool = True
) -> None:
    """Report columns that are missing and, where `exact`, ones the schema does not know."""
    for name in columns:
        if name not in names:
            violations.add(name, "column is missing", 0)
    for name in names:
        if exact and name not in columns:
            violations.add(
                name, "column is not in the schema (add it there, with role: ignore if unused)", 0
            )


def cast(
    frame: pl.DataFrame, columns: Mapping[str, Column]
) -> tuple[pl.DataFrame, dict[str, pl.Series]]:
    """Give each column the type that the schema says.

    Args:
        frame: A batch as read; columns that `columns` does not name are dropped.
        columns: The columns to type; those that `frame` lacks are passed over.

    Returns:
        The typed batch, and for each column with unreadable values a mask of their rows (the
        values themselves are missing in the batch).
    """
    typed: list[pl.Series] = []
    failed: dict[str, pl.Series] = {}
    for name, column in columns.items():
        if name in frame.columns:
            raw = frame[name]
            value = _cast_column(raw, column)
            typed.append(value.alias(name))
            if value.null_count() > raw.null_count():
                mask = value.is_null() & raw.is_not_null()
                if raw.dtype.is_float():
                    mask &= ~raw.is_nan().fill_null(False)  # NaN means missing
                if mask.any():
                    failed[name] = mask
    return pl.DataFrame(typed), failed


def labels_of(name: str, columns: Mapping[str, Column]) -> pl.Expr:
    """Return a typed column as texts: of a boolean the words that its table writes for it."""
    value = pl.col(name)
    if not columns[name].is_boolean:
        return value.cast(pl.String)
    false, true = map(pl.lit, columns[name].spellings)
    return pl.when(value).then(true).when(~value).then(false).alias(name)


def check(
    frame: pl.DataFrame,
    typed: pl.DataFrame,
    failed: Mapping[str, pl.Series],
    columns: Mapping[str, Column],
    violations: Violations,
) -> None:
    """Add what is wrong with one batch to `violations`.

    Args:
        frame: The batch as read, for the examples.
        typed: The batch as `cast` returned it.
        failed: The masks that `cast` returned.
        columns: The columns to check.
        violations: Collects over batches; its row counter moves on by the batch.
    """
    for name, mask in failed.items():
        _add(violations, name, f"not of type {columns[name].type}", mask, frame[name])
    rules = [(name, rule, expr) for name, rule, expr in _rules(typed.columns, columns)]
    if rules:
        counts = typed.select(expr.sum().alias(str(i)) for i, (_, _, expr) in enumerate(rules))
        for i, (name, rule, expr) in enumerate(rules):
            if counts[0, i]:
                mask = typed.select(expr.fill_null(False).alias("m"))["m"]
                if name in failed:
                    mask &= ~failed[name]
                _add(violations, name, rule, mask, frame[name])
    violations.rows += frame.height


def validate(path: Path, schema: Schema, batch_rows: int, shown: str | None = None) -> int:
    """Check a whole table against the schema and return its number of rows.

    Args:
        path: The table.
        schema: What it must look like.
        batch_rows: Rows in memory at a time.
        shown: What to call the table in messages, if not by its path.

    Raises:
        UserError: All violations together, each with column, rule, count and example rows.
    """
    shown = shown or str(path)
    violations = Violations()
    check_names(tables.column_names(path), schema.columns, violations)
    batches = tables.iter_batches(path, batch_rows, schema.null_values)
    with progress("validate", tables.count_rows(path), "rows") as bar:
        for batch in ahead(batches):
            typed, failed = cast(batch, schema.columns)
            check(batch, typed, failed, schema.columns, violations)
            bar.update(batch.height)
    if violations:
        raise UserError(violations.message(shown))
    if violations.rows == 0:
        raise UserError(f"{shown} has no rows")
    return violations.rows


def row_problems(
    typed: pl.DataFrame, failed: Mapping[str, pl.Series], columns: Mapping[str, Column]
) -> pl.Series:
    """Return for each row what is wrong with it, as text, or null where nothing is.

    Returns:
        Series of n texts; several problems of a row are joined by "; ".
    """
    parts: list[pl.Series] = []
    for name, mask in failed.items():
        text = f"{name}: not of type {columns[name].type}"
        parts.append(_text_where(mask, text))
    for name, rule, expr in _rules(typed.columns, columns):
        mask = typed.select(expr.fill_null(False).alias("m"))["m"]
        if name in failed:
            mask &= ~failed[name]
        if mask.any():
            parts.append(_text_where(mask, f"{name}: {rule}"))
    if not parts:
        return pl.Series("reason", [None] * typed.height, dtype=pl.String)
    frame = pl.DataFrame([part.alias(str(i)) for i, part in enumerate(parts)])
    joined = frame.select(
        pl.concat_str(pl.all(), separator="; ", ignore_nulls=True).alias("reason")
    )["reason"]
    return joined.replace("", None)


def _rules(
    names: Sequence[str], columns: Mapping[str, Column]
) -> Iterator[tuple[str, str, pl.Expr]]:
    """Give each rule as (column, what it asks, expression that is true where it is broken)."""
    for name in names:
        column, value = columns[name], pl.col(name)
        if not column.nullable:
            yield name, "missing, and must not be", value.is_null()
        if column.is_float:
            yield name, "not a finite number", value.is_infinite()
        if column.min is not None:
            yield name, f"below the minimum {column.min}", value < column.min
        if column.max is not None:
            yield name, f"above the maximum {column.max}", value > column.max
        if column.values is not None and not column.is_boolean:
            allowed = pl.Series(list(column.values), dtype=DTYPES[column.type], strict=False)
            shown = ", ".join(map(str, column.values[:12])) + ", ..." * (len(column.values) > 12)
            yield name, f"not one of: {shown}", ~value.is_in(allowed.implode())


def _add(violations: Violations, name: str, rule: str, mask: pl.Series, values: pl.Series) -> None:
    where = mask.arg_true()
    first = where.head(EXAMPLES).to_list()
    examples = [(violations.rows + i + 1, values[i]) for i in first]
    violations.add(name, rule, len(where), examples)


def _text_where(mask: pl.Series, text: str) -> pl.Series:
    return pl.select(pl.when(mask).then(pl.lit(text)).alias("t"))["t"]


def _cast_column(raw: pl.Series, column: Column) -> pl.Series:
    dtype = DTYPES[column.type]
    if raw.dtype == dtype:
        # NaN is how other tools write a missing number.
        return raw.fill_nan(None) if column.is_float else raw
    if isinstance(raw.dtype, pl.Categorical | pl.Enum):
        raw = raw.cast(pl.String)
    text = isinstance(raw.dtype, pl.String)
    if column.is_text:
        if raw.dtype == pl.Boolean:
            return raw.replace_strict({True: "true", False: "false"}, return_dtype=pl.String)
        return _number_as_text(raw) if raw.dtype.is_float() else raw.cast(pl.String, strict=False)
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


def _number_as_text(raw: pl.Series) -> pl.Series:
    """Write each number by itself, whatever else is in the batch: 3.0 as 3, 3.5 as 3.5."""
    raw = raw.fill_nan(None)
    whole = raw.cast(pl.Int64, strict=False)
    is_whole = (whole.cast(raw.dtype) == raw).fill_null(False)
    texts = pl.when(is_whole).then(whole.cast(pl.String)).otherwise(raw.cast(pl.String))
    return pl.select(texts.alias(raw.name)).to_series()


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
