"""Whether a new version takes the champion's place, on rows that neither has learned from."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ..config import Config
from ..data import ingest
from ..data import tables as utils
from ..data.checks import cast
from ..data.schema import Schema, label, load_schema
from ..errors import UserError
from ..preprocess.split import TEST, split_rows
from ..preprocess.transforms import Floats
from ..utils import bootstrap, metrics
from ..utils.files import write_json
from .model_io import ModelVersion
from .registry import ModelRegistry, find_version, versions

Decision = Literal["promote", "inconclusive", "reject"]


@dataclass(frozen=True)
class Rows:
    """Test rows, and what both models say of them.

    Attributes:
        target: n true values: numbers or class indices.
        candidate: (n, classes) probabilities or n predictions of the new version.
        champion: The same of the present champion.
        slices: By column, the n values that the rows are grouped by.
    """

    target: NDArray[np.float64]
    candidate: Floats
    champion: Floats
    slices: Mapping[str, Sequence[str | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class PromotionDecision:
    """What was decided, and why."""

    decision: Decision
    reasons: tuple[str, ...]
    candidate: str = ""
    champion: str | None = None
    rows: int = 0
    metric: str = ""
    difference: tuple[float, float, float] | None = None  # candidate - champion: value, low, high


def compare_versions(
    rows: Rows,
    task: Literal["classification", "regression"],
    slice_rows: int,
    slice_floor: float,
    resamples: int,
    seed: int = 0,
) -> PromotionDecision:
    """Compare two models on the same rows.

    The primary metric's difference gets a paired bootstrap interval. Promote: it is better beyond
    doubt, and no slice got worse. Reject: it is worse beyond doubt, or a slice got worse. Hold:
    the interval holds 0, so that the rows cannot tell.

    Args:
        rows: Test rows that neither model was trained on, and both predictions.
        task: "classification" or "regression".
        slice_rows: Slices with fewer rows are not looked at.
        slice_floor: A slice counts as worse when its metric is worse by more than this share of
            the champion's, beyond doubt.
        resamples: Bootstrap draws; at least 1.
        seed: Seed of the draws.
    """
    name, compared = _compare(rows, task, resamples, seed)
    known = metrics.METRICS[name]
    difference = compared.difference
    better = bootstrap.is_better(difference, known.higher_is_better)
    shown = (
        f"{known.label} {compared.model.value:.4f} against {compared.baseline.value:.4f} "
        f"(difference {difference.value:+.4f}, {difference.low:+.4f} to {difference.high:+.4f})"
    )
    fallen = _fallen(rows, task, slice_rows, slice_floor, resamples, seed)
    decision: Decision
    if better is False:
        decision, reasons = "reject", [f"worse: {shown}"]
    elif fallen:
        decision, reasons = "reject", [shown]
    elif better:
        decision, reasons = "promote", [f"better: {shown}"]
    else:
        decision, reasons = "inconclusive", [f"no clear difference: {shown}"]
    return PromotionDecision(
        decision,
        (*reasons, *fallen),
        rows=len(rows.target),
        metric=name,
        difference=(difference.value, difference.low, difference.high),
    )


def promote(config: Config, version: str | None = None, force: bool = False) -> PromotionDecision:
    """Make a version the champion if it deserves it.

    The decision is written to artifacts/<version>/decision.json. Without a champion, or after one
    that predicts something else, a version is promoted as it is.

    Args:
        config: The configuration.
        version: The new version; None takes the newest.
        force: Promote whatever the comparison says; the decision notes it.

    Raises:
        UserError: There is no such version, it is the champion already, or the two cannot be
            compared on rows that neither was trained on.
    """
    model = find_version(config.paths.models, version)
    registry = ModelRegistry(config.serve.store, config.serve.cache)
    pointer = registry.champion()
    present = pointer["version"] if pointer else None
    if present == model.version:
        raise UserError(f"{present} is the champion already; it is not compared with itself")
    if present is None:
        decision = PromotionDecision("promote", ("no champion yet",), model.version)
    elif force:
        decision = PromotionDecision("promote", ("forced",), model.version, present)
    elif change := _other_problem(model, champion := find_version(config.paths.models, present)):
        decision = PromotionDecision(
            "promote", (f"nothing to compare: {change}",), model.version, present
        )
    else:
        rows = test_rows(config, model, champion)
        settings = config.promotion
        judged = compare_versions(
            rows,
            model.preprocessor.task,
            settings.slice_rows,
            settings.slice_floor,
            max(200, config.evaluate.bootstrap),
            config.train.seed,
        )
        decision = PromotionDecision(
            **{**asdict(judged), "candidate": model.version, "champion": present}
        )
    write_json(config.paths.artifacts / model.version / "decision.json", asdict(decision))
    if decision.decision == "promote":
        registry.upload(model.folder)
        registry.set_champion(model.version, present)
    return decision


def rollback(config: Config) -> str:
    """Point back at the champion before, and return its name.

    Raises:
        UserError: There is none.
    """
    registry = ModelRegistry(config.serve.store, config.serve.cache)
    pointer = registry.champion()
    if pointer is None or not pointer.get("previous"):
        raise UserError(f"{registry.url}: no champion before the present one to go back to")
    registry.fetch(pointer["previous"])  # must still be whole
    registry.set_champion(pointer["previous"], pointer["version"])
    return str(pointer["previous"])


def test_rows(config: Config, candidate: ModelVersion, champion: ModelVersion) -> Rows:
    """Read the test rows from the raw table and let both models predict them.

    Raises:
        UserError: The models are of different splits, so that test rows of one may be training
            rows of the other.
    """
    for model in (candidate, champion):
        if model.metadata.split != config.split.model_dump(mode="json"):
            raise UserError(
                f"{model.version} was trained with another split than the config has now, so test "
                "rows may be among its training rows. Train it again with this split, or change "
                f"over without a comparison: `models promote {candidate.version} --force`"
            )
    schema = load_schema(config.paths.schema_)
    path, _ = ingest.raw_file(config)
    names = [name for name in config.evaluate.slices if name in schema.columns]
    parts: list[tuple[Any, Any, Any, pl.DataFrame]] = []
    for frame in utils.iter_batches(path, config.data.batch_rows, schema.null_values):
        typed, _ = cast(frame, schema.columns)
        known = typed.filter(
            pl.col(schema.target).is_not_null()
            & pl.Series(split_rows(config.split, schema, typed) == TEST)
        )
        if known.height:
            parts.append(
                (
                    _target(known, schema, candidate),
                    candidate.predictor.predict_frame(known),
                    champion.predictor.predict_frame(known),
                    known.select(pl.col(names).cast(pl.String)),
                )
            )
    if not parts:
        raise UserError("the raw table has no test rows; see `split` in the config")
    target = np.concatenate([part[0] for part in parts])
    usable = ~np.isnan(target)
    slices = pl.concat([part[3] for part in parts]).filter(usable)
    return Rows(
        target[usable],
        np.concatenate([part[1] for part in parts])[usable],
        np.concatenate([part[2] for part in parts])[usable],
        {name: slices[name].to_list() for name in names},
    )


def _other_problem(candidate: ModelVersion, champion: ModelVersion) -> str:
    """Say how the two differ in what they predict, or nothing."""
    ours, theirs = candidate.preprocessor, champion.preprocessor
    if (ours.task, ours.target, ours.classes) != (theirs.task, theirs.target, theirs.classes):
        return f"{champion.version} predicts {theirs.target} ({theirs.task})"
    if ours.schema_hash != theirs.schema_hash:
        return f"{champion.version} was trained with another schema"
    return ""


def _target(frame: pl.DataFrame, schema: Schema, model: ModelVersion) -> NDArray[np.float64]:
    """Return the target as numbers, or as class indices; NaN for an unknown class."""
    column = frame[schema.target]
    if model.preprocessor.classes is None:
        return column.cast(pl.Float64).to_numpy()
    index = {name: float(i) for i, name in enumerate(model.preprocessor.classes)}
    return np.array([index.get(label(value), np.nan) for value in column.to_list()])


def _compare(
    rows: Rows, task: str, resamples: int, seed: int, chosen: NDArray[np.int64] | None = None
) -> tuple[str, bootstrap.Comparison]:
    """Return the primary metric and its values on the chosen rows, candidate beside champion."""
    chosen = np.arange(len(rows.target)) if chosen is None else chosen
    make = (
        metrics.classification_metrics if task == "classification" else metrics.regression_metrics
    )
    compared = bootstrap.compare(
        lambda part: make(rows.target[chosen][part], rows.candidate[chosen][part]),
        lambda part: make(rows.target[chosen][part], rows.champion[chosen][part]),
        len(chosen),
        resamples,
        seed,
    )
    name = next(name for name in metrics.PRIMARY[task] if name in compared)
    return name, compared[name]


def _fallen(
    rows: Rows, task: str, slice_rows: int, floor: float, resamples: int, seed: int
) -> list[str]:
    """Say which slices got worse by more than the floor, beyond doubt."""
    fallen = []
    for column, values in rows.slices.items():
        names = np.array(["" if value is None else value for value in values])
        for value in sorted(set(names.tolist())):
            chosen = np.flatnonzero(names == value)
            if len(chosen) < slice_rows:
                continue
            metric, compared = _compare(rows, task, resamples, seed, chosen)
            better = bootstrap.is_better(
                compared.difference, metrics.METRICS[metric].higher_is_better
            )
            allowed = floor * abs(compared.baseline.value)
            if better is False and abs(compared.difference.value) > allowed:
                fallen.append(
                    f"slice {column}={value} ({len(chosen)} rows) got worse: {metric} "
                    f"{compared.model.value:.4f} against {compared.baseline.value:.4f}"
                )
    return fallen


def listed(config: Config) -> list[tuple[str, bool]]:
    """Return all versions, the oldest first, and whether each is the champion."""
    pointer = ModelRegistry(config.serve.store, config.serve.cache).champion()
    present = pointer["version"] if pointer else None
    return [(name, name == present) for name in versions(config.paths.models)]
