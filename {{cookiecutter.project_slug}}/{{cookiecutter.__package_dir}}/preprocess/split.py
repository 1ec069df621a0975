"""Which rows are for training, validation and test: fixed by a rule, never drawn anew."""

import numpy as np
import polars as pl

from ..config import Split
from ..data.schema import Schema
from ..data.utils import stable_hash

SPLITS = ("train", "val", "test")
TEST = SPLITS.index("test")


def split_rows(rule: Split, schema: Schema, typed: pl.DataFrame) -> np.ndarray:
    """Say for each row which of `SPLITS` it belongs to.

    Args:
        rule: The rule.
        schema: Of the raw table.
        typed: n rows, typed by the schema.

    Returns:
        (n,) positions in `SPLITS`.
    """
    if rule.by == "time":
        assert schema.time is not None
        moment = pl.col(schema.time)
        late = (moment >= rule.val_from).cast(pl.Int8) + (moment >= rule.test_from).cast(pl.Int8)
        return typed.select(late.fill_null(0).alias("s"))["s"].to_numpy()
    if rule.by == "group":
        assert rule.group is not None
        content = typed.select(rule.group)
    else:  # rows of equal content share a fate, so none stands in train and test at once
        content = typed.select(schema.features + ([schema.time] if schema.time else []))
    share = stable_hash(content, rule.seed) / 2**64
    val_from = 1 - rule.val_fraction - rule.test_fraction
    return (share >= val_from).astype(np.int8) + (share >= 1 - rule.test_fraction)
