"""Whether more data would help: the primary metric after training on growing parts."""

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import Evaluate, Train
from ..data import tables
from ..preprocess import processed
from ..preprocess.preprocessor import Preprocessor
from ..preprocess.transforms import Floats
from ..reports.results import LEARNING_ROUNDS, LearningPoint
from ..utils.metrics import PRIMARY
from ..utils.progress import progress
from . import fitting, scoring
from .model_io import ModelVersion

Array = NDArray[np.float64]

TRAINING_ROWS = 100_000
VALIDATION_ROWS = 50_000


def learning_curve(
    model: ModelVersion, folder: Path, training: Train, settings: Evaluate, batch_rows: int
) -> list[LearningPoint]:
    """Train model and baseline on growing random parts and score them on validation rows.

    At most TRAINING_ROWS training rows and VALIDATION_ROWS validation rows are used; each part
    holds the smaller ones. What early stopping found is kept to, up to LEARNING_ROUNDS. A part
    without a row of every class is left out.

    Args:
        model: Whose estimator, parameters and baseline are fitted.
        folder: data/processed.
        training: Seed and threads.
        settings: The fractions of the training rows, and the threshold.
        batch_rows: Rows to read at a time.
    """
    preprocessor, classes = model.preprocessor, model.preprocessor.classes
    fractions = sorted(set(settings.learning_curve))
    if not fractions:
        return []
    random = np.random.default_rng(training.seed)
    x, y = _sample(folder, "train", preprocessor, TRAINING_ROWS, batch_rows, random)
    val_x, val_y = _sample(folder, "val", preprocessor, VALIDATION_ROWS, batch_rows, random)
    order = random.permutation(len(y))
    points = []
    with progress("learning curve", len(fractions), "fits") as bar:
        for fraction in fractions:
            rows = order[: max(1, round(fraction * len(y)))]
            bar.update(1)
            if classes is not None and len(np.unique(y[rows])) < len(classes):
                continue
            pair = []
            for one in _both(model, training):
                fitted = fitting.fit(one, preprocessor, x[rows], y[rows])
                y_pred = fitting.predict(fitted, preprocessor, val_x)
                pair.append(scoring.values(classes, val_y, y_pred, None, settings.threshold))
            points.append(_point(len(rows), preprocessor.task, *pair))
    return points


def _both(model: ModelVersion, training: Train) -> tuple[Train, Train]:
    """Return how the version and its baseline were fitted."""
    metadata = model.metadata
    found = {name: min(value, LEARNING_ROUNDS) for name, value in metadata.found_params.items()}
    params = metadata.params | found
    return (
        training.model_copy(update={"model": metadata.model, "params": params}),
        training.model_copy(update={"model": metadata.baseline.model, "params": {}}),
    )


def _point(
    rows: int, task: str, model: dict[str, float], baseline: dict[str, float]
) -> LearningPoint:
    """Return both in the first primary metric that is defined for the model."""
    primary = PRIMARY[task]
    name = next((name for name in primary if name in model), primary[0])
    return LearningPoint(rows, model.get(name, math.nan), baseline.get(name, math.nan))


def _sample(
    folder: Path,
    split: str,
    preprocessor: Preprocessor,
    limit: int,
    batch_rows: int,
    random: np.random.Generator,
) -> tuple[Floats, Array]:
    """Return inputs and targets of at most `limit` random rows of a set, in its order."""
    path = processed.set_path(folder, split)
    rows = tables.count_rows(path) or 0
    chosen = np.sort(random.choice(rows, min(rows, limit), replace=False))
    columns = [*(item.name for item in preprocessor.inputs), processed.TARGET]
    parts = []
    start = 0
    for frame in tables.iter_batches(path, batch_rows, columns=columns):
        inside = chosen[(chosen >= start) & (chosen < start + frame.height)] - start
        parts.append(processed.arrays(frame[inside], preprocessor))
        start += frame.height
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
