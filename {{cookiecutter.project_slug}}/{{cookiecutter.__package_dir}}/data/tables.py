"""Tables in pieces: CSV and parquet are read batch by batch, in bounded memory."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from ..errors import UserError
from .csv_format import csv_format
from .parts import Part, files_of, is_parquet


def column_names(path: Path) -> list[str]:
    """Return a table's column names: of several files those of the first, which all must have.

    Raises:
        UserError: No such file, no header, a name that stands twice, or files with different
            columns; exit code 1 or 2.
    """
    first, *others = files_of(path)
    names = _names_in(first)
    for file in others:
        if odd := set(names).symmetric_difference(_names_in(file)):
            shown = ", ".join(map(repr, sorted(odd)))
            raise UserError(f"{file}: other columns than {first.name} has: {shown}")
    return names


def iter_batches(
    path: Path,
    batch_rows: int,
    null_values: Sequence[str] = ("",),
    columns: Sequence[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """Read a table in batches of at most `batch_rows` rows, in order; none spans files.

    Parquet keeps its types. CSV columns all come as text (`checks.cast` types them), so that one
    bad value is reported like any other violation and does not end the reading.

    Args:
        path: CSV (also compressed with gzip; comma, semicolon, tab or bar; UTF-8, UTF-16 or a
            Western encoding) or parquet; or a folder or pattern of such files.
        batch_rows: Upper bound of rows in a batch.
        null_values: Texts that mean "missing" in CSV.
        columns: Read only these columns.

    Raises:
        UserError: A file is missing or broken.
    """
    files = files_of(path)
    wanted = _names_in(files[0]) if columns is None else columns
    for file in files:
        yield from _file_batches(file, batch_rows, null_values, wanted)


def part_batches(
    part: Part,
    batch_rows: int,
    null_values: Sequence[str] = ("",),
    columns: Sequence[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """Read a part of a table as `iter_batches` reads the whole."""
    rows = slice(part.first, part.first + part.rows)
    return _file_batches(part.path, batch_rows, null_values, columns, rows)


def first_rows(
    path: Path,
    rows: int,
    null_values: Sequence[str] = ("",),
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Return the first rows of a table, whatever files they are in; `iter_batches` says more."""
    found: list[pl.DataFrame] = []
    for batch in iter_batches(path, rows, null_values, columns):
        found.append(batch)
        if sum(frame.height for frame in found) >= rows:
            break
    return pl.concat(found, how="vertical_relaxed").head(rows)


def count_rows(path: Path) -> int | None:
    """Return the number of rows where the files say it (parquet), else None."""
    files = files_of(path)
    if not all(map(is_parquet, files)):
        return None
    return sum(int(_parquet(file).metadata.num_rows) for file in files)


def _names_in(path: Path) -> list[str]:
    names = list(_parquet(path).schema_arrow.names) if is_parquet(path) else csv_format(path).names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{path}: two columns have the same name: {', '.join(map(repr, twice))}")
    if not names or "" in names:
        raise UserError(f"{path}: the first line must name every column (got {names})")
    return names


def _file_batches(
    path: Path,
    batch_rows: int,
    null_values: Sequence[str],
    columns: Sequence[str] | None,
    rows: slice = slice(None),
) -> Iterator[pl.DataFrame]:
    """Read one file; `rows` cut parquet, a CSV file is read whole."""
    names = _names_in(path)
    wanted = [name for name in dict.fromkeys(columns or names) if name in names]
    pieces = (
        _parquet_batches(path, wanted, batch_rows, rows)
        if is_parquet(path)
        else _csv_batches(path, names, wanted, null_values)
    )
    yield from _regroup(_named_errors(pieces, path), batch_rows)


def _parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, memory_map=False, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: not a readable parquet file: {error}") from None


def _parquet_batches(
    path: Path, columns: list[str], batch_rows: int, rows: slice
) -> Iterator[pl.DataFrame]:
    # Slices of polars take half the time of pyarrow's batches and less memory, and skip the pages
    # of a large row group that they do not need.
    table = pl.scan_parquet(path, glob=False, hive_partitioning=False).select(columns)
    first, end, _ = rows.indices(int(_parquet(path).metadata.num_rows))
    for start in range(first, max(end, first + 1), batch_rows):
        yield table.slice(start, min(batch_rows, end - start)).collect()


def _from_arrow(table: Any) -> pl.DataFrame:
    frame = pl.from_arrow(table, rechunk=False)
    assert isinstance(frame, pl.DataFrame)
    return frame


def _csv_batches(
    path: Path, names: list[str], wanted: list[str], null_values: Sequence[str]
) -> Iterator[pl.DataFrame]:
    import pyarrow as pa
    import pyarrow.csv as pc

    written = csv_format(path)
    encoding = "utf8" if written.encoding == "utf-8-sig" else written.encoding
    reader = pc.open_csv(
        path,
        read_options=pc.ReadOptions(
            block_size=8 << 20, column_names=names, skip_rows=written.head, encoding=encoding
        ),
        parse_options=pc.ParseOptions(delimiter=written.delimiter, newlines_in_values=True),
        convert_options=pc.ConvertOptions(
            column_types={name: pa.string() for name in names},
            include_columns=wanted,
            null_values=list(null_values),
            strings_can_be_null=True,
        ),
    )
    empty = True
    for batch in reader:
        empty = False
        yield _from_arrow(batch)
    if empty:
        yield pl.DataFrame(schema=dict.fromkeys(wanted, pl.String))


def _named_errors(pieces: Iterator[pl.DataFrame], path: Path) -> Iterator[pl.DataFrame]:
    import pyarrow as pa

    try:
        yield from pieces
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError) as error:
        if "UTF8" in str(error):
            raise UserError(f"{path}: the text is not UTF-8 ({error})") from None
        if "Empty CSV" in str(error):
            raise UserError(f"{path}: has a header and no rows") from None
        raise UserError(f"{path}: broken table: {error}") from None


def _regroup(pieces: Iterator[pl.DataFrame], batch_rows: int) -> Iterator[pl.DataFrame]:
    """Cut and join pieces of any size into batches of `batch_rows` rows (the last: the rest)."""
    held: list[pl.DataFrame] = []
    height = 0
    started = False
    for piece in pieces:
        held.append(piece)
        height += piece.height
        while height >= batch_rows:
            joined = pl.concat(held)
            yield joined.head(batch_rows)
            started = True
            held = [joined.slice(batch_rows)]
            height -= batch_rows
    if height or not started:
        yield pl.concat(held)
