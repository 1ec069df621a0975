"""The ingested table, read part by part."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ..data import tables
from ..data.checks import cast
from ..data.lookups import SecondTables, second_tables
from ..data.parts import Part
from ..data.schema import Schema
from ..data.utils import ahead
from .processed import ROW


@dataclass(frozen=True)
class RawTable:
    """The ingested table, and how a part of it is read, in whatever process."""

    path: Path
    schema: Schema
    batch_rows: int
    lookups: str | None  # the module that has second tables

    def second(self) -> SecondTables:
        """Open what completes the rows."""
        return second_tables(self.lookups, self.schema)

    def batches(
        self, part: Part, columns: Sequence[str] | None = None
    ) -> Iterator[tuple[pl.Series, pl.DataFrame, pl.DataFrame, dict[str, pl.Series]]]:
        """Give each batch's row numbers, as read, typed and complete, and what is unreadable."""
        second, start, nulls = self.second(), part.start, self.schema.null_values
        for frame in ahead(tables.part_batches(part, self.batch_rows, nulls, columns)):
            row = pl.int_range(start, start + frame.height, eager=True).alias(ROW)
            start += frame.height
            typed, failed = cast(frame, self.schema.columns)
            yield row, frame, second.complete(typed), failed
