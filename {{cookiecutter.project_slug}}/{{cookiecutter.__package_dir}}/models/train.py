"""Fit the model and its baseline, the model again on all rows, and save a new version."""

import hashlib
import json
import logging
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..config import AUTO, Config, Train
from ..data.schema import Schema, load_schema
from ..preprocess import current, processed
from ..preprocess.preprocessor import Preprocessor
from ..tracking.records import RefitRecord
from ..utils.random_seed import seed_everything
from . import fitting, scoring
from .attachments import Fitted, attach
from .choice import fit_chosen
from .comparison import MIN_RESAMPLES, Rows, compare_versions
from .estimators import check_name
from .interfaces import Estimator, Explainable
from .model_io import (
    BASELINE,
    MODEL,
    PICKLE,
    RECIPE,
    GoldenRow,
    package_versions,
    save_version,
    training_commit,
)
from .onnx_export import with_metadata
from .predictor import Predictor
from .registry import new_version
from .slices import check_columns

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """A new version and how it does on the validation rows."""

    version: str
    folder: Path
    metrics: dict[str, float]
    baseline: dict[str, float]


def run(config: Config, version: str | None = None) -> Trained:
    """Train on data/processed and write models/vX.Y/.

    The recipe is the model fitted on the training rows, for as long as the validation rows gain
    by it; it is what is measured and compared. What is served is the same fitted again on all
    rows that have a target, unless `train.refit` is off.

    Args:
        config: The configuration.
        version: The new version's name; None takes the next one.

    Raises:
        UserError: There is nothing to train on, the version exists, or the ONNX model does not
            predict what the trained one does.
    """
    settings = config.train
    if settings.model != AUTO:
        check_name("train.model", settings.model)
    check_name("train.baseline", settings.baseline)
    folder = new_version(config.paths.models, version)
    schema = load_schema(config.paths.schema_)
    preprocessor, summary = current.load(config)
    check_columns(config.evaluate.slices, preprocessor)
    seed_everything(settings.seed)
    whole, sets = processed.read_arrays(
        config.paths.processed, preprocessor, summary, config.data.batch_rows
    )
    training, validation = sets["train"], sets["val"]
    at_random = config.split.by == "random"
    log.info("training %s on %s rows x %s inputs", settings.model, *training[0].shape)
    settings, choice, (recipe, found) = fit_chosen(
        settings, preprocessor, training, validation, at_random
    )
    baseline = fitting.fit(fitting.baseline_of(settings), preprocessor, *training)
    served, refit = recipe, None
    if settings.refit:
        served, refit = _refit(settings, found, preprocessor, recipe, whole, len(training[1]))
    classes = preprocessor.classes
    scale = 1.0 if classes else max(1.0, float(np.abs(training[1]).max()))
    seen = [training[0], validation[0]]
    onnx, predictor = fitting.export(served, preprocessor, seen, scale)
    files = {MODEL: with_metadata(onnx, _labels(config.model.name, folder.name, preprocessor))}
    if refit is not None:
        files[RECIPE], _ = fitting.export(recipe, preprocessor, seen, scale)
    files[BASELINE], _ = fitting.export(baseline, preprocessor, seen, scale)
    explanation, extra = served.explanation() if isinstance(served, Explainable) else (None, {})
    files |= {PICKLE: pickle.dumps(served), **extra}
    predict = partial(fitting.predict, recipe, preprocessor)
    fitted = Fitted(preprocessor, sets, predict, config.evaluate.threshold)
    files |= attach(settings.attachments, fitted)
    record = _origin(config, schema, preprocessor, summary) | {
        "model": settings.model,
        "found_params": found,
        "choice": choice,
        "design_matrix": recipe.design_matrix,
        **_measured(config, preprocessor, recipe, baseline, validation),
        "refit": refit,
        "explanation": explanation,
        "golden": [golden_row(predictor, row) for row in summary.golden],
    }
    metadata = save_version(folder, record, preprocessor, files)
    return Trained(folder.name, folder, metadata.metrics, metadata.baseline.metrics)


def _measured(
    config: Config,
    preprocessor: Preprocessor,
    recipe: Estimator,
    baseline: Estimator,
    validation: fitting.Set,
) -> dict[str, Any]:
    """Return what the validation rows say of the recipe and of the baseline."""
    x, y = validation
    classes, threshold = preprocessor.classes, config.evaluate.threshold
    y_pred, y_baseline = (fitting.predict(one, preprocessor, x) for one in (recipe, baseline))
    interval = None if classes else fitting.conformal(y, y_pred, config.train.interval_level)
    half_width = None if interval is None else interval.half_widths_of(y_pred)
    return {
        "baseline": {
            "model": config.train.baseline,
            "design_matrix": baseline.design_matrix,
            "metrics": scoring.values(classes, y, y_baseline, None, threshold),
        },
        "metrics": scoring.values(classes, y, y_pred, half_width, threshold),
        "interval": interval,
    }


def _refit(
    settings: Train,
    found: Mapping[str, Any],
    preprocessor: Preprocessor,
    recipe: Estimator,
    whole: fitting.Set,
    learned: int,
) -> tuple[Estimator, RefitRecord | None]:
    """Fit what was measured again, on all rows that have a target: what is served.

    Its interval is that of the recipe, from all rows which that has not learned from: the model
    itself knows these rows, so that its own residuals there say nothing.

    Args:
        settings: As for the recipe.
        found: The parameters that were found for it.
        preprocessor: The fitted transformation.
        recipe: What was measured.
        whole: All rows; first those that it has learned from.
        learned: How many these are.

    Returns:
        The model; the recipe and None where it is worse on rows that it knows, beyond doubt.
    """
    x, y = whole
    same = settings.model_copy(update={"params": {**settings.params, **found}})
    model = fitting.fit(same, preprocessor, x, y)
    x, y_true = x[learned:], y[learned:]
    again, before = (fitting.predict(one, preprocessor, x) for one in (model, recipe))
    rows = Rows(y_true, again.astype(np.float32), before.astype(np.float32))
    decision = compare_versions(rows, preprocessor.task, 1, 0, MIN_RESAMPLES, settings.seed)
    if decision.decision == "reject":
        log.warning("fitted again on all rows the model is %s; it is left", decision.reasons[0])
        return recipe, None
    level = settings.interval_level
    interval = None if preprocessor.classes else fitting.conformal(y_true, before, level)
    return model, RefitRecord(rows=len(y), interval=interval)


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
            "missing": summary.missing,
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


def golden_row(predictor: Predictor, row: dict[str, Any]) -> GoldenRow:
    """Return a raw row with its prediction: what a served copy of the model must give."""
    values = predictor.preprocessor.parse_row(row)
    return GoldenRow(row=row, prediction=tuple(predictor.predict_row(values)))


def config_hash(config: Config) -> str:
    """Return the SHA-256 of the whole configuration."""
    return hashlib.sha256(config.model_dump_json(by_alias=True).encode()).hexdigest()
