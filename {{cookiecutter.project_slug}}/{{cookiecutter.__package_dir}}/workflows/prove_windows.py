"""Two windows of the project's own rows for `prove`: before the traffic shifts, and after it.

The first has few rows to train on, and of one column low values only; the second has all rows. So
the shift is real, and so are the targets of the rows that it brings.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..config import Config
from ..data import tables
from ..data.checks import cast, row_problems
from ..data.ingest import local_table
from ..data.lookups import second_tables
from ..data.parts import files_of, is_parquet
from ..data.schema import Schema, load_schema
from ..data.utils import plain_rows
from ..errors import UserError
from ..preprocess.split import split_rows, split_rule

MOST_ROWS = 20_000  # of the project's table
FIRST_ROWS = 150  # to train the first version on, at most
FEWEST_ROWS = 60  # of train, val and test, each
LOW = 0.7  # share of the rows that the first window may have


@dataclass(frozen=True)
class Windows:
    """What the two windows are.

    Attributes:
        before: File of the first window's rows.
        after: File of all rows.
        column: What shifts; None where no column can.
        cut: The first window has values up to it.
        usual: Rows of the first window that no training has seen, as the API takes them.
        shifted: Rows that the first window lacks.
        rows: How many rows the windows have.
    """

    before: Path
    after: Path
    column: str | None
    cut: float
    usual: list[dict[str, Any]]
    shifted: list[dict[str, Any]]
    rows: tuple[int, int]


def cut(config: Config, folder: Path, ignored: Collection[str] = ()) -> Windows:
    """Write both windows into a folder.

    Args:
        config: Of the project.
        folder: Where to.
        ignored: Columns that do not count as shifted.

    Raises:
        UserError: The table is not here, or has too few rows.
    """
    schema = load_schema(config.paths.schema_)
    source = local_table(config)
    raw = _some_rows(source, schema, config)
    typed, failed = cast(raw, schema.columns)
    typed = second_tables(config.features.lookups, schema).complete(typed)
    # What was looked up goes with the rows, so that the proof needs no second table.
    raw = raw.hstack(typed.select(name for name in typed.columns if name not in raw.columns))
    rule = split_rule(config.split, schema)
    split = split_rows(rule, typed)
    known = typed[schema.target].is_not_null().to_numpy()
    if min(int(((split == place) & known).sum()) for place in range(3)) < FEWEST_ROWS:
        raise UserError(f"{source}: fewer than {FEWEST_ROWS} rows for train, val or test")
    column = _shifting(typed, schema, ignored)
    value = np.zeros(raw.height) if column is None else _numbers(typed, column)
    end = float(np.nanquantile(value, LOW, method="lower"))
    low = ~(value > end)
    first = low & ((split > 0) | _few((split == 0) & low & known))
    sound = row_problems(typed, failed, schema.columns)[0].is_null().to_numpy()
    names = [*schema.features, *schema.ids, *([schema.time] if schema.time else [])]
    ending = "parquet" if is_parquet(files_of(source)[0]) else "csv"
    before, after = (folder / f"{name}.{ending}" for name in ("before", "after"))
    _write(raw.filter(pl.Series(first)), before, schema)
    _write(raw, after, schema)
    return Windows(
        before,
        after,
        column,
        end,
        usual=plain_rows(typed.filter(pl.Series(first & sound & (split > 0))).select(names)),
        shifted=plain_rows(typed.filter(pl.Series(~low & sound)).select(names)),
        rows=(int(first.sum()), raw.height),
    )


def _some_rows(source: Path, schema: Schema, config: Config) -> pl.DataFrame:
    """Read the table; of a large one rows that are spread over it."""
    rows = tables.count_rows(source)
    batches = tables.iter_batches(source, config.data.batch_rows, schema.null_values)
    step = 1 if rows is None else -(-rows // MOST_ROWS)
    some = (batch.gather_every(step) for batch in batches)
    return pl.concat(some, how="vertical_relaxed")  # files may differ in how wide numbers are


def _shifting(typed: pl.DataFrame, schema: Schema, ignored: Collection[str]) -> str | None:
    """Return the number that goes along with the target most, by rank, and can be cut."""
    target = typed[schema.target]
    if target.dtype == pl.String:
        target = target.cast(pl.Categorical).to_physical()
    found = {}
    for name in schema.features:
        if schema.columns[name].is_number and name not in ignored:
            values = _numbers(typed, name)
            high = values > np.nanquantile(values, LOW, method="lower")
            if high.mean() < 0.1:
                continue
            ranks = pl.DataFrame({"x": typed[name].rank(), "y": target.cast(pl.Float64).rank()})
            together = ranks.drop_nulls().select(pl.corr("x", "y")).item()
            found[name] = abs(together or 0.0)
    return max(found, key=lambda name: found[name], default=None)


def _numbers(typed: pl.DataFrame, column: str) -> NDArray[np.float64]:
    values: NDArray[np.float64] = typed[column].cast(pl.Float64).fill_null(np.nan).to_numpy()
    return values


def _few(rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep some of the rows that are marked."""
    places = np.flatnonzero(rows)
    kept = np.zeros(len(rows), dtype=bool)
    kept[np.random.default_rng(0).choice(places, min(FIRST_ROWS, len(places)), False)] = True
    return kept


def _write(frame: pl.DataFrame, path: Path, schema: Schema) -> None:
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path, null_value=next(iter(schema.null_values), ""))
