"""What stands in data/processed: three sets, the fitted preprocessor, and a summary.

A set is a folder of files, one for each part of the raw table that has rows of it.
"""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from ..data import tables
from ..data.parts import files_of
from ..errors import UserError
from ..utils.yaml import explain
from .preprocessor import Preprocessor
from .split import SPLITS, SplitRule
from .transforms import Floats

Arrays = tuple[Floats, NDArray[np.float64]]
ROW, TARGET, KEY = "__row", "__target", "__key"  # columns of each set besides the inputs
PREPROCESSOR, SUMMARY = "preprocessor.json", "summary.json"
AGAIN = "run `preprocess` again"


class Summary(BaseModel):
    """What preprocessing did, and with which settings; stored as summary.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: dict[str, int]  # train, val, test
    raw_rows: int
    missing_target: int  # rows without a target: left out
    missing: dict[str, int] = {}  # raw rows without a value, by column of the schema
    unseen_class: int  # rows of val or test whose class no training row has: left out
    data_sha256: str
    schema_hash: str
    split: SplitRule
    max_categories: int
    preprocessor_hash: str
    near_leaks: dict[str, str] = {}  # inputs that nearly tell the target, and how
    golden: list[dict[str, Any]]  # a few raw rows, to check a served model with


def set_path(folder: Path, split: str) -> Path:
    """Return the folder of a set's files."""
    return folder / split


def part_path(folder: Path, split: str, index: int) -> Path:
    """Return where a set's rows of one part of the table are."""
    return set_path(folder, split) / f"part-{index:05}.parquet"


def load(folder: Path) -> tuple[Preprocessor, Summary]:
    """Return the fitted preprocessor and the summary of what stands in data/processed.

    Raises:
        UserError: Nothing is there, or it is mixed from two runs.
    """
    try:
        preprocessor = Preprocessor.load(folder / PREPROCESSOR)
        summary = Summary.model_validate_json((folder / SUMMARY).read_bytes())
    except FileNotFoundError as error:
        raise UserError(f"{error.filename} is not there yet: run `preprocess` first") from None
    except ValidationError as error:
        reason = "; ".join(explain(error)[:3])
        raise UserError(f"{folder}: broken, or of another release ({reason}); {AGAIN}") from None
    if summary.preprocessor_hash != preprocessor.hash or any(
        _stamps(set_path(folder, split)) != {preprocessor.hash} for split in SPLITS
    ):
        raise UserError(f"{folder}: the files are from different runs; {AGAIN}")
    return preprocessor, summary


def read_set(folder: Path, split: str) -> pl.DataFrame:
    """Return one of the sets as it was written (all of it: train needs it in memory).

    Raises:
        UserError: A file is damaged.
    """
    path = set_path(folder, split)
    try:
        return pl.read_parquet(files_of(path), memory_map=False)
    except pl.exceptions.PolarsError as error:
        raise UserError(f"{path}: broken ({error}); {AGAIN}") from None


def read_arrays(
    folder: Path, preprocessor: Preprocessor, summary: Summary, batch_rows: int
) -> tuple[Arrays, dict[str, Arrays]]:
    """Return all sets as `arrays`, one after the other in one piece of memory, and each as a view.

    Args:
        folder: data/processed.
        preprocessor: What the inputs are.
        summary: How many rows each set has.
        batch_rows: Rows to read at a time.

    Raises:
        UserError: A file is damaged.
    """
    names = [item.name for item in preprocessor.inputs]
    rows = sum(summary.rows.values())
    x, y = np.empty((rows, len(names)), dtype=np.float32), np.empty(rows)
    sets, end = {}, 0
    for split in SPLITS:
        start, last = end, end + summary.rows[split]
        for frame in tables.iter_batches(
            set_path(folder, split), batch_rows, columns=[*names, TARGET]
        ):
            first, end = end, end + frame.height
            if end <= last:
                x[first:end], y[first:end] = arrays(frame, preprocessor)
        if end != last:
            raise UserError(f"{set_path(folder, split)} has not the rows of {SUMMARY}; {AGAIN}")
        sets[split] = x[start:end], y[start:end]
    return (x, y), sets


def arrays(frame: pl.DataFrame, preprocessor: Preprocessor) -> Arrays:
    """Return a set's inputs (n, k) float32 in C order, and its n targets (classes: indices)."""
    names = [item.name for item in preprocessor.inputs]
    x = np.empty((frame.height, len(names)), dtype=np.float32)
    for i, name in enumerate(names):  # one column at a time: never two whole copies
        x[:, i] = frame[name].to_numpy()
    return x, frame[TARGET].cast(pl.Float64).to_numpy()


def _stamps(path: Path) -> set[str | None]:
    """Return the hashes of the preprocessors that the files of a set were written with."""
    files = path.glob("*.parquet")
    try:
        return {pl.read_parquet_metadata(file).get("preprocessor_hash") for file in files}
    except pl.exceptions.PolarsError as error:
        raise UserError(f"{path}: broken ({error}); {AGAIN}") from None
