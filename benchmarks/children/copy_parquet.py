"""The least that any preprocessing must do: read a parquet file and write it (zstd level 1)."""

import sys

import polars as pl

source, target = sys.argv[1:]
pl.scan_parquet(source).sink_parquet(target, compression="zstd", compression_level=1)
