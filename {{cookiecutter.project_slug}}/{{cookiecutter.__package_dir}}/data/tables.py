"""Tables in pieces: CSV and parquet are read and written batch by batch, in bounded memory."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import polars as pl

from ..errors import UserError
from .csv_format import csv_format

CSV_ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
PARQUET_ENDINGS = (".parquet", ".pq")
GROUP_ROWS = 32_768  # rows in a group of a parquet file that is written, at least


def is_parquet(path: Path) -> bool:
    """Tell parquet from CSV by the file's name.

    Raises:
        UserError: The ending is neither; exit code 2.
    """
    name = path.name.lower()
    if name.endswith(PARQUET_ENDINGS):
        return True
    if name.endswith(CSV_ENDINGS):
        return False
    known = ", ".join(CSV_ENDINGS + PARQUET_ENDINGS)
    raise UserError(f"{path}: unknown kind of table; the name must end in one of {known}", 2)


def column_names(path: Path) -> list[str]:
    """Return a table's column names.

    Raises:
        UserError: No such file, no header, or a name that stands twice; exit code 1 or 2.
    """
    if not path.is_file():
        what = "is a folder, not a table" if path.is_dir() else "no such file"
        raise UserError(f"{path}: {what}", 2)
    names = list(_parquet(path).schema_arrow.names) if is_parquet(path) else csv_format(path).names
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{path}: two columns have the same name: {', '.join(map(repr, twice))}")
    if not names or "" in names:
        raise UserError(f"{path}: the first line must name every column (got {names})")
    return names


def iter_batches(
    path: Path,
    batch_rows: int,
    null_values: Sequence[str] = ("",),
    columns: Sequence[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """Read a table in batches of at most `batch_rows` rows, in the file's order.

    Parquet keeps its types. CSV columns all come as text (`checks.cast` types them), so that one
    bad value is reported like any other violation and does not end the reading.

    Args:
        path: CSV (also compressed with gzip; comma, semicolon, tab or bar; UTF-8, UTF-16 or a
            Western encoding) or parquet.
        batch_rows: Upper bound of rows in a batch.
        null_values: Texts that mean "missing" in CSV.
        columns: Read only these columns.

    Raises:
        UserError: The file is missing or broken.
    """
    names = column_names(path)
    wanted = names if columns is None else [name for name in names if name in set(columns)]
    pieces = (
        _parquet_batches(path, wanted, batch_rows)
        if is_parquet(path)
        else _csv_batches(path, names, wanted, null_values)
    )
    yield from _regroup(_named_errors(pieces, path), batch_rows)


def count_rows(path: Path) -> int | None:
    """Return the number of rows where the file says it (parquet), else None."""
    return int(_parquet(path).metadata.num_rows) if is_parquet(path) else None


class Writer(Protocol):
    """Takes batches, one after the other."""

    def write(self, frame: pl.DataFrame) -> None:
        """Append the rows."""

    def close(self) -> None:
        """Finish the file."""


class ParquetWriter:
    """Writes batches to one parquet file (zstd level 1) in a thread of its own."""

    def __init__(self, path: Path, metadata: dict[str, str] | None = None) -> None:
        self._path = path
        self._metadata = metadata or {}
        self._writer: Any = None
        self._pool = ThreadPoolExecutor(1)
        self._pending: Any = None
        self._held: list[pl.DataFrame] = []

    def __enter__(self) -> "ParquetWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, frame: pl.DataFrame) -> None:
        """Append the rows; waits for the rows before, so memory stays bounded.

        Small batches are joined, since every group of rows in the file costs time and space.
        """
        self._held.append(frame)
        if sum(held.height for held in self._held) >= GROUP_ROWS:
            self._flush()

    def close(self) -> None:
        """Finish the file; raises what a write in the background raised."""
        try:
            if self._held and (self._pending is None or any(not f.is_empty() for f in self._held)):
                self._flush()
            if self._pending is not None:
                self._pending.result()
        finally:
            self._pool.shutdown()
            if self._writer is not None:
                self._writer.close()

    def _flush(self) -> None:
        if self._pending is not None:
            self._pending.result()
        self._pending = self._pool.submit(self._write, pl.concat(self._held, rechunk=False))
        self._held = []

    def _write(self, frame: pl.DataFrame) -> None:
        import pyarrow.parquet as pq

        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            # Where values repeat, a dictionary makes the file smaller and faster to write and to
            # read; where they do not, it costs time and saves nothing.
            repeating = [column.name for column in frame if 4 * column.n_unique() < frame.height]
            self._writer = pq.ParquetWriter(
                self._path,
                table.schema.with_metadata(self._metadata),
                compression="zstd",
                compression_level=1,
                use_dictionary=repeating,
                write_statistics=False,
            )
        self._writer.write_table(table)


class CsvWriter:
    """Writes batches to one CSV file, UTF-8 with Unix line ends."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._started = False

    def write(self, frame: pl.DataFrame) -> None:
        """Append the rows; the first call also writes the header."""
        frame.write_csv(self._file, include_header=not self._started)
        self._started = True

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


def _parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, memory_map=False, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(f"{path}: not a readable parquet file: {error}") from None


def _parquet_batches(path: Path, columns: list[str], batch_rows: int) -> Iterator[pl.DataFrame]:
    # Slices of polars take half the time of pyarrow's batches and less memory, and skip the pages
    # of a large row group that they do not need.
    table = pl.scan_parquet(path, glob=False, hive_partitioning=False).select(columns)
    rows = int(_parquet(path).metadata.num_rows)
    for start in range(0, max(rows, 1), batch_rows):
        yield table.slice(start, batch_rows).collect()


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
