"""Work done ahead passes errors on; hashes stay what they are."""

from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest

from {{ cookiecutter.package_name }}.data.utils import ahead, stable_hash
from {{ cookiecutter.package_name }}.errors import UserError


def test_reading_ahead_passes_errors_on() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise UserError("broken")

    items = ahead(broken())
    assert next(items) == 1
    with pytest.raises(UserError, match="broken"):
        next(items)


HASHES = [18395723807624764443, 281321436084851863, 918870247363752743]


def test_hash_is_the_same_everywhere() -> None:
    frame = pl.DataFrame({"a": [1, 2, None], "b": ["x", None, "é"], "c": [0.0, -0.0, 1.5]})
    # These numbers must never change: splits made years ago depend on them.
    assert stable_hash(frame).tolist() == HASHES
    assert stable_hash(frame.with_columns(pl.col("a").cast(pl.Float64))).tolist() == HASHES
    assert stable_hash(frame, 1).tolist() != HASHES


def test_hash_is_uniform() -> None:
    share = stable_hash(pl.DataFrame({"i": range(20_000)})) / 2**64
    counts = np.histogram(share, bins=10, range=(0, 1))[0]
    assert np.max(np.abs(counts - 2000)) < 200  # 4.7 standard deviations
