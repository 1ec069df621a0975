"""Tables in pieces: every row, in order, in batches of bounded size."""

from pathlib import Path

import polars as pl
import pytest

from {{ cookiecutter.package_name }}.data.tables import iter_batches


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "parquet", "grouped.parquet"])
@pytest.mark.parametrize("batch_rows", [1, 7, 100])
def test_batches_hold_every_row_in_order(tmp_path: Path, ending: str, batch_rows: int) -> None:
    frame = pl.DataFrame({"a": range(23), "b": [f"t{i}" for i in range(23)]})
    path = tmp_path / f"t.{ending}"
    if ending == "csv":
        frame.write_csv(path)
    elif ending == "csv.gz":
        import gzip

        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    else:
        frame.write_parquet(path, row_group_size=5 if "grouped" in ending else None)
    batches = list(iter_batches(path, batch_rows))
    assert all(batch.height <= batch_rows for batch in batches)
    assert all(batch.height == batch_rows for batch in batches[:-1])
    joined = pl.concat(batches).with_columns(pl.col("a").cast(pl.Int64))
    assert joined.equals(frame)
