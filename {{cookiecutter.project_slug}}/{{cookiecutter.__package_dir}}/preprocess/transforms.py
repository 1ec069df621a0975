"""The transformations, as pure functions: expressions over raw columns, then arrays of inputs.

First stage (`encode_...`): one raw column becomes one number, missing is NaN. Second stage, for
models that take a design matrix: impute, scale and clip numbers, one-hot categories. No file and no
setting is read here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # the server encodes single rows and does without polars
    import polars as pl

Floats = NDArray[np.float32]
DAY_MICROSECONDS = 86_400_000_000


def encode_number(column: "pl.Expr") -> "pl.Expr":
    """Numbers and booleans as float32; missing is NaN."""
    import polars as pl

    return column.cast(pl.Float64).cast(pl.Float32).fill_null(float("nan"))


def encode_datetime(column: "pl.Expr") -> "pl.Expr":
    """Datetimes as days since 1970-01-01, float32; missing is NaN."""
    import polars as pl

    days = column.dt.epoch("us").cast(pl.Float64) / DAY_MICROSECONDS
    return days.cast(pl.Float32).fill_null(float("nan"))


def encode_category(column: "pl.Expr", levels: Sequence[str]) -> "pl.Expr":
    """Texts as their position in `levels`, float32; missing and unknown are NaN."""
    import polars as pl

    if not levels:
        return pl.lit(float("nan"), dtype=pl.Float32)
    position = column.cast(pl.Enum(list(levels)), strict=False).to_physical()
    return position.cast(pl.Float32).fill_null(float("nan"))


def impute(x: Floats, value: float) -> Floats:
    """Return x with NaN replaced by `value`."""
    return np.where(np.isnan(x), np.float32(value), x)


def scale(x: Floats, mean: float, std: float) -> Floats:
    """Return (x - mean) / std; a column that never varies becomes 0."""
    if std == 0:
        return np.zeros_like(x)
    return (x - np.float32(mean)) / np.float32(std)


def clip(x: Floats, limit: float) -> Floats:
    """Return x held between -limit and limit: one wild value must not rule a linear model."""
    return np.clip(x, np.float32(-limit), np.float32(limit))


def one_hot(x: Floats, levels: int) -> Floats:
    """Return an (n, levels) array with a 1 at each row's level; NaN and higher levels are all 0."""
    hot: Floats = (x[:, None] == np.arange(levels)).astype(np.float32)
    return hot
