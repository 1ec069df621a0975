"""Fit the model and its baseline on the training rows and save them as a new version."""

import hashlib
import json
import logging
import pickle
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..config import Config, Train
from ..data.schema import Schema, load_schema
from ..errors import UserError
from ..preprocess import current, processed
from ..preprocess.preprocessor import Preprocessor
from ..preprocess.transforms import Floats
from ..tracking import Interval
from ..utils.random_seed import seed_everything
from . import scoring
from .estimators import ESTIMATORS, check_name
from .interfaces import EarlyStopping, Estimator, Explainable, Settings
from .model_io import (
    BASELINE,
    MODEL,
    PICKLE,
    GoldenRow,
    package_versions,
    save_version,
    training_commit,
)
from .onnx_export import with_metadata
from .predictor import Predictor
from .registry import new_version

log = logging.getLogger(__name__)
ONNX_TOLERANCE = 1e-5
SMALL_CELLS = 1_000_000  # rows x inputs
Set: TypeAlias = tuple[Floats, NDArray[np.float64]]  # inputs (n, k) and n targets
Found: TypeAlias = tuple[Estimator, dict[str, Any]]


@dataclass(frozen=True)
class Trained:
    """A new version and how it does on the validation rows."""

    version: str
    folder: Path
    metrics: dict[str, float]
    baseline: dict[str, float]


def run(config: Config, version: str | None = None) -> Trained:
    """Train on data/processed and write models/vX.Y/.

    Args:
        config: The configuration.
        version: The new version's name; None takes the next one.

    Raises:
        UserError: There is nothing to train on, the version exists, or the ONNX model does not
            predict what the trained one does.
    """
    settings, threshold = config.train, config.evaluate.threshold
    check_name("train.model", settings.model)
    check_name("train.baseline", settings.baseline)
    folder = new_version(config.paths.models, version)
    schema = load_schema(config.paths.schema_)
    preprocessor, summary = current.load(config)
    seed_everything(settings.seed)
    (x, y), (x_val, y_val) = (
        processed.arrays(processed.read_set(config.paths.processed, split), preprocessor)
        for split in ("train", "val")
    )
    log.info("training %s on %s rows x %s inputs", settings.model, *x.shape)
    model, found = fit_until(settings, preprocessor, (x, y), (x_val, y_val))
    baseline = fit(baseline_of(settings), preprocessor, x, y)
    y_pred, y_baseline = (predict(each, preprocessor, x_val) for each in (model, baseline))
    classes = preprocessor.classes
    interval = None if classes else conformal(y_val, y_pred, settings.interval_level)
    scale = 1.0 if classes else max(1.0, float(np.abs(y).max()))
    onnx, predictor = export(model, preprocessor, [x, x_val], scale)
    baseline_onnx, _ = export(baseline, preprocessor, [x, x_val], scale)
    explanation, extra = model.explanation() if isinstance(model, Explainable) else (None, {})
    half_width = None if interval is None else interval.half_width
    record = _origin(config, schema, preprocessor, summary) | {
        "found_params": found,
        "design_matrix": model.design_matrix,
        "baseline": {
            "model": settings.baseline,
            "design_matrix": baseline.design_matrix,
            "metrics": scoring.values(classes, y_val, y_baseline, None, threshold),
        },
        "metrics": scoring.values(classes, y_val, y_pred, half_width, threshold),
        "interval": interval,
        "explanation": explanation,
        "golden": [golden_row(predictor, row) for row in summary.golden],
    }
    onnx = with_metadata(onnx, _labels(config.model.name, folder.name, preprocessor))
    files = {MODEL: onnx, BASELINE: baseline_onnx, PICKLE: pickle.dumps(model), **extra}
    metadata = save_version(folder, record, preprocessor, files)
    return Trained(folder.name, folder, metadata.metrics, metadata.baseline.metrics)


def _origin(
    config: Config, schema: Schema, preprocessor: Preprocessor, summary: processed.Summary
) -> dict[str, Any]:
    """Return what is recorded of where a version comes from."""
    settings = config.train
    return {
        "name": config.model.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "task": preprocessor.task,
        "target": preprocessor.target,
        "classes": preprocessor.classes,
        "columns": schema.columns,
        "model": settings.model,
        "params": settings.params,
        "seed": settings.seed,
        "split": summary.split,
        **training_commit(),
        "config_hash": config_hash(config),
        "schema_hash": preprocessor.schema_hash,
        "preprocessor_hash": preprocessor.hash,
        "data": {
            "source": config.data.file_name,
            "sha256": summary.data_sha256,
            "rows": {**summary.rows, "raw": summary.raw_rows},
            "missing_target": summary.missing_target,
        },
        "threshold": config.evaluate.threshold,
        "packages": package_versions(),
    }


