"""Measure a version's recipe on the test rows, beside its baseline: all numbers, nothing drawn."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..config import Evaluate
from ..data import tables
from ..preprocess import processed
from ..preprocess.transforms import Floats
from ..reports.results import Evaluation
from ..utils.progress import progress
from . import distributions, importance, notes, scoring, slices
from .model_io import ModelVersion
from .scoring import Predictions

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TestSet:
    """The test rows, and what model and baseline predict for them.

    Attributes:
        predictions: Targets and predictions of the n rows.
        columns: (n,) input values of each column to slice by.
        x: (m, inputs) a random part of the rows, for the permutation importance.
        y_true: (m,) their targets.
        period: First and last moment, if the table has times.
    """

    __test__ = False  # not a test case, whatever its name says

    predictions: Predictions
    columns: dict[str, Array]
    x: Floats
    y_true: Array
    period: tuple[str, str] | None


def read_test(
    model: ModelVersion, folder: Path, settings: Evaluate, batch_rows: int, seed: int
) -> TestSet:
    """Predict the test set batch by batch; only targets, predictions and slices stay in memory.

    Args:
        model: The version to evaluate.
        folder: data/processed.
        settings: The columns to slice by, and the threshold.
        batch_rows: Rows to read at a time.
        seed: Of the random part for the permutation importance.
    """
    preprocessor = model.preprocessor
    names = [item.name for item in preprocessor.inputs]
    positions = [names.index(name) for name in settings.slices]
    columns = [*names, processed.TARGET, *([preprocessor.time] if preprocessor.time else [])]
    path = processed.set_path(folder, "test")
    rows = tables.count_rows(path) or 0
    size = importance.sample_size(rows, len(names))
    sample = np.sort(np.random.default_rng(seed).choice(rows, size, replace=False))
    batches: list[tuple[NDArray[Any], ...]] = []
    moments: list[datetime] = []
    start = 0
    with progress("predict the test set", rows, "rows") as bar:
        for frame in tables.iter_batches(path, batch_rows, columns=columns):
            x, y = processed.arrays(frame, preprocessor)
            predicted = model.recipe.predict(x), model.baseline.predict(x)
            inside = sample[(sample >= start) & (sample < start + len(y))] - start
            batches.append((y, *predicted, x[:, positions], x[inside]))
            moments += _moments(frame, preprocessor.time)
            start += len(y)
            bar.update(len(y))
    y_true, y_pred, baseline, values, sample_x = map(np.concatenate, zip(*batches, strict=True))
    y_pred, baseline, values = (one.astype(np.float64) for one in (y_pred, baseline, values))
    interval = model.metadata.interval
    half_width = None if interval is None else interval.half_widths_of(y_pred)
    return TestSet(
        Predictions(preprocessor.classes, y_true, y_pred, baseline, settings.threshold, half_width),
        columns={name: values[:, i] for i, name in enumerate(settings.slices)},
        x=sample_x,
        y_true=y_true[sample],
        period=(min(moments).isoformat(" "), max(moments).isoformat(" ")) if moments else None,
    )


def measure(
    model: ModelVersion,
    test: TestSet,
    settings: Evaluate,
    seed: int,
    unit: str | None,
    folder: Path,
) -> Evaluation:
    """Return all that the test set tells about a version; the learning curve is not part of it.

    Args:
        model: The version.
        test: Its predictions of the test rows.
        settings: Resamples for the intervals, and the threshold.
        seed: Of resamples and shuffles.
        unit: Of the target.
        folder: Where the evaluation will be kept.
    """
    preprocessor, predictions = model.preprocessor, test.predictions
    compared = scoring.compare(predictions, settings.bootstrap, seed)
    primary = scoring.primary_metric(preprocessor.task, compared)
    inputs = {item.name: item for item in preprocessor.inputs}
    columns = {name: (inputs[name], values) for name, values in test.columns.items()}
    parts, left_out = slices.slices(
        predictions, columns, compared, primary, settings.bootstrap, seed
    )
    evaluation = Evaluation(
        version=model.version,
        folder=folder,
        metadata=model.metadata,
        task=preprocessor.task,
        target=preprocessor.target,
        unit=unit,
        classes=preprocessor.classes,
        inputs=preprocessor.inputs,
        rows=len(predictions),
        period=test.period,
        threshold=settings.threshold,
        primary=primary,
        metrics=compared,
        slices=parts,
        left_out=left_out,
        slice_limit=slices.hold_to_limit(parts, settings, preprocessor.task),
        importance=importance.importance(
            model, test.x, test.y_true, primary, settings.threshold, seed
        ),
        importance_rows=len(test.x),
    )
    evaluation = _with_distributions(evaluation, predictions)
    return replace(evaluation, notes=notes.notes(evaluation, predictions))


def _with_distributions(evaluation: Evaluation, predictions: Predictions) -> Evaluation:
    """Add what only classification or only regression has."""
    y_true, y_pred, baseline = predictions.y_true, predictions.y_pred, predictions.baseline
    if predictions.classes is None:
        half_width = predictions.half_width
        return replace(
            evaluation,
            coverage=[]
            if half_width is None
            else scoring.interval_coverage(y_true, y_pred, half_width),
            residuals=distributions.residuals(predictions),
        )
    threshold = predictions.threshold
    return replace(
        evaluation,
        confusion=scoring.confusion_counts(y_true, y_pred, threshold),
        baseline_confusion=scoring.confusion_counts(y_true, baseline, threshold),
        calibration=scoring.calibration(y_true, y_pred),
        baseline_calibration=scoring.calibration(y_true, baseline),
        curves=distributions.curves(predictions),
        scores=distributions.scores(predictions),
    )


def _moments(frame: pl.DataFrame, time: str | None) -> list[datetime]:
    """Return the first and the last moment of some rows; none where no row has one."""
    if time is None:
        return []
    ends = frame[time].min(), frame[time].max()
    return [moment for moment in ends if isinstance(moment, datetime)]
