"""Which rows are for training, validation and test: fixed by a rule, never drawn anew."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..config import Split
from ..data.schema import Schema

if TYPE_CHECKING:  # the server reads a version's rule and does without polars
    import polars as pl

SPLITS = ("train", "val", "test")
TEST = SPLITS.index("test")


class SplitRule(Split):
    """A split with the columns that it looks at; recorded in each version.

    `columns`: the time column, the group, or what is hashed.
    """

    columns: tuple[str, ...]


def split_rule(split: Split, schema: Schema, hashed: Sequence[str] | None = None) -> SplitRule:
    """Say what a split looks at.

    Args:
        split: The setting.
        schema: Of the raw table.
        hashed: What a random split hashed before, so that it is not drawn anew when a column is
            added or left out; passed over where the schema lacks one of them.
    """
    if split.by == "time":
        assert schema.time is not None
        columns: Sequence[str] = [schema.time]
    elif split.by == "group":
        assert split.group is not None
        columns = [split.group]
    elif hashed and set(hashed) <= set(schema.columns):
        columns = hashed
    else:
        # Rows of equal content share a fate, whatever their ids, so that none stands in train and
        # test at once.
        columns = [*schema.features, *([schema.time] if schema.time else [])]
    return SplitRule(**split.model_dump(), columns=tuple(columns))


def row_keys(rule: SplitRule, typed: "pl.DataFrame") -> "pl.Series":
    """Return what the rule deals rows by: their moments, or a hash of what stays together.

    Args:
        rule: The rule.
        typed: n rows with at least the rule's columns, typed by the schema.
    """
    import polars as pl

    from ..data.utils import stable_hash

    content = typed.select(rule.columns)
    if rule.by == "time":
        return content.to_series()
    return pl.Series(stable_hash(content, rule.seed))


def split_rows(rule: SplitRule, typed: "pl.DataFrame") -> np.ndarray:
    """Say for each row which of `SPLITS` it belongs to.

    Args:
        rule: The rule.
        typed: n rows with at least the rule's columns, typed by the schema.

    Returns:
        (n,) positions in `SPLITS`.
    """
    return split_keys(rule, row_keys(rule, typed))


def split_keys(rule: SplitRule, keys: "pl.Series") -> np.ndarray:
    """Do as `split_rows`, with n values of `row_keys`."""
    if rule.by == "time":
        late = (keys >= rule.val_from).cast(int) + (keys >= rule.test_from).cast(int)
        return late.fill_null(0).to_numpy()
    share = keys.to_numpy() / 2**64
    val_from = 1 - rule.val_fraction - rule.test_fraction
    return (share >= val_from).astype(np.int8) + (share >= 1 - rule.test_fraction)
