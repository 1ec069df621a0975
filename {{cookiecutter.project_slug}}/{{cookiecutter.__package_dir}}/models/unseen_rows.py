"""Raw rows that no recipe to be compared has learned from, and what each predicts for them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..data.checks import cast, labels_of
from ..data.lookups import LookupStore, SecondTables
from ..data.tables import column_names, iter_batches
from ..preprocess.split import TEST, split_rows
from ..preprocess.transforms import Floats, encode_category
from .comparison import Rows
from .model_io import ModelVersion


def missing_columns(path: Path, model: ModelVersion, store: LookupStore | None) -> list[str]:
    """Return the columns that a version needs and neither a raw table nor a second one has."""
    there = {*column_names(path), *SecondTables(model.preprocessor.lookups, store).columns}
    needed = [*model.preprocessor.columns, model.metadata.target, *model.metadata.split.columns]
    return [name for name in dict.fromkeys(needed) if name not in there]


def read_unseen_rows(
    path: Path,
    batch_rows: int,
    candidate: ModelVersion,
    champion: ModelVersion | None,
    slices: Sequence[str],
    store: LookupStore | None = None,
) -> Rows:
    """Read the rows that are test rows of each version, by the split that each was made with.

    Args:
        path: The raw table; it has all columns that the versions need.
        batch_rows: Rows in memory at a time.
        candidate: The new version.
        champion: What it is compared with; None takes its own baseline.
        slices: Columns to group the rows by, as far as the table has them.
        store: Where columns are looked up that the table lacks.

    Returns:
        The rows that have a target, and both predictions.
    """
    models = [candidate] if champion is None else [candidate, champion]
    reference = candidate.baseline if champion is None else champion.recipe
    second = [SecondTables(model.preprocessor.lookups, store) for model in models]
    columns = candidate.metadata.columns
    names = [name for name in slices if name in columns]
    targets: list[NDArray[np.float64]] = []
    predictions: list[tuple[Floats, Floats]] = []
    groups: list[pl.DataFrame] = []
    for frame in iter_batches(path, batch_rows, candidate.preprocessor.null_values):
        typed = [
            one.complete(cast(frame, model.metadata.columns)[0])
            for one, model in zip(second, models, strict=True)
        ]
        y_true = true_values(typed[0], candidate)
        unseen = ~np.isnan(y_true)
        for model, rows in zip(models, typed, strict=True):
            unseen &= split_rows(model.metadata.split, rows) == TEST
        if unseen.any():
            keep = pl.Series(unseen)
            targets.append(y_true[unseen])
            pair = (candidate.recipe, typed[0]), (reference, typed[-1])
            ours, theirs = (predictor.predict_frame(rows.filter(keep)) for predictor, rows in pair)
            predictions.append((ours, theirs))
            groups.append(typed[0].filter(keep).select(pl.col(names).cast(pl.String)))
    if not targets:
        nothing = np.zeros((0, candidate.preprocessor.width), dtype=np.float32)
        return Rows(np.zeros(0), nothing, nothing)
    values = pl.concat(groups)
    return Rows(
        np.concatenate(targets),
        np.concatenate([ours for ours, _ in predictions]),
        np.concatenate([theirs for _, theirs in predictions]),
        {name: values[name].to_list() for name in names},
    )


def true_values(typed: pl.DataFrame, model: ModelVersion) -> NDArray[np.float64]:
    """Return the target as numbers, or as class indices; NaN where missing or of no known class."""
    name, classes = model.metadata.target, model.preprocessor.classes
    if classes is None:
        value = pl.col(name)
    else:
        value = encode_category(labels_of(name, model.metadata.columns), classes)
    return typed.select(value.cast(pl.Float64)).to_series().fill_null(float("nan")).to_numpy()
