"""Folds of the training rows, by the same rule as the split: time never runs backwards."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..errors import UserError
from .split import SplitRule

Places = NDArray[np.int64]


def cut(rule: SplitRule, keys: pl.Series, count: int) -> list[tuple[Places, Places]]:
    """Cut the training rows into folds, each a set to fit on and a set that is held out.

    Split by time, the rows are cut into `count` + 1 blocks of equal size, and each block but the
    first is held out once, with all earlier ones to fit on (Bergmeir and Benitez, 2012, "On the
    use of cross-validation for time series predictor evaluation"). Rows of one moment stay in one
    block. Else each row, or group, is held out in one fold and fitted on in the others.

    Args:
        rule: How the rows of the table were split.
        keys: What `split.row_keys` says of the training rows.
        count: Number of folds, 2 or more.

    Returns:
        The positions of the rows, for each fold.

    Raises:
        UserError: A fold would have no rows.
    """
    if rule.by == "time":
        moments = keys.to_physical().fill_null(np.iinfo(np.int64).min).to_numpy()
        earlier = np.searchsorted(np.sort(moments), moments)  # rows before this one
        block = earlier * (count + 1) // max(1, len(moments))
        folds = [(block < held, block == held) for held in range(1, count + 1)]
    else:
        block = (keys % count).cast(pl.Int64).to_numpy()
        folds = [(block != held, block == held) for held in range(count)]
    if not all(fitted.any() and held.any() for fitted, held in folds):
        what = {"time": "moments", "group": "groups"}.get(rule.by, "different rows")
        raise UserError(f"the training rows have too few {what} for {count} folds: tune.folds", 2)
    return [(np.flatnonzero(fitted), np.flatnonzero(held)) for fitted, held in folds]
