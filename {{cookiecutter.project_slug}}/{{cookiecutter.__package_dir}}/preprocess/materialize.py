"""From the source of a second table to its offline and its online form, whole or not at all."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import polars as pl

from ..data import tables
from ..data.checks import cast, check, check_names
from ..data.download import fetch, without_secrets
from ..data.parts import is_parquet
from ..data.schema import Column, Schema
from ..data.violations import Violations
from ..data.writers import ParquetWriter
from ..errors import UserError
from ..utils.files import atomic_file, temporary_folder
from .feature_settings import PATH, Table, key_columns
from .online_store import TIME, OnlineStore

BATCH_ROWS = 65_536


def materialize(
    path: Path,
    online: OnlineStore,
    name: str,
    table: Table,
    schema: Schema,
    columns: Sequence[str],
) -> str:
    """Write one table; what it had and the source has no more goes.

    Args:
        path: Where it is offline.
        online: Where single rows are read.
        name: The table's.
        table: What is declared of it.
        schema: Says what keys and values look like.
        columns: Its values, as far as the schema looks them up.

    Returns:
        What was done, as a line to show.

    Raises:
        UserError: The source cannot be read, has another checksum, breaks the schema, or has two
            rows for the same keys and time.
    """
    shown = without_secrets(table.source)
    with temporary_folder(path.parent / name) as folder:
        file = folder / table.source.split("?")[0].rstrip("/").replace("\\", "/").split("/")[-1]
        is_parquet(file)  # refuses unknown endings before anything is fetched
        digest = fetch(table.source, file)
        if table.sha256 not in (None, digest):
            raise UserError(
                f"{shown}: SHA-256 is {digest}, but {PATH} says {table.sha256} "
                f"(tables.{name}.sha256). If the new content is right, write its checksum there."
            )
        if _is_there(path, online, name, [*table.keys, TIME, *columns], digest):
            return f"{name} is already there, unchanged"
        frame = _read(file, shown, name, table, schema, columns)
        values = {column: schema.columns[column].type for column in columns}
        changed = online.write(name, table.keys, values, _rows(frame), digest)
        with (
            atomic_file(path) as temporary,
            ParquetWriter(temporary, {"source_sha256": digest}) as writer,
        ):
            writer.write(frame)
    newest = frame[TIME].max()
    assert isinstance(newest, datetime)
    return f"{name}: {frame.height:,} rows up to {newest:%Y-%m-%d %H:%M}, {changed:,} of them new"


def _is_there(
    path: Path, online: OnlineStore, name: str, columns: Sequence[str], digest: str
) -> bool:
    """Tell whether both stores have what the source has."""
    if not path.is_file() or online.sha256(name) != digest:
        return False
    is_same = pl.read_parquet_metadata(path).get("source_sha256") == digest
    return is_same and list(pl.read_parquet_schema(path)) == list(columns)


def _read(
    file: Path, shown: str, name: str, table: Table, schema: Schema, columns: Sequence[str]
) -> pl.DataFrame:
    """Read and check a source: keys, `TIME` and values, sorted by time."""
    wanted: Mapping[str, Column] = {
        **key_columns(table, schema),
        table.time: Column(type="datetime", nullable=False, role="ignore"),
        **{column: schema.columns[column] for column in columns},
    }
    violations, parts = Violations(), []
    check_names(tables.column_names(file), wanted, violations, exact=False)
    if not violations:
        nulls = schema.null_values
        for frame in tables.iter_batches(file, BATCH_ROWS, nulls, list(wanted)):
            typed, failed = cast(frame, wanted)
            check(frame, typed, failed, wanted, violations)
            parts.append(typed)
    if violations:
        raise UserError(violations.message(f"{shown} ({PATH}, tables.{name})"))
    whole = pl.concat(parts).select(*table.keys, pl.col(table.time).alias(TIME), *columns)
    if whole.is_empty():
        raise UserError(f"{shown} ({PATH}, tables.{name}) has no rows")
    entity = [*table.keys, TIME]
    if (twice := whole.filter(whole.select(entity).is_duplicated())).height:
        example = ", ".join(str(value) for value in twice.select(entity).row(0))
        raise UserError(
            f"{shown} ({PATH}, tables.{name}): {twice.height:,} rows share keys and time, such as "
            f"{example}; keep one of each"
        )
    return whole.sort(TIME, *table.keys)


def _rows(frame: pl.DataFrame) -> list[tuple[object, ...]]:
    """Return rows as SQLite takes them: moments as texts that sort as they do."""
    temporal = [name for name, kind in frame.schema.items() if kind.is_temporal()]
    return frame.with_columns(
        pl.col(temporal).dt.to_string("%Y-%m-%d %H:%M:%S%.6f") if temporal else []
    ).rows()
