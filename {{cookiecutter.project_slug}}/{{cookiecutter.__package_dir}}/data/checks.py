"""Tables against the schema: types, and every violation with its rows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from ..errors import UserError
from ..utils.progress import progress
from . import tables
from .column_types import DTYPES, cast_column, is_opaque, without_missing
from .schema import Column, Schema, limits
from .utils import ahead
from .violations import EXAMPLES, Violations

NOT_FINITE = "not a finite number"


def check_names(
    names: Sequence[str],
    columns: Mapping[str, Column],
    violations: Violations,
    exact: bool = True,
    looked_up: Collection[str] = (),
) -> None:
    """Report columns that are missing and, where `exact`, ones the schema does not know.

    Args:
        names: Those of the table.
        columns: Those of the schema.
        violations: Collects them.
        exact: Whether the table may have no others.
        looked_up: Columns that it may lack.
    """
    for name in columns:
        if name not in names and name not in looked_up:
            violations.add(name, "column is missing", 0)
    for name in names:
        if exact and name not in columns:
            violations.add(
                name, "column is not in the schema (add it there, with role: ignore if unused)", 0
            )


def require_columns(
    path: Path, columns: Mapping[str, Column], looked_up: Collection[str] = ()
) -> list[str]:
    """Return the column names of a table that may have more columns than these.

    Args:
        path: The table.
        columns: What it must have.
        looked_up: What of these it may lack.

    Raises:
        UserError: It lacks some, or cannot be read.
    """
    names, violations = tables.column_names(path), Violations()
    check_names(names, columns, violations, exact=False, looked_up=looked_up)
    if violations:
        raise UserError(violations.message(path))
    return names


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
            raw = without_missing(frame[name], column)
            value = cast_column(raw, column)
            typed.append(value.alias(name))
            if value.null_count() > raw.null_count():
                mask = value.is_null() & raw.is_not_null()
                if raw.dtype.is_float():
                    mask &= ~raw.is_nan().fill_null(False)  # NaN means missing
                if mask.any() and not (column.role == "ignore" and is_opaque(raw)):
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
        _add(violations, name, _not_of(columns[name]), mask, frame[name])
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


def validate(
    path: Path,
    schema: Schema,
    batch_rows: int,
    looked_up: Collection[str] = (),
    file: str = "",
) -> Violations:
    """Check a whole file against the schema.

    Args:
        path: CSV or parquet.
        schema: What it must look like.
        batch_rows: Rows in memory at a time.
        looked_up: Columns that it may lack.
        file: What to call it beside others of its table.

    Returns:
        What is wrong, by column and rule, with example rows; and the number of rows.
    """
    violations = Violations(file=file)
    check_names(tables.column_names(path), schema.columns, violations, looked_up=looked_up)
    batches = tables.iter_batches(path, batch_rows, schema.null_values)
    with progress(f"validate {file}".rstrip(), tables.count_rows(path), "rows") as bar:
        for batch in ahead(batches):
            typed, failed = cast(batch, schema.columns)
            check(batch, typed, failed, schema.columns, violations)
            bar.update(batch.height)
    return violations


def row_problems(
    typed: pl.DataFrame, failed: Mapping[str, pl.Series], columns: Mapping[str, Column]
) -> tuple[pl.Series, pl.Series]:
    """Return for each row why it is refused, and what it is warned of, as texts.

    Values of another type, and infinite ones, are refused always; those that break another rule
    where the column's `on_unseen` says so.

    Returns:
        Two series of n texts, null where there is nothing; several of a row are joined by "; ".
    """
    refused: list[pl.Series] = []
    warned: list[pl.Series] = []
    for name, mask in failed.items():
        refused.append(_text_where(mask, f"{name}: {_not_of(columns[name])}"))
    for name, rule, expr in _rules(typed.columns, columns):
        mask = typed.select(expr.fill_null(False).alias("m"))["m"]
        if name in failed:
            mask &= ~failed[name]
        if mask.any():
            answers = columns[name].on_unseen == "answer" and rule != NOT_FINITE
            parts = warned if answers else refused
            parts.append(_text_where(mask, f"{name}: {rule}"))
    return _joined(refused, typed.height, "reason"), _joined(warned, typed.height, "warnings")


def _joined(parts: Sequence[pl.Series], rows: int, name: str) -> pl.Series:
    """Join the texts of each row; null where there is none."""
    if not parts:
        return pl.Series(name, [None] * rows, dtype=pl.String)
    frame = pl.DataFrame([part.alias(str(i)) for i, part in enumerate(parts)])
    joined = frame.select(pl.concat_str(pl.all(), separator="; ", ignore_nulls=True).alias(name))
    return joined[name].replace("", None)


def _not_of(column: Column) -> str:
    """Say what values that could not be read are not."""
    how = f" written as {column.format}" if column.format else ""
    if (written := column.number_format) is not None:
        how = f" written as {written.example}"
    if column.is_boolean and column.values is not None:
        how = f" written as {' or '.join(column.spellings)}"
    return f"not of type {column.type}{how}"


def _rules(
    names: Sequence[str], columns: Mapping[str, Column]
) -> Iterator[tuple[str, str, pl.Expr]]:
    """Give each rule as (column, what it asks, expression that is true where it is broken)."""
    for name in names:
        column, value = columns[name], pl.col(name)
        if column.is_float:
            yield name, NOT_FINITE, value.is_infinite()
        for limit in limits(column):
            if limit.kind == "missing":
                broken = value.is_null()
            elif limit.kind == "min":
                broken = value < limit.bound
            elif limit.kind == "max":
                broken = value > limit.bound
            else:
                allowed = pl.Series(list(limit.bound), dtype=DTYPES[column.type], strict=False)
                broken = ~value.is_in(allowed.implode())
            yield name, limit.text, broken


def _add(violations: Violations, name: str, rule: str, mask: pl.Series, values: pl.Series) -> None:
    where = mask.arg_true()
    if not len(where):
        return
    first = where.head(EXAMPLES).to_list()
    shown = values.gather(first).to_list()
    examples = [(violations.rows + i + 1, value) for i, value in zip(first, shown, strict=True)]
    violations.add(name, rule, len(where), examples)


def _text_where(mask: pl.Series, text: str) -> pl.Series:
    return pl.select(pl.when(mask).then(pl.lit(text)).alias("t"))["t"]
