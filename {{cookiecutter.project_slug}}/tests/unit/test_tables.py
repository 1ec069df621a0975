"""Tables in pieces: every row, in order, in batches of bounded size."""

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from {{ cookiecutter.package_name }}.data.tables import column_names, iter_batches
from {{ cookiecutter.package_name }}.errors import UserError


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "grouped.parquet"])
@pytest.mark.parametrize("batch_rows", [1, 7, 100])
def test_batches_hold_every_row_in_order(tmp_path: Path, ending: str, batch_rows: int) -> None:
    frame = pl.DataFrame({"a": range(23), "b": [f"t{i}" for i in range(23)]})
    path = tmp_path / f"t.{ending}"
    if ending == "csv":
        frame.write_csv(path)
    elif ending == "csv.gz":
        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    else:
        frame.write_parquet(path, row_group_size=5 if "grouped" in ending else None)
    batches = list(iter_batches(path, batch_rows))
    assert all(batch.height <= batch_rows for batch in batches)
    assert all(batch.height == batch_rows for batch in batches[:-1])
    joined = pl.concat(batches).with_columns(pl.col("a").cast(pl.Int64))
    assert joined.equals(frame)


@pytest.mark.parametrize("line", ["0", "abc,"])
def test_a_header_without_end_is_refused_in_little_memory(tmp_path: Path, line: str) -> None:
    path = tmp_path / "bomb.csv.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for _ in range(40):
            file.write((line * (1 << 20))[: 1 << 20].encode())
    tracemalloc.start()
    with pytest.raises(UserError, match=r"bomb\.csv\.gz"):
        column_names(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000


@pytest.mark.parametrize("keep", [15, 5000])
def test_a_cut_archive_is_named(tmp_path: Path, keep: int) -> None:
    text = pl.DataFrame({"a": np.random.default_rng(0).normal(size=5000)}).write_csv()
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(text.encode())[:keep])
    with pytest.raises(UserError, match=r"t\.csv\.gz: (broken table|cannot be read)"):
        list(iter_batches(path, 100))