def _labels(name: str, version: str, preprocessor: Preprocessor) -> dict[str, str]:
    """Return what model.onnx says of itself."""
    return {
        "name": name,
        "version": version,
        "schema_hash": preprocessor.schema_hash,
        "preprocessor_hash": preprocessor.hash,
        "classes": json.dumps(preprocessor.classes),
    }


def baseline_of(settings: Train) -> Train:
    """Return the settings that the baseline is fitted with."""
    return settings.model_copy(update={"model": settings.baseline, "params": {}})


def fit(
    settings: Train, preprocessor: Preprocessor, x: Floats, y: NDArray[np.float64]
) -> Estimator:
    """Fit a model on transformed rows.

    Args:
        settings: Which model, its parameters, seed and threads.
        preprocessor: The fitted transformation.
        x: Array (n, k) of inputs, NaN where missing.
        y: n targets: numbers or class indices.
    """
    model = _new(settings, preprocessor, x)
    categorical = [] if model.design_matrix else preprocessor.categorical
    model.fit(_inputs(model, preprocessor, x), y, categorical)
    return model


def fit_until(settings: Train, preprocessor: Preprocessor, training: Set, validation: Set) -> Found:
    """Fit a model on transformed rows for as long as validation rows gain by it.

    Args:
        settings: As for `fit`; so are the arrays of a set.
        preprocessor: The fitted transformation.
        training: The rows to fit on.
        validation: The rows that tell when to stop, where the model knows how to.

    Returns:
        The model, and the parameters that have been found: `fit` with them needs no validation.
    """
    x, y = training
    model = _new(settings, preprocessor, x)
    if not isinstance(model, EarlyStopping):
        return fit(settings, preprocessor, x, y), {}
    categorical = [] if model.design_matrix else preprocessor.categorical
    x, x_val = (_inputs(model, preprocessor, each) for each in (x, validation[0]))
    return model, model.fit_until(x, y, categorical, x_val, validation[1])


def _new(settings: Train, preprocessor: Preprocessor, x: Floats) -> Estimator:
    # Below this more threads only wait for each other; the fitted model is the same.
    threads = 1 if settings.threads == 0 and x.size < SMALL_CELLS else settings.threads
    classes = len(preprocessor.classes or ())
    values = Settings(preprocessor.task, classes, settings.params, settings.seed, threads)
    return ESTIMATORS[settings.model](values)


def _inputs(model: Estimator, preprocessor: Preprocessor, x: Floats) -> Floats:
    return preprocessor.design_matrix(x) if model.design_matrix else x


def predict(model: Estimator, preprocessor: Preprocessor, x: Floats) -> NDArray[np.float64]:
    """Return (n, classes) probabilities or n predictions for transformed rows (n, k)."""
    return model.predict(_inputs(model, preprocessor, x))


def conformal(y_true: NDArray[np.float64], y_pred: NDArray[np.float64], level: float) -> Interval:
    """Return the interval that covers `level` of new rows.

    Split-conformal prediction (Lei et al., 2018, "Distribution-Free Predictive Inference for
    Regression", algorithm 2): half its width is the ceil((n + 1) * level)-th smallest absolute
    residual of n rows that the model was not fitted on.

    Args:
        y_true: n targets of the validation rows.
        y_pred: n predictions for them.
        level: Wanted coverage, between 0 and 1.
    """
    residuals = np.sort(np.abs(y_true - y_pred))
    rank = min(int(np.ceil((len(residuals) + 1) * level)), len(residuals))
    return Interval(level=level, half_width=float(residuals[rank - 1]))


def export(
    model: Estimator, preprocessor: Preprocessor, parts: list[Floats], scale: float = 1.0
) -> tuple[bytes, Predictor]:
    """Return the model as ONNX and a predictor that runs it, once both agree on some rows.

    Args:
        model: A fitted model.
        preprocessor: The fitted transformation.
        parts: Arrays (n, k) of inputs to compare on.
        scale: Size of a typical prediction; float32 carries about seven digits of it.

    Raises:
        UserError: A prediction differs by more than 1e-5 of the scale.
    """
    onnx = model.to_onnx()
    predictor = Predictor(preprocessor, onnx, model.design_matrix)
    difference = max(
        float(np.abs(predictor.predict(x) - predict(model, preprocessor, x)).max()) for x in parts
    )
    if not difference <= ONNX_TOLERANCE * scale:
        raise UserError(
            f"the exported model predicts something else than the trained one (largest difference "
            f"{difference:g}, allowed {ONNX_TOLERANCE * scale:g}); it is not saved"
        )
    return onnx, predictor


def golden_row(predictor: Predictor, row: dict[str, Any]) -> GoldenRow:
    """Return a raw row with its prediction: what a served copy of the model must give."""
    values = predictor.preprocessor.parse_row(row)
    return GoldenRow(row=row, prediction=tuple(predictor.predict_row(values)))


def config_hash(config: Config) -> str:
    """Return the SHA-256 of the whole configuration."""
    return hashlib.sha256(config.model_dump_json(by_alias=True).encode()).hexdigest()
