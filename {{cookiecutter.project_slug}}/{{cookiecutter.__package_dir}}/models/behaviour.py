"""Whether a model behaves as the schema declares: `monotone`, `expect` and `invariant` of a column.

Test rows are taken as they stand in the raw table and one column is moved: so what derived features
make of it counts as well. Ribeiro et al., 2020, "Beyond Accuracy: Behavioral Testing of NLP Models
with CheckList", calls them directional and invariance tests.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..data import tables
from ..data.checks import cast
from ..data.lookups import LookupStore, SecondTables
from ..data.schema import Column
from ..data.statistics import Sample
from ..preprocess.split import TEST, split_rows
from ..reports.behaviour import Behaviour
from ..reports.style import number
from ..utils.bootstrap import Estimate
from .model_io import ModelVersion

Array = NDArray[np.float64]
ROWS = 500  # test rows to look at
VALUES = 11  # of a column, from its least to its greatest
TOLERANCE = 1e-5  # of a prediction's size: float32 carries about seven digits
NORMAL_95 = 1.96


def declared(columns: Mapping[str, Column]) -> Iterator[tuple[str, str]]:
    """Give each column with what is declared of it, such as "monotone: up"."""
    for name, column in columns.items():
        if column.monotone:
            yield name, f"monotone: {column.monotone}"
        if column.expect:
            yield name, f"expect: {column.expect}"
        if column.invariant:
            yield name, "invariant: true"


def read_rows(
    path: Path, model: ModelVersion, batch_rows: int, store: LookupStore | None
) -> pl.DataFrame:
    """Return at most `ROWS` random test rows of the raw table, typed and complete.

    Args:
        path: The raw table.
        model: By the split that it was made with.
        batch_rows: Rows in memory at a time.
        store: Where columns are looked up that the table lacks.
    """
    columns, sample, start = model.metadata.columns, Sample(ROWS), 0
    second = SecondTables(model.preprocessor.lookups, store)
    for frame in tables.iter_batches(path, batch_rows, model.preprocessor.null_values):
        typed = second.complete(cast(frame, columns)[0])
        row = pl.int_range(start, start + frame.height, eager=True)
        start += frame.height
        test = pl.Series(split_rows(model.metadata.split, typed) == TEST)
        sample.add(typed.filter(test), row.filter(test))
    return sample.frame()


def measure(model: ModelVersion, rows: pl.DataFrame) -> list[Behaviour]:
    """Look at everything that the schema declares.

    Args:
        model: The version; its recipe predicts.
        rows: n typed test rows.
    """
    found = []
    for name, what in declared(model.metadata.columns):
        some = rows.filter(pl.col(name).is_not_null())
        if some.is_empty():
            found.append(Behaviour(name, what, 0))
        elif what.startswith("expect"):
            found.append(_expected(model, some, name, what))
        else:
            found.append(_kept(model, some, name, what))
    return found


def _kept(model: ModelVersion, rows: pl.DataFrame, name: str, what: str) -> Behaviour:
    """Count the rows of which some value of the column breaks a declaration."""
    values = rows[name].sort()
    places = np.linspace(0, rows.height - 1, VALUES).round().astype(np.int64)
    values = values.gather(places).unique(maintain_order=True)
    predicted = np.stack([_predicted(model, rows, name, value) for value in values])
    allowed = TOLERANCE * max(1.0, float(np.abs(predicted).max()))
    if what == "invariant: true":  # from the lowest to the highest prediction, of any class
        low, high = predicted.argmin(axis=0), predicted.argmax(axis=0)
        wrong = np.ptp(predicted, axis=0)
    else:
        rising = predicted if what.endswith("up") else -predicted
        steps = -np.diff(rising, axis=0, append=np.inf)  # by how much a step goes the wrong way
        low, wrong = steps.argmax(axis=0), steps.max(axis=0)
        high = np.minimum(low + 1, len(values) - 1)
    row, part = np.unravel_index(wrong.argmax(), wrong.shape)
    failed = int((wrong > allowed).any(axis=1).sum())
    if not failed:
        return Behaviour(name, what, rows.height)
    first, then = int(low[row, part]), int(high[row, part])
    example = (
        f"{number(predicted[first, row, part])} at {values[first]} and "
        f"{number(predicted[then, row, part])} at {values[then]}, all else equal"
    )
    return Behaviour(name, what, rows.height, failed, example, holds=False)


def _expected(model: ModelVersion, rows: pl.DataFrame, name: str, what: str) -> Behaviour:
    """Compare the predictions at the column's tenth and ninetieth percentile, row by row.

    It is broken where the 95% interval of the mean change lies on the wrong side of zero.
    """
    ends = [rows[name].cast(pl.Float64).quantile(share, "nearest") for share in (0.1, 0.9)]
    low, high = (
        _predicted(model, rows, name, pl.Series([end]).cast(rows[name].dtype)[0])[:, 0]
        for end in ends
    )
    change = high - low
    mean = float(change.mean())
    half = NORMAL_95 * float(change.std()) / math.sqrt(len(change))
    estimate = Estimate(mean, mean - half, mean + half)
    holds = estimate.high >= 0 if what.endswith("up") else estimate.low <= 0
    return Behaviour(name, what, rows.height, change=estimate, holds=holds)


def _predicted(model: ModelVersion, rows: pl.DataFrame, name: str, value: object) -> Array:
    """Return predictions with one value in a column.

    Returns:
        (n, 1): the number, or the probability of the positive class; (n, c) of more than two.
    """
    column = pl.lit(value, dtype=rows[name].dtype).alias(name)
    predicted = model.recipe.predict_frame(rows.with_columns(column)).astype(np.float64)
    if predicted.ndim == 1:
        return predicted[:, None]
    return predicted[:, 1:] if predicted.shape[1] == 2 else predicted
