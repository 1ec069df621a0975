"""Fit the model and its baseline on the training rows and save them as a new version."""

import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..config import Config
from ..data.schema import load_schema
from ..errors import UserError
from ..predict.reload import plain_values
from ..preprocess import pipeline
from ..preprocess.preprocessor import Plan
from ..preprocess.transforms import Floats
from ..utils import metrics
from ..utils.random_seed import seed_everything
from . import estimators, model_io
from .predictor import Predictor

log = logging.getLogger(__name__)
ONNX_TOLERANCE = 1e-5
SMALL_CELLS = 1_000_000


@dataclass(frozen=True)
class Trained:
    """A new version and how it does on the validation rows."""

    version: str
    path: Path
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
    plan, summary = pipeline.load(config)
    seed_everything(config.train.seed)
    x, y = arrays(pipeline.read_split(config, "train"), plan)
    val_x, val_y = arrays(pipeline.read_split(config, "val"), plan)
    log.info("training %s on %s rows x %s inputs", config.train.model, *x.shape)
    model = fit(config, plan, x, y)
    baseline = fit(config, plan, x, y, config.train.baseline, {})
    val = predict(model, plan, val_x)
    interval = None if plan.classes else conformal(val_y, val, config.train.interval_level)

    test_x, _ = arrays(pipeline.read_split(config, "test"), plan)
    rows = np.concatenate([val_x, test_x])
    scale = 1.0 if plan.classes else max(1.0, float(np.abs(y).max()))
    onnx, served = export(model, plan, rows, scale)
    baseline_onnx, _ = export(baseline, plan, rows, scale)

    half = None if interval is None else float(interval["quantile"])
    metadata: dict[str, Any] = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "task": plan.task,
        "target": plan.target,
        "unit": load_schema(config.paths.schema_).columns[plan.target].unit,
        "classes": plan.classes,
        "model": config.train.model,
        "dense": model.dense,
        "params": config.train.params,
        "baseline": {"model": config.train.baseline, "dense": baseline.dense},
        "seed": config.train.seed,
        "split": config.split.model_dump(mode="json"),
        **model_io.training_commit(),
        "config_hash": config_hash(config),
        "schema_hash": plan.schema_hash,
        "plan_hash": plan.hash,
        "data": {
            "source": config.data.file_name,
            "sha256": summary.data_sha256,
            "rows": {**summary.rows, "raw": summary.raw_rows},
            "missing_target": summary.missing_target,
        },
        "metrics": score(plan, val_y, val, half, config.evaluate.threshold),
        "baseline_metrics": score(
            plan, val_y, predict(baseline, plan, val_x), None, config.evaluate.threshold
        ),
        "interval": interval,
        "threshold": config.evaluate.threshold,
        "golden": golden(served, plan, summary.golden),
        "packages": model_io.package_versions(),
    }
    path = model_io.save_bundle(
        config.paths.models, version, plan, model, onnx, baseline_onnx, metadata
    )
    return Trained(path.name, path, metadata["metrics"], metadata["baseline_metrics"])


def arrays(frame: pl.DataFrame, plan: Plan) -> tuple[Floats, NDArray[np.float64]]:
    """Return a set's inputs (n, k) float32 in C order, and its n targets (classes: indices)."""
    names = [item.name for item in plan.inputs]
    x = np.empty((frame.height, len(names)), dtype=np.float32)
    for i, name in enumerate(names):  # one column at a time: never two whole copies
        x[:, i] = frame[name].to_numpy()
    return x, frame[pipeline.TARGET].cast(pl.Float64).to_numpy()


def fit(
    config: Config,
    plan: Plan,
    x: Floats,
    y: NDArray[np.float64],
    name: str | None = None,
    params: dict[str, Any] | None = None,
) -> estimators.Estimator:
    """Fit the configured model, or another one, on encoded rows.

    Args:
        config: The configuration.
        plan: The fitted transformation.
        x: Array (n, k) of inputs, NaN where missing.
        y: n targets: numbers or class indices.
        name: The model; None takes the configured one.
        params: Its parameters; None takes the configured ones.
    """
    train = config.train
    # Below this more threads only wait for each other; the fitted model is the same.
    threads = 1 if train.threads == 0 and x.size < SMALL_CELLS else train.threads
    model = estimators.make(
        name or train.model,
        plan.task,
        len(plan.classes or ()),
        train.params if params is None else params,
        train.seed,
        threads,
    )
    if model.dense:
        model.fit(plan.dense(x), y, [])
    else:
        model.fit(x, y, plan.categorical)
    return model


def predict(model: estimators.Estimator, plan: Plan, x: Floats) -> NDArray[np.float64]:
    """Return (n, classes) probabilities or n predictions for encoded rows (n, k)."""
    return model.predict(plan.dense(x) if model.dense else x)


def conformal(
    y: NDArray[np.float64], predicted: NDArray[np.float64], level: float
) -> dict[str, float]:
    """Return the half-width that a prediction interval needs to cover `level` of new rows.

    Split-conformal prediction (Lei et al., 2018, "Distribution-Free Predictive Inference for
    Regression", algorithm 2): the ceil((n + 1) * level)-th smallest absolute residual of n rows
    that the model was not fitted on.

    Args:
        y: n targets of the validation rows.
        predicted: n predictions for them.
        level: Wanted coverage, between 0 and 1.

    Returns:
        "level", and "quantile" in the target's unit.
    """
    residuals = np.sort(np.abs(y - predicted))
    rank = min(int(np.ceil((len(residuals) + 1) * level)), len(residuals))
    return {"level": level, "quantile": float(residuals[rank - 1])}


def export(
    model: estimators.Estimator, plan: Plan, rows: Floats, scale: float = 1.0
) -> tuple[bytes, Predictor]:
    """Return the model as ONNX and a predictor that runs it, once both agree on `rows`.

    Args:
        model: A fitted model.
        plan: The fitted transformation.
        rows: Array (n, k) of inputs to compare on.
        scale: Size of a typical prediction; float32 carries about seven digits of it.

    Raises:
        UserError: A prediction differs by more than 1e-5 of the scale.
    """
    onnx = model.to_onnx()
    predictor = Predictor(plan, onnx, model.dense)
    difference = float(np.abs(predictor.predict_codes(rows) - predict(model, plan, rows)).max())
    if not difference <= ONNX_TOLERANCE * scale:
        raise UserError(
            f"the exported model predicts something else than the trained one (largest difference "
            f"{difference:g}, allowed {ONNX_TOLERANCE * scale:g}); it is not saved"
        )
    return onnx, predictor


def golden(predictor: Predictor, plan: Plan, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return raw rows with their predictions: what a served copy of the model must give."""
    return [
        {"row": row, "prediction": predictor.predict_row(plain_values(row, plan))} for row in rows
    ]


def score(
    plan: Plan,
    y: NDArray[np.float64],
    predicted: NDArray[np.float64],
    half_width: float | None,
    threshold: float,
) -> dict[str, float]:
    """Return the metrics of predictions for rows whose targets are y."""
    scorer = (
        metrics.classification_scorer(y, predicted, threshold)
        if plan.classes
        else metrics.regression_scorer(y, predicted, half_width)
    )
    found = scorer(np.ones(len(y)))
    return {name: value for name, value in found.items() if np.isfinite(value)}


def config_hash(config: Config) -> str:
    """Return the SHA-256 of the whole configuration."""
    return hashlib.sha256(config.model_dump_json(by_alias=True).encode()).hexdigest()
