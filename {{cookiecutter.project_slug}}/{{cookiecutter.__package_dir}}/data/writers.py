"""Tables are written batch by batch: CSV and parquet."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import polars as pl

GROUP_ROWS = 32_768  # rows in a group of a parquet file, at least


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
