"""The metrics on parts of the test rows: those that share a value of one column."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from ..config import Evaluate
from ..errors import UserError
from ..preprocess.preprocessor import InputSpec, Preprocessor
from ..reports.results import Slice
from ..reports.slice_limit import Breach, SliceLimit
from ..utils.bootstrap import Comparison
from ..utils.metrics import METRICS, PRIMARY
from . import scoring
from .scoring import Predictions

Array = NDArray[np.float64]
Rows = NDArray[np.int64]

SLICE_ROWS = 30  # fewer say too little
SLICE_VALUES = 20  # the most frequent of a column
SLICE_RESAMPLES = 200


def check_columns(columns: Collection[str], preprocessor: Preprocessor) -> None:
    """Check that the columns to slice by are inputs of the model.

    Raises:
        UserError: One is not; exit code 2.
    """
    known = [item.name for item in preprocessor.inputs]
    for name in columns:
        if name not in known:
            raise UserError(
                f"evaluate.slices: {name!r} is not an input of the model "
                f"(there: {', '.join(known)})",
                2,
            )


def check_limit(settings: Evaluate, task: str) -> None:
    """Check that a floor or ceiling of the slices fits the task and can be held against anything.

    Args:
        settings: With at most one of both.
        task: "classification" or "regression".

    Raises:
        UserError: It is the wrong one, or there are no slices or no intervals; exit code 2.
    """
    kind, other = _kind(task)
    metric = METRICS[PRIMARY[task][0]]
    if getattr(settings, f"slice_{other}") is not None:
        better = "less" if kind == "ceiling" else "more"
        raise UserError(
            f"evaluate.slice_{other}: of {metric.label}, {better} is better: set "
            f"evaluate.slice_{kind} instead",
            2,
        )
    if getattr(settings, f"slice_{kind}") is not None and not settings.slices:
        raise UserError(f"evaluate.slice_{kind}: no slices: name columns in evaluate.slices", 2)
    if getattr(settings, f"slice_{kind}") is not None and settings.bootstrap == 0:
        raise UserError(
            f"evaluate.slice_{kind}: a slice fails by its interval, and there is none with "
            "evaluate.bootstrap: 0; set such as 500",
            2,
        )


def hold_to_limit(parts: Sequence[Slice], settings: Evaluate, task: str) -> SliceLimit | None:
    """Return which slices break the floor or ceiling with all of their interval.

    Args:
        parts: All slices.
        settings: The limit, and how many rows a slice must have to be held to it.
        task: "classification" or "regression"; the limit is of its first metric.

    Returns:
        None where no limit is set.
    """
    kind, _ = _kind(task)
    limit: float | None = getattr(settings, f"slice_{kind}")
    if limit is None:
        return None
    metric, sign = PRIMARY[task][0], 1 if kind == "floor" else -1
    held = [
        Breach(part.column, part.value, part.rows, part.metrics[metric].model)
        for part in parts
        if part.rows >= settings.slice_rows and metric in part.metrics
    ]
    failed = [
        one
        for one in held
        if (one.estimate.high < limit if kind == "floor" else one.estimate.low > limit)
    ]
    failed.sort(key=lambda one: sign * one.estimate.value)
    return SliceLimit(kind, metric, limit, settings.slice_rows, len(held), failed)


def _kind(task: str) -> tuple[str, str]:
    """Return which limit a task has, and which it has not."""
    if METRICS[PRIMARY[task][0]].higher_is_better:
        return "floor", "ceiling"
    return "ceiling", "floor"


def slices(
    predictions: Predictions,
    columns: Mapping[str, tuple[InputSpec, Array]],
    overall: Mapping[str, Comparison],
    primary: str,
    resamples: int,
    seed: int,
) -> tuple[list[Slice], dict[str, int]]:
    """Compare model and baseline on the rows of each value of each column.

    Args:
        predictions: n rows.
        columns: By name, the input and its n values.
        overall: The comparison on all rows.
        primary: The metric that tells whether a slice is weak.
        resamples: Bootstrap draws for the intervals; at most SLICE_RESAMPLES are made.
        seed: Of the draws.

    Returns:
        The slices, and by column how many were left out, since they have fewer rows.
    """
    y_true, y_pred = _plain(predictions)
    parts: list[Slice] = []
    left_out = {}
    for column, (item, values) in columns.items():
        groups = list(_groups(item, values))
        if item.kind != "number":
            groups.sort(key=lambda pair: -len(pair[1]))
        kept = [pair for pair in groups if len(pair[1]) >= SLICE_ROWS][:SLICE_VALUES]
        if len(kept) < len(groups):
            left_out[column] = len(groups) - len(kept)
        for value, rows in kept:
            compared = scoring.compare(predictions, min(resamples, SLICE_RESAMPLES), seed, rows)
            parts.append(
                Slice(
                    column=column,
                    value=value,
                    rows=len(rows),
                    target=float(y_true[rows].mean()),
                    predicted=float(y_pred[rows].mean()),
                    metrics=compared,
                    weak=_is_weak(compared, overall, primary),
                )
            )
    return parts, left_out


def _plain(predictions: Predictions) -> tuple[Array, Array]:
    """Return n targets and n predictions to average: of the positive class, if there are two.

    With more classes there is nothing to average: both are NaN.
    """
    if predictions.classes is None:
        return predictions.y_true, predictions.y_pred
    if len(predictions.classes) == 2:
        return predictions.y_true, predictions.y_pred[:, 1]
    undefined = np.full(len(predictions), math.nan)
    return undefined, undefined


def _groups(item: InputSpec, values: Array) -> Iterator[tuple[str, Rows]]:
    """Yield each value (or quarter of a number's range) with the rows that have it."""
    missing = np.isnan(values)
    if item.kind == "category":
        for code in np.unique(values[~missing]):
            yield item.levels[int(code)], np.flatnonzero(values == code)
        if missing.any():
            yield "(missing or rare)", np.flatnonzero(missing)
        return
    if item.source == "boolean":
        for value, name in ((0.0, "false"), (1.0, "true")):
            if (values == value).any():
                yield name, np.flatnonzero(values == value)
    elif not missing.all():
        yield from _quarters(item, values, missing)
    if missing.any():
        yield "(missing)", np.flatnonzero(missing)


def _quarters(
    item: InputSpec, values: Array, missing: NDArray[np.bool_]
) -> Iterator[tuple[str, Rows]]:
    """Yield the quarters of a number's range that have rows, the lowest first."""
    edges = np.unique(np.quantile(values[~missing], [0.25, 0.5, 0.75], method="inverted_cdf"))
    quarter = np.searchsorted(edges, values, side="left")
    for number in np.unique(quarter[~missing]):
        rows = np.flatnonzero((quarter == number) & ~missing)
        low, high = values[rows].min(), values[rows].max()
        first = _text(item, low)
        yield first if low == high else f"{first} to {_text(item, high)}", rows


def _text(item: InputSpec, value: float) -> str:
    if item.source == "datetime":  # days since 1970
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=value)).date().isoformat()
    return f"{value:.4g}"


def _is_weak(
    compared: Mapping[str, Comparison], overall: Mapping[str, Comparison], primary: str
) -> bool:
    """Tell whether the primary metric is worse than on all rows by more than chance explains."""
    if primary not in compared or primary not in overall:
        return False
    here, everywhere = compared[primary].model, overall[primary].model.value
    if METRICS[primary].higher_is_better:
        return here.high < everywhere
    return here.low > everywhere
